//! Looking at mailboxes.

use super::{Mailbox, mailbox_columns};
use crate::mail::Answers;
use crate::{Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, MailboxId, MailboxName, Uid};

/// Every mailbox of an account with its counts, by name.
#[derive(Clone, Debug)]
pub struct ListMailboxes(pub AccountId);

impl Operation for ListMailboxes {
    type Output = Vec<Mailbox>;
    const NAME: &'static str = "list mailboxes";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Mailbox>, StoreError> {
        let rows = tx
            .one(stmt!(
                concat!(
                    "SELECT ",
                    mailbox_columns!(),
                    " FROM mailbox AS m WHERE m.account_id = ?1 AND m.ended_at IS NULL \
                     ORDER BY m.name"
                ),
                self.0
            ))
            .await?;
        let list: Result<Vec<_>, _> = rows.iter().map(Mailbox::read).collect();
        Ok(list?)
    }
}

/// One mailbox with its counts, by name or by id. `None` when it does not exist.
#[derive(Clone, Debug)]
pub enum FindMailbox {
    /// By name.
    Name(AccountId, MailboxName),
    /// By id.
    Id(AccountId, MailboxId),
}

impl Operation for FindMailbox {
    type Output = Option<Mailbox>;
    const NAME: &'static str = "find mailbox";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Mailbox>, StoreError> {
        let statement = match self {
            FindMailbox::Name(account, name) => super::find(*account, name),
            FindMailbox::Id(account, id) => stmt!(
                concat!(
                    "SELECT ",
                    mailbox_columns!(),
                    " FROM mailbox AS m WHERE m.account_id = ?1 AND m.mailbox_id = ?2 \
                     AND m.ended_at IS NULL"
                ),
                *account,
                *id
            ),
        };
        let rows = tx.one(statement).await?;
        Ok(rows.first().map(Mailbox::read).transpose()?)
    }
}

/// Claims the \Recent messages of a mailbox for one session (RFC 3501 2.3.2): those who claim later
/// get later ones only. No change for anybody else.
#[derive(Clone, Debug)]
pub struct ClaimRecent {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
}

/// The answer of [`ClaimRecent`]: messages from `from` on and below `to` are \Recent to the session
/// that claimed them, and to no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedRecent {
    /// The first.
    pub from: Uid,
    /// The first that is not: the mailbox's UIDNEXT when they were claimed.
    pub to: Uid,
}

impl Operation for ClaimRecent {
    type Output = ClaimedRecent;
    const NAME: &'static str = "claim recent";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<ClaimedRecent, StoreError> {
        // The account's row is locked without a change, so that no two sessions claim the same.
        let batch = vec![
            stmt!("UPDATE account SET modseq = modseq WHERE account_id = ?1", self.account),
            stmt!(
                "SELECT recent_from, uidnext FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND ended_at IS NULL",
                self.account,
                self.mailbox
            ),
            stmt!(
                "UPDATE mailbox SET recent_from = uidnext WHERE account_id = ?1 \
                 AND mailbox_id = ?2 AND recent_from < uidnext AND ended_at IS NULL",
                self.account,
                self.mailbox
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        answers.take()?;
        match answers.take()?.first() {
            Some(row) => Ok(ClaimedRecent { from: row.get(0)?, to: row.get(1)? }),
            None => Err(StoreError::missing("mailbox", self.mailbox)),
        }
    }
}
