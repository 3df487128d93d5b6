//! Placements: what expunge, restore, copy, move and purge have in common.

use super::{Answers, int};
use crate::story::{Event, later_event};
use crate::{Batch, EngineError, Rows, Statement, stmt};
use posthorn_base::{AccountId, EmailId, EventId, Flags, MailboxId, ModSeq, Uid};

/// What the operations need to know of a placement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) uid: Uid,
    pub(crate) email: EmailId,
    pub(crate) flags: Flags,
    pub(crate) size: u64,
}

/// Live, published placements of a mailbox that exists, among `uids`.
pub(crate) fn live(account: AccountId, mailbox: MailboxId, uids: &[Uid]) -> Statement {
    stmt!(
        "SELECT uid, email_id, flags, size FROM placement \
         WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3} AND ended_at IS NULL \
         AND uid < (SELECT uidnext FROM mailbox \
             WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL) ORDER BY uid",
        account,
        mailbox,
        numbers(uids)
    )
}

/// Reads the answer to [`live`].
pub(crate) fn held(rows: &Rows) -> Result<Vec<Held>, EngineError> {
    rows.iter()
        .map(|row| {
            Ok(Held { uid: row.get(0)?, email: row.get(1)?, flags: row.get(2)?, size: row.get(3)? })
        })
        .collect()
}

pub(crate) fn numbers(uids: &[Uid]) -> Vec<i64> {
    uids.iter().map(|uid| i64::from(uid.get())).collect()
}

/// Sums over placements, as they are added to a mailbox (`sign` 1) or taken from it (-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) total: i64,
    pub(crate) unseen: i64,
    pub(crate) deleted: i64,
    pub(crate) bytes: i64,
}

impl Sums {
    pub(crate) fn of(held: &[Held], sign: i64) -> Sums {
        let mut sums = Sums::default();
        for one in held {
            sums.total += sign;
            sums.unseen += sign * i64::from(!one.flags.contains(Flags::SEEN));
            sums.deleted += sign * i64::from(one.flags.contains(Flags::DELETED));
            sums.bytes += sign * int(one.size);
        }
        sums
    }

    /// Adds the sums to a mailbox, which gets the transaction's modseq.
    pub(crate) fn count(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        modseq: ModSeq,
    ) -> Statement {
        stmt!(
            "UPDATE mailbox SET highest_modseq = ?3, total = total + ?4, unseen = unseen + ?5, \
             deleted = deleted + ?6, bytes = bytes + ?7 WHERE account_id = ?1 AND mailbox_id = ?2",
            account,
            mailbox,
            modseq,
            self.total,
            self.unseen,
            self.deleted,
            self.bytes
        )
    }
}

/// Adds to what an account uses, live and ended. Answers whether that is over its quota.
pub(crate) fn use_room(account: AccountId, used: Sums, ended: Sums) -> Statement {
    stmt!(
        "UPDATE account SET used_bytes = used_bytes + ?2, used_messages = used_messages + ?3, \
         ended_bytes = ended_bytes + ?4, ended_messages = ended_messages + ?5 \
         WHERE account_id = ?1 RETURNING CASE WHEN used_bytes > quota_bytes \
         OR used_messages > quota_messages THEN 1 ELSE 0 END",
        account,
        used.bytes,
        used.total,
        ended.bytes,
        ended.total
    )
}

/// Reads the answer to [`use_room`].
pub(crate) fn is_over_quota(answers: &mut Answers) -> Result<bool, EngineError> {
    answers.take()?.first().map_or(Ok(false), |row| row.get(0))
}

/// Adds an event to the stories of emails: one for each arrival, on the account's branch. Stories
/// that are gone get none.
pub(crate) fn tell(
    account: AccountId,
    emails: &[EmailId],
    modseq: ModSeq,
    event: &Event,
    batch: &mut Batch,
) {
    // Rises with time; differs between transactions of one account in one millisecond.
    let number = event.at.millis().max(1) << 21 | (modseq.get() & 0x1f_ffff);
    let Some(id) = EventId::new(number) else { return };
    batch.push(stmt!(
        "INSERT INTO story_event (arrival_id, event_id, at, account_id, data) \
         SELECT e.arrival_id, ?3, ?4, ?1, ?5 FROM email AS e \
         WHERE e.account_id = ?1 AND e.email_id IN {ints:?2} \
         AND EXISTS (SELECT 1 FROM story AS s WHERE s.arrival_id = e.arrival_id) \
         ON CONFLICT DO NOTHING",
        account,
        super::email::ints(emails),
        id,
        event.at,
        later_event(event)
    ));
}
