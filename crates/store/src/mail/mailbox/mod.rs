//! Mailboxes.
//!
//! Invariants
//! * A mailbox that is deleted keeps its row: neither its id nor its UIDVALIDITY comes back. Its
//!   children stay.
//! * Of the mailboxes that exist, no two have one name, no two one role, and one is INBOX.
//! * A change of name, role or existence raises `modseq` *and* `highest_modseq`, so that one index
//!   answers "which mailboxes changed since N".

mod create;
mod delete;
mod list;
mod rename;
mod subscription;

pub use create::{CreateMailbox, first_uidvalidity, role_mailboxes};
pub use delete::DeleteMailbox;
pub use list::{ClaimRecent, ClaimedRecent, FindMailbox, ListMailboxes};
pub use rename::{RenameMailbox, SetRole};
pub use subscription::{ListSubscriptions, SetSubscribed};

use crate::seam::Row;
use crate::{EngineError, Statement, stmt};
use posthorn_base::{
    AccountId, Flags, MailboxId, MailboxName, ModSeq, Role, Time, Uid, UidValidity,
};

/// How many messages a mailbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub total: u64,
    /// Those without \Seen.
    pub unseen: u64,
    /// Those with \Deleted.
    pub deleted: u64,
    /// The sum of their sizes.
    pub bytes: u64,
}

impl Counts {
    /// Counts a message that has other flags now.
    pub(crate) fn change_flags(&mut self, old: Flags, new: Flags) {
        let change = |count: &mut u64, was: bool, is: bool| match (was, is) {
            (false, true) => *count = count.saturating_add(1),
            (true, false) => *count = count.saturating_sub(1),
            _ => {}
        };
        change(&mut self.unseen, !old.contains(Flags::SEEN), !new.contains(Flags::SEEN));
        change(&mut self.deleted, old.contains(Flags::DELETED), new.contains(Flags::DELETED));
    }
}

/// A mailbox that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Survives RENAME.
    pub id: MailboxId,
    /// Its name.
    pub name: MailboxName,
    /// What it is for.
    pub role: Option<Role>,
    /// Never given to another mailbox of the account.
    pub uidvalidity: UidValidity,
    /// The next message gets this UID or a greater one.
    pub uidnext: Uid,
    /// Messages from here on are \Recent to the next session that claims them.
    pub recent_from: Uid,
    /// The last change of the mailbox or of a message in it.
    pub highest_modseq: ModSeq,
    /// The last change of its name, role or existence.
    pub modseq: ModSeq,
    /// When it came into being.
    pub created_modseq: ModSeq,
    /// Which UIDs vanished is known for changes after this one only.
    pub vanished_floor: ModSeq,
    /// What it holds.
    pub counts: Counts,
    /// When it was made.
    pub created_at: Time,
    /// Whether its name is subscribed.
    pub is_subscribed: bool,
}

/// The columns that [`Mailbox::read`] reads, from a `mailbox AS m`.
macro_rules! mailbox_columns {
    () => {
        "m.mailbox_id, m.name, m.role, m.uidvalidity, m.uidnext, m.recent_from, \
         m.highest_modseq, m.modseq, m.created_modseq, m.vanished_floor, m.total, m.unseen, \
         m.deleted, m.bytes, m.created_at, (SELECT COUNT(*) FROM subscription AS s \
         WHERE s.account_id = m.account_id AND s.name = m.name)"
    };
}
pub(crate) use mailbox_columns;

impl Mailbox {
    pub(crate) fn read(row: Row<'_>) -> Result<Mailbox, EngineError> {
        Ok(Mailbox {
            id: row.get(0)?,
            name: row.get(1)?,
            role: Role::from_code(row.get(2)?),
            uidvalidity: row.get(3)?,
            uidnext: row.get(4)?,
            recent_from: row.get(5)?,
            highest_modseq: row.get(6)?,
            modseq: row.get(7)?,
            created_modseq: row.get(8)?,
            vanished_floor: row.get(9)?,
            counts: Counts {
                total: row.get(10)?,
                unseen: row.get(11)?,
                deleted: row.get(12)?,
                bytes: row.get(13)?,
            },
            created_at: row.get(14)?,
            is_subscribed: row.get(15)?,
        })
    }
}

/// The mailbox of this name, if it exists.
pub(crate) fn find(account: AccountId, name: &MailboxName) -> Statement {
    stmt!(
        concat!(
            "SELECT ",
            mailbox_columns!(),
            " FROM mailbox AS m WHERE m.account_id = ?1 AND m.name = ?2 AND m.ended_at IS NULL"
        ),
        account,
        name
    )
}
