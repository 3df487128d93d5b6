//! Whom the store serves: domains, accounts, addresses, logins, grants and credentials.
//!
//! ```text
//!   address --targets--> account | another address | discard
//!   login name --> account --> credentials
//!   account --grants--> addresses it may write as
//! ```
//!
//! Invariants
//! * Names are found by key (case-folded, NFC, A-label domains); two with one key are one.
//! * Every address belongs to a domain of ours. A domain with addresses is not removed.
//! * `postmaster` and `abuse` of every domain reach somebody as long as there is an account.

mod account;
mod address;
mod closing;
mod credential;
mod domain;
mod grant;
mod login;
mod resolve;

pub use account::{
    Account, CloseAccount, CreateAccount, ListAccounts, NewAccount, QuotaState, ReadAccount,
    ReadQuota, RemoveAccount, SetDisabled, SetDisplayName, SetQuota,
};
pub use address::{
    AddressEntry, AddressKind, CreateAddress, EntryName, ListAddresses, Posting, RemoveAddress,
    SetTargets, Target,
};
pub use closing::ListClosing;
pub use credential::{
    AddCredential, Credential, CredentialKind, ListCredentials, MarkUsed, NewCredential,
    RemoveCredential, Scopes, SetMainPassword,
};
pub use domain::{CreateDomain, DomainEntry, ListDomains, RemoveDomain, SetDefaultDomain};
pub use grant::{Grant, Granted, ListGrants, MayUse, SetGrant, Uses};
pub use login::{
    AddLogin, FindLogin, FullLoginKey, ListLogins, LoginFacts, RemoveLogin, login_key,
};
pub use resolve::{Delivery, Forward, Refusal, Resolution, Resolve, Wanted};
