//! How many recipients an account sent to: what the limits on submission are checked against.

use crate::{Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Time};

const HOUR_MILLIS: i64 = 3_600_000;

/// Recipients in the running hour, and in the 24 hours that end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SentCounts {
    /// Since the hour began.
    pub hour: u64,
    /// Since 23 full hours before that.
    pub day: u64,
}

/// Reads the counts.
#[derive(Clone, Copy, Debug)]
pub struct ReadSent {
    /// Whose.
    pub account: AccountId,
    /// The present instant.
    pub now: Time,
}

impl Operation for ReadSent {
    type Output = SentCounts;
    const NAME: &'static str = "read sent";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<SentCounts, StoreError> {
        let hour = self.now.millis().div_euclid(HOUR_MILLIS);
        let rows = tx
            .one(stmt!(
                "SELECT hour, recipients FROM sent_count WHERE account_id = ?1 AND hour > ?2",
                self.account,
                hour - 24
            ))
            .await?;
        let mut counts = SentCounts::default();
        for row in rows.iter() {
            let recipients: u64 = row.get(1)?;
            counts.day += recipients;
            if row.get::<i64>(0)? == hour {
                counts.hour += recipients;
            }
        }
        Ok(counts)
    }
}

/// Adds to the counts. Part of the transaction that accepts a submission.
#[derive(Clone, Copy, Debug)]
pub struct CountSent {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub now: Time,
    /// How many more.
    pub recipients: u32,
}

impl CountSent {
    /// Appends the statements that write it, and that forget hours of more than two days ago.
    pub fn write(&self, batch: &mut crate::Batch) {
        let hour = self.now.millis().div_euclid(HOUR_MILLIS);
        batch.push(stmt!(
            "INSERT INTO sent_count (account_id, hour, recipients) VALUES (?1, ?2, ?3) \
             ON CONFLICT (account_id, hour) \
             DO UPDATE SET recipients = sent_count.recipients + excluded.recipients",
            self.account,
            hour,
            self.recipients
        ));
        batch.push(stmt!(
            "DELETE FROM sent_count WHERE account_id = ?1 AND hour < ?2",
            self.account,
            hour - 48
        ));
    }
}
