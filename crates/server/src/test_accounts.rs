//! An account for tests.

use crate::system::Ids;
use posthorn_base::{AccountId, Address, Domain, Time};
use posthorn_store::Engine;
use posthorn_store::directory::{CreateAccount, CreateDomain, NewAccount, NewCredential};

/// Creates alice@example.com, and her domain.
pub(crate) async fn create_alice(
    engine: &Engine,
    ids: &Ids,
    id: AccountId,
    credentials: Vec<NewCredential>,
    now: Time,
) {
    let domain = Domain::parse("example.com").unwrap();
    engine.write(CreateDomain { domain, now }).await.unwrap();
    let account = NewAccount {
        id,
        address: Address::parse("alice@example.com").unwrap(),
        display_name: String::new(),
        quota_bytes: None,
        quota_messages: None,
        logins: Vec::new(),
        credentials,
        now,
    };
    let mailboxes = std::array::from_fn(|_| ids.next(now));
    engine.write(CreateAccount { account, mailboxes }).await.unwrap();
}
