//! What SEARCH and STATUS ask of messages beside what a view or a mailbox's row knows.

use super::placement::numbers;
use crate::{EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Flags, MailboxId, ThreadId, Time, Uid, ZonedTime};

/// The dates of a message, and its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageDates {
    /// Which message.
    pub uid: Uid,
    /// SAVEDATE.
    pub saved_at: Time,
    /// Its conversation.
    pub thread: ThreadId,
    /// INTERNALDATE.
    pub received: ZonedTime,
    /// The Date field.
    pub sent: Option<ZonedTime>,
}

/// Reads the dates of messages, in the order of their UIDs. Those that were expunged are there as
/// long as they can be restored; then they are left out.
#[derive(Clone, Debug)]
pub struct ReadDates {
    /// Whose.
    pub account: AccountId,
    /// In which mailbox.
    pub mailbox: MailboxId,
    /// Which. The caller bounds how many.
    pub uids: Vec<Uid>,
}

impl Operation for ReadDates {
    type Output = Vec<MessageDates>;
    const NAME: &'static str = "read dates";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT p.uid, p.saved_at, e.thread_id, e.received_at, e.received_zone, \
                 e.sent_at, e.sent_zone FROM placement AS p JOIN email AS e \
                 ON e.account_id = p.account_id AND e.email_id = p.email_id \
                 WHERE p.account_id = ?1 AND p.mailbox_id = ?2 AND p.uid IN {ints:?3} \
                 ORDER BY p.uid",
                self.account,
                self.mailbox,
                numbers(&self.uids)
            ))
            .await?;
        let dates: Result<Vec<MessageDates>, EngineError> = rows
            .iter()
            .map(|row| {
                let zoned = |time, offset_minutes| ZonedTime { time, offset_minutes };
                let sent: Option<Time> = row.get(5)?;
                let sent_zone: Option<i16> = row.get(6)?;
                Ok(MessageDates {
                    uid: row.get(0)?,
                    saved_at: row.get(1)?,
                    thread: row.get(2)?,
                    received: zoned(row.get(3)?, row.get(4)?),
                    sent: sent.map(|time| zoned(time, sent_zone.unwrap_or(0))),
                })
            })
            .collect();
        Ok(dates?)
    }
}

/// Sums over a mailbox that its row does not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxSums {
    /// Messages that are \Recent to the next session that claims them.
    pub recent: u64,
    /// Octets of the messages with \Deleted.
    pub deleted_bytes: u64,
}

/// Adds them up. Zero when the mailbox does not exist.
#[derive(Clone, Debug)]
pub struct SumMailbox {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub mailbox: MailboxId,
}

impl Operation for SumMailbox {
    type Output = MailboxSums;
    const NAME: &'static str = "sum mailbox";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<MailboxSums, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT COALESCE(CAST(SUM(CASE WHEN p.uid >= m.recent_from THEN 1 ELSE 0 END) \
                 AS BIGINT), 0), \
                 COALESCE(CAST(SUM(CASE WHEN (p.flags & ?3) <> 0 THEN p.size ELSE 0 END) \
                 AS BIGINT), 0) \
                 FROM mailbox AS m JOIN placement AS p \
                 ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id \
                 WHERE m.account_id = ?1 AND m.mailbox_id = ?2 AND m.ended_at IS NULL \
                 AND p.ended_at IS NULL AND p.uid < m.uidnext",
                self.account,
                self.mailbox,
                Flags::DELETED
            ))
            .await?;
        let Some(row) = rows.first() else { return Ok(MailboxSums::default()) };
        Ok(MailboxSums { recent: row.get(0)?, deleted_bytes: row.get(1)? })
    }
}
