//! Mailboxes.

use super::Operations;
use super::answer::{invalid, not_found};
use crate::control::{Answer, Exchange};
use posthorn_base::{AccountId, MailboxName};
use posthorn_store::mail::{FindMailbox, ListMailboxes, Mailbox};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxItem {
    /// Its name.
    pub name: String,
    /// Its id, which survives a change of name.
    pub id: String,
    /// What it is for, in the words of RFC 6154.
    pub role: Option<String>,
    /// Messages in it.
    pub messages: u64,
    /// Those that are not \Seen.
    pub unseen: u64,
    /// Their octets.
    pub bytes: u64,
    /// Its UIDVALIDITY.
    pub uidvalidity: u32,
    /// The UID that the next message gets, or a greater one.
    pub uidnext: u32,
    /// Whether its name is subscribed.
    pub subscribed: bool,
}

impl From<Mailbox> for MailboxItem {
    fn from(mailbox: Mailbox) -> MailboxItem {
        MailboxItem {
            name: mailbox.name.as_str().to_owned(),
            id: mailbox.id.to_string(),
            role: mailbox.role.map(|role| format!("{role:?}").to_lowercase()),
            messages: mailbox.counts.total,
            unseen: mailbox.counts.unseen,
            bytes: mailbox.counts.bytes,
            uidvalidity: mailbox.uidvalidity.get(),
            uidnext: mailbox.uidnext.get(),
            subscribed: mailbox.is_subscribed,
        }
    }
}

impl Operations {
    pub(super) async fn mailboxes(
        &self,
        account: &str,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let account = self.find_account(account).await?.id;
        for mailbox in self.directory.store.engine.read(&ListMailboxes(account)).await? {
            exchange.item(&MailboxItem::from(mailbox)).await?;
        }
        Ok(Value::Null)
    }

    /// The mailbox of this name.
    pub(super) async fn find_mailbox(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Mailbox, Answer> {
        let name =
            MailboxName::parse(name).map_err(|error| invalid(format!("{name:?}: {error}")))?;
        let find = FindMailbox::Name(account, name.clone());
        let found = self.directory.store.engine.read(&find).await?;
        found.ok_or_else(|| {
            not_found(
                format!("there is no mailbox {:?}", name.as_str()),
                format!("posthorn mailbox list {account} shows those there are"),
            )
        })
    }
}
