//! Summaries: what a list of messages shows of many emails, and no more of their rows than that.

use super::email::ints;
use crate::seam::Row;
use crate::{EngineError, Operation, StoreError, Tx, stmt};
use bytes::Bytes;
use posthorn_base::{AccountId, EmailId, ThreadId, ZonedTime};

/// Rows that may be passed over, for each email asked for, before emails are looked up one by one.
/// Measured: looking one up costs as much as five steps to the next row.
const PASSED_OVER_MAX: usize = 2;

/// What is shown of an email.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its id.
    pub email: EmailId,
    /// INTERNALDATE.
    pub received: ZonedTime,
    /// Its conversation.
    pub thread: ThreadId,
    /// The ENVELOPE's fields, if they were asked for and are not too large.
    pub envelope: Option<Bytes>,
    /// The part map, if it was asked for and is not too large.
    pub part_map: Option<Bytes>,
}

/// Reads summaries of emails, in the order of their ids. Those that are gone are left out.
///
/// Ids rise with time, and so do UIDs: what a client asks for together lies together, most often.
/// So the rows from the first to the last are gone through, as long as that is worth while.
#[derive(Clone, Debug)]
pub struct ReadSummaries {
    /// Whose.
    pub account: AccountId,
    /// Which: rising, each once. The caller bounds how many.
    pub emails: Vec<EmailId>,
    /// Whether the envelope is read.
    pub envelope: bool,
    /// Whether the part map is read.
    pub part_map: bool,
    /// Of these two, what is larger is left out: a mail may be made so that they have a megabyte,
    /// and many are read together.
    pub octets_max: usize,
}

macro_rules! select {
    ($envelope:literal, $part_map:literal, $where:literal) => {
        concat!(
            "SELECT email_id, received_at, received_zone, thread_id, ",
            $envelope,
            ", ",
            $part_map,
            " FROM email WHERE account_id = ?1 AND ",
            $where
        )
    };
}
/// What is read: neither, the map, the envelope, both. The first has no use for the bound.
macro_rules! selects {
    ($where:literal) => {
        [
            select!("NULL", "CASE WHEN ?2 < 0 THEN part_map END", $where),
            select!("NULL", "CASE WHEN length(part_map) <= ?2 THEN part_map END", $where),
            select!("CASE WHEN length(envelope) <= ?2 THEN envelope END", "NULL", $where),
            select!(
                "CASE WHEN length(envelope) <= ?2 THEN envelope END",
                "CASE WHEN length(part_map) <= ?2 THEN part_map END",
                $where
            ),
        ]
    };
}

const IN_A_ROW: [&str; 4] =
    selects!("email_id >= ?3 AND email_id <= ?4 ORDER BY email_id LIMIT ?5");
const ONE_BY_ONE: [&str; 4] = selects!("email_id IN {ints:?3} ORDER BY email_id");

impl Operation for ReadSummaries {
    type Output = Vec<Summary>;
    const NAME: &'static str = "read summaries";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Summary>, StoreError> {
        let mut found = Vec::with_capacity(self.emails.len());
        let (Some(first), Some(last)) = (self.emails.first(), self.emails.last()) else {
            return Ok(found);
        };
        let octets_max = super::int(self.octets_max as u64);
        let limit = self.emails.len().saturating_mul(1 + PASSED_OVER_MAX);
        let rows = tx
            .one(stmt!(
                self.choose(IN_A_ROW),
                self.account,
                octets_max,
                *first,
                *last,
                u32::try_from(limit).unwrap_or(u32::MAX)
            ))
            .await?;
        let mut wanted = self.emails.as_slice();
        for row in rows.iter() {
            let email: EmailId = row.get(0)?;
            while let Some((next, rest)) = wanted.split_first().filter(|(next, _)| **next <= email)
            {
                wanted = rest;
                if *next == email {
                    found.push(read(row)?);
                }
            }
        }
        if rows.len() < limit || wanted.is_empty() {
            return Ok(found);
        }
        let rows =
            tx.one(stmt!(self.choose(ONE_BY_ONE), self.account, octets_max, ints(wanted))).await?;
        for row in rows.iter() {
            found.push(read(row)?);
        }
        Ok(found)
    }
}

impl ReadSummaries {
    fn choose(&self, [none, map, envelope, both]: [&'static str; 4]) -> &'static str {
        match (self.envelope, self.part_map) {
            (false, false) => none,
            (false, true) => map,
            (true, false) => envelope,
            (true, true) => both,
        }
    }
}

fn read(row: Row<'_>) -> Result<Summary, EngineError> {
    let received = ZonedTime { time: row.get(1)?, offset_minutes: row.get(2)? };
    Ok(Summary {
        email: row.get(0)?,
        received,
        thread: row.get(3)?,
        envelope: row.get(4)?,
        part_map: row.get(5)?,
    })
}
