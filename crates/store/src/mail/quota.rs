//! Quota: what an account may use, and what it does.

use super::{Answers, lock};
use crate::{EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::AccountId;

/// What an account may use and uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Octets it may use.
    pub bytes_max: Option<u64>,
    /// Messages it may have.
    pub messages_max: Option<u64>,
    /// Octets of its messages.
    pub used_bytes: u64,
    /// Its messages.
    pub used_messages: u64,
    /// Octets of what it could restore. Not counted against the quota.
    pub ended_bytes: u64,
    /// Messages it could restore.
    pub ended_messages: u64,
}

impl Quota {
    /// True when a message of `size` octets (0 when unknown, RFC 1870 6.1) is to be refused with 452.
    pub fn refuses(&self, size: u64) -> bool {
        let over = |used: u64, more: u64, most: Option<u64>| {
            most.is_some_and(|most| used.saturating_add(more) > most)
        };
        over(self.used_bytes, size, self.bytes_max)
            || over(self.used_messages, 1, self.messages_max)
    }
}

/// Reads an account's quota. `None` when there is no such account.
#[derive(Clone, Debug)]
pub struct ReadQuota(pub AccountId);

impl Operation for ReadQuota {
    type Output = Option<Quota>;
    const NAME: &'static str = "read quota";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Quota>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT quota_bytes, quota_messages, used_bytes, used_messages, ended_bytes, \
                 ended_messages FROM account WHERE account_id = ?1",
                self.0
            ))
            .await?;
        let quota: Option<Result<Quota, EngineError>> = rows.first().map(|row| {
            Ok(Quota {
                bytes_max: row.get(0)?,
                messages_max: row.get(1)?,
                used_bytes: row.get(2)?,
                used_messages: row.get(3)?,
                ended_bytes: row.get(4)?,
                ended_messages: row.get(5)?,
            })
        });
        Ok(quota.transpose()?)
    }
}

/// Counts an account's messages anew, from its placements, and puts its sums and those of its
/// mailboxes right. Answers whether anything was wrong. A repair: nothing else needs it.
#[derive(Clone, Debug)]
pub struct Recount(pub AccountId);

impl Operation for Recount {
    type Output = bool;
    const NAME: &'static str = "recount";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let batch = vec![
            lock(self.0),
            stmt!(
                "UPDATE mailbox SET total = n.total, unseen = n.unseen, deleted = n.deleted, \
                 bytes = n.bytes FROM (SELECT m.mailbox_id AS id, COUNT(p.uid) AS total, \
                 COUNT(CASE WHEN p.flags & 1 = 0 THEN 1 END) AS unseen, \
                 COUNT(CASE WHEN p.flags & 8 <> 0 THEN 1 END) AS deleted, \
                 CAST(COALESCE(SUM(p.size), 0) AS BIGINT) AS bytes \
                 FROM mailbox AS m LEFT JOIN placement AS p ON p.account_id = m.account_id \
                 AND p.mailbox_id = m.mailbox_id AND p.ended_at IS NULL AND p.uid < m.uidnext \
                 WHERE m.account_id = ?1 GROUP BY m.mailbox_id) AS n \
                 WHERE mailbox.account_id = ?1 AND mailbox.mailbox_id = n.id \
                 AND (mailbox.total <> n.total OR mailbox.unseen <> n.unseen \
                 OR mailbox.deleted <> n.deleted OR mailbox.bytes <> n.bytes)",
                self.0
            ),
            stmt!(
                "UPDATE account SET used_bytes = n.used_bytes, used_messages = n.used_messages, \
                 ended_bytes = n.ended_bytes, ended_messages = n.ended_messages FROM (SELECT \
                 (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM mailbox \
                     WHERE account_id = ?1) AS used_bytes, \
                 (SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM mailbox \
                     WHERE account_id = ?1) AS used_messages, \
                 (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM placement \
                     WHERE account_id = ?1 AND ended_at IS NOT NULL) AS ended_bytes, \
                 (SELECT COUNT(*) FROM placement WHERE account_id = ?1 \
                     AND ended_at IS NOT NULL AND email_id <> 0) AS ended_messages) AS n \
                 WHERE account.account_id = ?1 AND (account.used_bytes <> n.used_bytes \
                 OR account.used_messages <> n.used_messages \
                 OR account.ended_bytes <> n.ended_bytes \
                 OR account.ended_messages <> n.ended_messages)",
                self.0
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        answers.modseq(self.0)?;
        Ok(answers.take()?.changed() + answers.take()?.changed() > 0)
    }
}
