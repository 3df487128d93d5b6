//! Deleting mailboxes.

use crate::mail::{Answers, lock};
use crate::{Change, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, Role, Time};

/// Deletes a mailbox. Those below it stay, and so does its subscription. Its messages are ended,
/// which means that they can be restored for a while, by
/// [`EndDeleted`](crate::mail::EndDeleted) step by step; the mailbox is out of sight at once.
#[derive(Clone, Debug)]
pub struct DeleteMailbox {
    /// Whose.
    pub account: AccountId,
    /// Which. INBOX is refused (RFC 3501 6.3.4).
    pub mailbox: MailboxId,
    /// When.
    pub now: Time,
}

impl Operation for DeleteMailbox {
    type Output = ();
    const NAME: &'static str = "delete mailbox";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        // An answer that is an error leaves nothing behind.
        match self.end(tx).await? {
            Some(Role::Inbox) => Err(StoreError::Refused("INBOX cannot be deleted".into())),
            _ => Ok(()),
        }
    }
}

impl DeleteMailbox {
    /// Deletes whichever it is, and answers the role that it had.
    pub(in crate::mail) async fn end(&self, tx: &mut Tx<'_>) -> Result<Option<Role>, StoreError> {
        let batch = vec![
            lock(self.account),
            stmt!(
                "UPDATE mailbox SET ended_at = ?3, \
                 modseq = (SELECT modseq FROM account WHERE account_id = ?1), \
                 highest_modseq = (SELECT modseq FROM account WHERE account_id = ?1) \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL RETURNING role",
                self.account,
                self.mailbox,
                self.now
            ),
            stmt!(
                "DELETE FROM mailbox_right WHERE account_id = ?1 AND mailbox_id = ?2",
                self.account,
                self.mailbox
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let role: i64 = match answers.take()?.first() {
            Some(row) => row.get(0)?,
            None => return Err(StoreError::missing("mailbox", self.mailbox)),
        };
        tx.changed(Change::Mailbox { account: self.account, mailbox: self.mailbox, modseq });
        Ok(Role::from_code(role))
    }
}
