//! What must happen before a store that came back from a backup serves anybody.
//!
//! Clients remember UIDs, UIDVALIDITYs and modseqs that were given out after the backup was taken
//! and that the store has forgotten. Given out once more for something else, they would show one
//! message in the place of another. So every mailbox gets a UIDVALIDITY that was never used, and
//! every account's modseq jumps beyond what it can have reached: clients read everything anew,
//! once.
//!
//! A snapshot is written with `meta.restores` one higher than the store it was taken of; a job row
//! says up to which number this was done.

use crate::{Operation, StoreError, Tx, stmt};
use posthorn_base::Time;

/// The job row's name.
const JOB: &str = "restored";
/// More changes than an account can have seen since its backup.
const MODSEQ_JUMP: i64 = 1 << 32;

/// Does it, if it is still to be done. Answers whether it was.
#[derive(Clone, Copy, Debug)]
pub struct AfterRestore {
    /// The present instant. UIDVALIDITYs go on from its seconds: those that the lost time gave out
    /// began below.
    pub now: Time,
}

impl Operation for AfterRestore {
    type Output = bool;
    const NAME: &'static str = "after restore";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let answers = tx
            .run(vec![
                stmt!("SELECT restores FROM meta"),
                stmt!("SELECT state FROM job WHERE name = ?1", crate::Value::Text(JOB.into())),
            ])
            .await?;
        let [meta, job] = answers.as_slice() else { return Ok(false) };
        let restores = meta.first().map_or(Ok(0), |row| row.get::<i64>(0))?;
        let done = match job.first() {
            Some(row) => row.get::<String>(0)?.parse().unwrap_or(0),
            None => 0,
        };
        if restores <= done {
            return Ok(false);
        }
        tx.run(vec![
            stmt!(
                "UPDATE account SET modseq = modseq + ?1, next_uidvalidity = \
                 CASE WHEN next_uidvalidity > ?2 THEN next_uidvalidity ELSE ?2 END",
                MODSEQ_JUMP,
                self.now.seconds()
            ),
            // Each mailbox takes the next number of its account, in the order of their ids.
            stmt!(
                "UPDATE mailbox SET uidvalidity = \
                 (SELECT next_uidvalidity FROM account \
                     WHERE account.account_id = mailbox.account_id) \
                 + (SELECT COUNT(*) FROM mailbox AS before \
                     WHERE before.account_id = mailbox.account_id \
                     AND before.mailbox_id < mailbox.mailbox_id)"
            ),
            stmt!(
                "UPDATE mailbox SET highest_modseq = (SELECT modseq FROM account \
                     WHERE account.account_id = mailbox.account_id), \
                 modseq = (SELECT modseq FROM account \
                     WHERE account.account_id = mailbox.account_id), \
                 vanished_floor = (SELECT modseq FROM account \
                     WHERE account.account_id = mailbox.account_id)"
            ),
            stmt!(
                "UPDATE account SET next_uidvalidity = next_uidvalidity + \
                 (SELECT COUNT(*) FROM mailbox WHERE mailbox.account_id = account.account_id)"
            ),
            stmt!(
                "INSERT INTO job (name, state, updated_at) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET state = excluded.state, \
                 updated_at = excluded.updated_at",
                crate::Value::Text(JOB.into()),
                restores.to_string().as_str(),
                self.now
            ),
        ])
        .await?;
        Ok(true)
    }

    fn needs_room(&self) -> bool {
        false
    }
}
