//! Mail: mailboxes, emails, their placements and bodies, and what happens to them.
//!
//! An *email* is immutable: body, envelope, part map, thread. A *placement* puts it into a mailbox
//! under a UID, with flags and keywords of its own. Everything that happens is one of the
//! operations in this folder, a file for each noun or verb.
//!
//! Invariants ([`crate::check`] verifies them)
//! * Every transaction that changes an account's mail begins by updating the account's row: that is
//!   its lock, and gives it its modseq. Rows it touches carry that modseq.
//! * A mailbox's counts are the sums over its published live placements; an account's sums are
//!   those over all of its mailboxes.
//! * A placement is *live* (`ended_at` NULL), *ended* (it can be restored, holds its email, counts
//!   as ended) or a *tombstone* (ended, `email_id` 0, size 0: only says that the UID is gone; MOVE,
//!   restore and `purge --now` leave them).
//! * A placement whose UID is not below its mailbox's `uidnext` is *unpublished*: a large COPY is
//!   writing it. Nobody but that COPY may see it; counts leave it out.
//! * UIDs rise in the order in which placements become visible; neither they nor a UIDVALIDITY nor
//!   an id is ever used twice.
//! * An email is there as long as a placement row holds it, live or ended. It has no count of them:
//!   COPY would rewrite the widest row of all for it. `body.refs` is the number of email and queue
//!   rows with that body, and of accounts that are still to get it ([`pending`]). Whoever takes the
//!   last one away removes the row.

mod accept;
mod append;
mod body;
pub mod bulk;
mod changes;
mod copy;
mod email;
mod expunge;
mod flags;
mod import;
mod keywords;
mod mailbox;
mod maildrop;
mod message;
pub mod pending;
mod placement;
mod plan;
mod purge;
mod recount;
mod restore;
mod search;
pub mod stage;
mod summary;
mod thread;
mod unused_keywords;

pub use accept::{Accept, Accepted, FindAccepted, Placed};
pub use append::{Append, Appended, NewMessage};
pub use body::{Body, Location, NewBody, ReadBodies, ReadBody, ReadQueuedBody};
pub use changes::{
    AccountChanged, AccountChanges, Cursor, ListUids, MailboxChanged, MailboxChanges,
};
pub use copy::{Copied, CopyMessages, CopyMode};
pub use email::{Email, EmailFacts, ReadEmails, ReadTexts, SearchText, UnpackedText};
pub use expunge::{EndDeleted, Expunge, Expunged, FindDeleted};
pub use flags::{FlagAction, FlagsStored, StoreFlags, Unchanged};
pub use import::{ImportStep, ReadImport};
pub use keywords::{KeywordSet, ListKeywords, TOO_MANY_KEYWORDS};
pub use mailbox::{
    ClaimRecent, ClaimedRecent, Counts, CreateMailbox, DeleteMailbox, FindMailbox, ListMailboxes,
    ListSubscriptions, Mailbox, RenameMailbox, SetRole, SetSubscribed, first_uidvalidity,
    role_mailboxes,
};
pub use maildrop::{
    ListMaildrop, MaildropMessage, MaildropPage, ReadMaildropMessage, SetUniqueIds,
};
pub use message::{ListMessages, Message};
pub use plan::{Delivery, NewPlacement, Plan, Target};
pub use purge::{Purge, Purgeable};
pub use recount::Recount;
pub use restore::{ListRestorable, Restorable, Restore, Restored};
pub use search::{MailboxSums, MessageDates, ReadDates, SumMailbox};
pub use summary::{ReadSummaries, Summary};
pub use thread::ThreadKeys;
pub use unused_keywords::{FindManyKeywords, free_keywords};

use crate::{EngineError, Rows, Statement, StoreError, stmt};
use posthorn_base::{AccountId, ModSeq};

/// The answers to a batch, taken in the order of its statements.
pub(crate) struct Answers(std::vec::IntoIter<Rows>);

impl Answers {
    pub(crate) fn new(rows: Vec<Rows>) -> Self {
        Answers(rows.into_iter())
    }
    /// The answer to the next statement.
    pub(crate) fn take(&mut self) -> Result<Rows, EngineError> {
        self.0.next().ok_or_else(|| EngineError::Corrupt("a statement was not answered".into()))
    }
    /// The answer to the lock of `account`: the modseq of this transaction.
    pub(crate) fn modseq(&mut self, account: AccountId) -> Result<ModSeq, StoreError> {
        match self.take()?.first() {
            Some(row) => Ok(row.get(0)?),
            None => Err(StoreError::missing("account", account)),
        }
    }
}

/// Locks an account until the commit and takes its next modseq.
pub(crate) fn lock(account: AccountId) -> Statement {
    stmt!("UPDATE account SET modseq = modseq + 1 WHERE account_id = ?1 RETURNING modseq", account)
}

/// A count of octets or messages as the engines keep it.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
