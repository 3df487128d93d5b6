//! Sums of an account, counted anew.

use super::{Answers, lock};
use crate::{Operation, StoreError, Tx, stmt};
use posthorn_base::AccountId;

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
