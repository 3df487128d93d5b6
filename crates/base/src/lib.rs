//! The words that all layers of Posthorn share: addresses, domains, mailbox names, message numbers,
//! flags, ids, instants and limits. No input or output happens here.
//!
//! Invariants
//! * A value of one of these types is valid: text turns into them once, at the edge ([`address`],
//!   [`mailbox`]), and nothing behind the edge checks again.
//! * Time and randomness are arguments ([`Clock`], [`Random`]); only `server` and `posthorn` make
//!   real ones.
//! * Every bound in the system has a name in [`limits`].

pub mod address;
pub mod flags;
pub mod id;
pub mod limits;
pub mod mailbox;
pub mod object_id;
pub mod random;
pub mod shown;
pub mod time;
pub mod varint;

pub use address::{Address, AddressError, AddressKey, Domain, LocalPart};
pub use flags::{Flags, Keyword, KeywordError};
pub use id::{
    AccountId, ArrivalId, BodyId, ConnectionId, CredentialId, EmailId, EventId, IdError, IdSource,
    MailboxId, QueueId, ThreadId,
};
pub use mailbox::{MailboxName, MailboxNameError, ModSeq, Role, Uid, UidValidity};
pub use object_id::ObjectId;
pub use random::Random;
pub use time::{Clock, Time, ZonedTime};
