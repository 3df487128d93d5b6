//! What changed since: the one question that IMAP, JMAP, live views and other nodes ask.

use super::mailbox::{Mailbox, mailbox_columns};
use super::{Answers, Message};
use crate::{EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, ModSeq, Uid};

/// A place in the change log of a mailbox: changes up to and with this one are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The change's modseq ...
    pub modseq: ModSeq,
    /// ... and the message it touched; [`Uid::MAX`]: all of that modseq.
    pub uid: Uid,
}

impl Cursor {
    /// Everything up to `modseq` is known.
    pub fn after(modseq: ModSeq) -> Self {
        Cursor { modseq, uid: Uid::MAX }
    }

    /// The first (modseq, UID) that is not known. Where all of a modseq is known, its messages need
    /// not be looked at to skip them: a single COPY may have made thousands.
    fn next(self) -> (i64, i64) {
        match self.uid {
            Uid::MAX => (self.modseq.get().saturating_add(1), 0),
            uid => (self.modseq.get(), i64::from(uid.get()) + 1),
        }
    }
}

/// Reads the changes of a mailbox, in the order in which they happened.
#[derive(Clone, Debug)]
pub struct MailboxChanges {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
    /// What is known.
    pub since: Cursor,
    /// Changes at most; there are more when `next` says so.
    pub limit: u32,
}

/// The answer of [`MailboxChanges`].
#[derive(Clone, Debug)]
pub struct MailboxChanged {
    /// The mailbox as it is now.
    pub mailbox: Mailbox,
    /// Messages that are new or have other flags, as they are now.
    pub messages: Vec<Message>,
    /// UIDs that are gone.
    pub vanished: Vec<Uid>,
    /// Whether `vanished` is all that vanished since; when false, older ones were purged, and the
    /// asker compares all UIDs (RFC 7162 3.2.5.2 allows a server to have forgotten them).
    pub vanished_is_complete: bool,
    /// Where to go on, when there are more changes.
    pub next: Option<Cursor>,
}

impl Operation for MailboxChanges {
    type Output = MailboxChanged;
    const NAME: &'static str = "mailbox changes";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<MailboxChanged, StoreError> {
        let (modseq, uid) = self.since.next();
        let batch = vec![
            stmt!(
                concat!(
                    "SELECT ",
                    mailbox_columns!(),
                    " FROM mailbox AS m WHERE m.account_id = ?1 AND m.mailbox_id = ?2 \
                     AND m.ended_at IS NULL"
                ),
                self.account,
                self.mailbox
            ),
            stmt!(
                concat!(
                    "SELECT ",
                    // A tombstone has no email: its place is taken by a number that is one.
                    "uid, CASE WHEN ended_at IS NULL THEN email_id ELSE 1 END, modseq, flags, \
                     keywords, size, saved_at, CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END \
                     FROM placement WHERE account_id = ?1 AND mailbox_id = ?2 \
                     AND modseq >= ?3 AND (modseq > ?3 OR uid >= ?4) \
                     AND uid < (SELECT uidnext FROM mailbox \
                         WHERE account_id = ?1 AND mailbox_id = ?2) \
                     ORDER BY modseq, uid LIMIT ?5"
                ),
                self.account,
                self.mailbox,
                modseq,
                uid,
                self.limit
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let mailbox = match answers.take()?.first() {
            Some(row) => Mailbox::read(row)?,
            None => return Err(StoreError::missing("mailbox", self.mailbox)),
        };
        let rows = answers.take()?;
        let (mut messages, mut vanished, mut last) = (Vec::new(), Vec::new(), None);
        for row in rows.iter() {
            let message = Message::read(row)?;
            last = Some(Cursor { modseq: message.modseq, uid: message.uid });
            if row.get::<bool>(7)? {
                vanished.push(message.uid);
            } else {
                messages.push(message);
            }
        }
        let is_full = rows.len() >= self.limit as usize;
        let vanished_is_complete = self.since.modseq >= mailbox.vanished_floor;
        let next = last.filter(|_| is_full);
        Ok(MailboxChanged { mailbox, messages, vanished, vanished_is_complete, next })
    }
}

/// Reads the live UIDs of a mailbox: for those who were told that `vanished` is not complete, and
/// for ranges of a client that are compared.
#[derive(Clone, Debug)]
pub struct ListUids {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
}

impl Operation for ListUids {
    type Output = Vec<Uid>;
    const NAME: &'static str = "list uids";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Uid>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT uid FROM placement WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND ended_at IS NULL AND uid < (SELECT uidnext FROM mailbox \
                     WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL) \
                 ORDER BY uid",
                self.account,
                self.mailbox
            ))
            .await?;
        let uids: Result<Vec<_>, _> = rows.iter().map(|row| row.get(0)).collect();
        Ok(uids?)
    }
}

/// Reads which mailboxes of an account changed, in any way, after a modseq.
#[derive(Clone, Debug)]
pub struct AccountChanges {
    /// Whose.
    pub account: AccountId,
    /// What is known.
    pub since: ModSeq,
}

/// The answer of [`AccountChanges`].
#[derive(Clone, Debug)]
pub struct AccountChanged {
    /// The account's newest change.
    pub modseq: ModSeq,
    /// Mailboxes that are new, or changed in name, role or content.
    pub mailboxes: Vec<Mailbox>,
    /// Mailboxes that were deleted.
    pub deleted: Vec<MailboxId>,
}

impl Operation for AccountChanges {
    type Output = AccountChanged;
    const NAME: &'static str = "account changes";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<AccountChanged, StoreError> {
        let batch = vec![
            stmt!("SELECT modseq FROM account WHERE account_id = ?1", self.account),
            stmt!(
                concat!(
                    "SELECT ",
                    mailbox_columns!(),
                    " FROM mailbox AS m WHERE m.account_id = ?1 AND m.highest_modseq > ?2 \
                     AND m.ended_at IS NULL ORDER BY m.name"
                ),
                self.account,
                self.since
            ),
            stmt!(
                "SELECT mailbox_id FROM mailbox WHERE account_id = ?1 AND highest_modseq > ?2 \
                 AND modseq > ?2 AND ended_at IS NOT NULL ORDER BY mailbox_id",
                self.account,
                self.since
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let mailboxes: Result<Vec<_>, EngineError> =
            answers.take()?.iter().map(Mailbox::read).collect();
        let deleted: Result<Vec<_>, EngineError> =
            answers.take()?.iter().map(|row| row.get(0)).collect();
        Ok(AccountChanged { modseq, mailboxes: mailboxes?, deleted: deleted? })
    }
}
