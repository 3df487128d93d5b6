//! Purging: ended placements go for good, and with the last one of an email the email, and with the
//! last reference the body.
//!
//! It runs in steps, each small enough for the writer, with other operations in between; every step
//! leaves the store whole.

use super::lock;
use super::placement;
use super::{Answers, int};
use crate::reference;
use crate::story::{Event, Kind, Label};
use crate::{Batch, EngineError, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{AccountId, BodyId, EmailId, MailboxId, ModSeq, Time, Uid};
use std::collections::BTreeMap;

/// What a purge takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purgeable {
    /// What ended before this instant: retention is over, or everything is to go now.
    EndedBefore(Time),
    /// The oldest, until the ended messages of the account take no more than this many octets:
    /// their own cap, which is the quota again.
    DownTo(u64),
    /// These emails' ended placements, at once: legal erasure.
    Emails(Vec<EmailId>),
}

/// One step of a purge of one account. Answers how many placements went; fewer than `limit` means
/// that nothing is left to do.
#[derive(Clone, Debug)]
pub struct Purge {
    /// Whose.
    pub account: AccountId,
    /// What.
    pub what: Purgeable,
    /// Placements of this step at most; about 100.
    pub limit: u32,
    /// Why, for the stories: "retention", "cap", "erased by ...".
    pub reason: String,
    /// When.
    pub now: Time,
}

struct Ended {
    mailbox: MailboxId,
    uid: Uid,
    /// `None` for a tombstone.
    email: Option<EmailId>,
    size: u64,
    modseq: ModSeq,
}

impl Operation for Purge {
    type Output = usize;
    const NAME: &'static str = "purge";

    fn needs_room(&self) -> bool {
        false
    }

    fn bytes(&self) -> usize {
        self.limit as usize * 512
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let batch = vec![
            lock(self.account),
            stmt!("SELECT ended_bytes FROM account WHERE account_id = ?1", self.account),
            self.select(),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let ended_bytes: u64 = answers.take()?.first().map_or(Ok(0), |row| row.get(0))?;
        let mut ended = read(&answers.take()?)?;
        if let Purgeable::DownTo(most) = self.what {
            let mut left = ended_bytes;
            let keep_from = ended.iter().position(|one| {
                let is_enough = left <= most;
                left = left.saturating_sub(one.size);
                is_enough
            });
            ended.truncate(keep_from.unwrap_or(ended.len()));
        }
        if ended.is_empty() {
            return Ok(0);
        }
        let emails: Vec<EmailId> = ended.iter().filter_map(|one| one.email).collect();
        tx.run(self.remove(&ended)).await?;
        remove_unheld(tx, self.account, &emails, modseq, &self.reason, self.now).await?;
        Ok(ended.len())
    }
}

fn read(rows: &crate::Rows) -> Result<Vec<Ended>, EngineError> {
    rows.iter()
        .map(|row| {
            Ok(Ended {
                mailbox: row.get(0)?,
                uid: row.get(1)?,
                email: EmailId::new(row.get(2)?),
                size: row.get(3)?,
                modseq: row.get(4)?,
            })
        })
        .collect()
}

impl Purge {
    fn select(&self) -> Statement {
        match &self.what {
            Purgeable::EndedBefore(time) => stmt!(
                "SELECT mailbox_id, uid, email_id, size, modseq FROM placement \
                 WHERE account_id = ?1 AND ended_at IS NOT NULL AND ended_at < ?2 \
                 ORDER BY ended_at LIMIT ?3",
                self.account,
                *time,
                self.limit
            ),
            Purgeable::DownTo(_) => stmt!(
                "SELECT mailbox_id, uid, email_id, size, modseq FROM placement \
                 WHERE account_id = ?1 AND ended_at IS NOT NULL ORDER BY ended_at LIMIT ?2",
                self.account,
                self.limit
            ),
            Purgeable::Emails(emails) => stmt!(
                "SELECT mailbox_id, uid, email_id, size, modseq FROM placement \
                 WHERE account_id = ?1 AND email_id IN {ints:?2} AND ended_at IS NOT NULL LIMIT ?3",
                self.account,
                super::email::ints(emails),
                self.limit
            ),
        }
    }

    /// Removes placement rows; each mailbox remembers up to where it forgot what vanished.
    fn remove(&self, ended: &[Ended]) -> Batch {
        let mut by_mailbox: BTreeMap<MailboxId, (Vec<i64>, ModSeq)> = BTreeMap::new();
        let (mut bytes, mut messages) = (0, 0);
        for one in ended {
            let (uids, floor) =
                by_mailbox.entry(one.mailbox).or_insert_with(|| (Vec::new(), one.modseq));
            uids.push(i64::from(one.uid.get()));
            *floor = one.modseq.max(*floor);
            messages += i64::from(one.email.is_some());
            bytes += int(one.size);
        }
        let mut batch = Batch::new();
        for (mailbox, (uids, floor)) in by_mailbox {
            batch.push(super::maildrop::forget_unique_ids(self.account, mailbox, &uids));
            batch.push(stmt!(
                "DELETE FROM placement WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND uid IN {ints:?3}",
                self.account,
                mailbox,
                uids
            ));
            batch.push(stmt!(
                "UPDATE mailbox SET vanished_floor = ?3 \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND vanished_floor < ?3",
                self.account,
                mailbox,
                floor
            ));
        }
        batch.push(stmt!(
            "UPDATE account SET ended_bytes = ended_bytes - ?2, \
             ended_messages = ended_messages - ?3 WHERE account_id = ?1",
            self.account,
            bytes,
            messages
        ));
        batch
    }
}

/// Removes those of `emails` that no placement holds any more, with their texts, and gives their
/// bodies back.
pub(super) async fn remove_unheld(
    tx: &mut Tx<'_>,
    account: AccountId,
    emails: &[EmailId],
    modseq: ModSeq,
    reason: &str,
    now: Time,
) -> Result<(), StoreError> {
    let rows = tx
        .one(stmt!(
            "SELECT e.email_id, e.body_id FROM email AS e \
             WHERE e.account_id = ?1 AND e.email_id IN {ints:?2} AND NOT EXISTS \
             (SELECT 1 FROM placement AS p WHERE p.account_id = ?1 AND p.email_id = e.email_id)",
            account,
            super::email::ints(emails)
        ))
        .await?;
    let mut gone: Vec<EmailId> = Vec::new();
    let mut bodies: Vec<BodyId> = Vec::new();
    for row in rows.iter() {
        gone.push(row.get(0)?);
        bodies.push(row.get(1)?);
    }
    if gone.is_empty() {
        return Ok(());
    }
    let mut batch = Batch::new();
    let event = Event::new(now, Kind::Purged).of(account).with(Label::Reason, reason);
    placement::tell(account, &gone, modseq, &event, &mut batch);
    let ids = super::email::ints(&gone);
    batch.push(stmt!(
        "DELETE FROM email_text WHERE account_id = ?1 AND email_id IN {ints:?2}",
        account,
        ids.clone()
    ));
    batch.push(stmt!(
        "DELETE FROM email WHERE account_id = ?1 AND email_id IN {ints:?2}",
        account,
        ids
    ));
    bodies.sort_unstable();
    for same in bodies.chunk_by(|a, b| a == b) {
        if let Some(body) = same.first() {
            let count = u32::try_from(same.len()).unwrap_or(u32::MAX);
            reference::release(*body, count, now, &mut batch);
        }
    }
    tx.run(batch).await?;
    Ok(())
}
