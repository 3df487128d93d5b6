//! COPY and MOVE within an account: the email stays the same, the placement is a new one.
//!
//! One transaction copies up to a few hundred messages. A larger COPY is all or nothing, too: see
//! [`stage`](super::stage).

use super::placement::{self, Sums, held, live, numbers};
use super::{Answers, lock};
use crate::seam::{Decode, is_run};
use crate::story::{Event, Kind, Label};
use crate::{Batch, Change, EngineError, Operation, Rows, Statement, StoreError, Tx, stmt};
use posthorn_base::{AccountId, EmailId, MailboxId, MailboxName, ModSeq, Time, Uid, UidValidity};

/// What becomes of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMode {
    /// It stays.
    Copy,
    /// It goes: only the fact that its UID is gone remains (RFC 6851).
    Move,
}

/// Copies or moves messages in one transaction. The caller keeps the set below
/// [`BULK_STEP_MESSAGES`](posthorn_base::limits::BULK_STEP_MESSAGES).
#[derive(Clone, Debug)]
pub struct CopyMessages {
    /// Whose.
    pub account: AccountId,
    /// From where.
    pub from: MailboxId,
    /// Into which mailbox. It may be the same.
    pub to: MailboxId,
    /// Which. Those that are gone are left out.
    pub uids: Vec<Uid>,
    /// Copy or move.
    pub mode: CopyMode,
    /// SAVEDATE of the new placements.
    pub now: Time,
}

/// What [`CopyMessages`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The target's, for COPYUID.
    pub uidvalidity: UidValidity,
    /// The transaction's.
    pub modseq: ModSeq,
    /// Old and new UIDs, rising on both sides.
    pub uids: Vec<(Uid, Uid)>,
}

impl Operation for CopyMessages {
    type Output = Copied;
    const NAME: &'static str = "copy messages";

    fn bytes(&self) -> usize {
        self.uids.len() * 256
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Copied, StoreError> {
        let batch = vec![
            lock(self.account),
            live(self.account, self.from, &self.uids),
            mailbox_name(self.account, self.from),
            stmt!(
                "UPDATE mailbox SET uidnext = uidnext + ?3 WHERE account_id = ?1 \
                 AND mailbox_id = ?2 AND ended_at IS NULL \
                 RETURNING uidvalidity, uidnext - ?3, name",
                self.account,
                self.to,
                self.uids.len() as i64
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let list = held(&answers.take()?)?;
        let from: MailboxName = first(&answers.take()?, 0, self.from)?;
        let target = answers.take()?;
        let uidvalidity = first(&target, 0, self.to)?;
        let base: Uid = first(&target, 1, self.to)?;
        let to: MailboxName = first(&target, 2, self.to)?;
        let mut copied = Copied { uidvalidity, modseq, uids: Vec::with_capacity(list.len()) };
        for (one, number) in list.iter().zip(base.get()..) {
            copied.uids.push((one.uid, Uid::new(number).unwrap_or(Uid::MAX)));
        }
        if list.is_empty() {
            return Ok(copied);
        }
        let emails: Vec<EmailId> = list.iter().map(|one| one.email).collect();
        let old: Vec<Uid> = list.iter().map(|one| one.uid).collect();
        let mut batch: Batch = vec![
            insert_copies(&Copies {
                account: self.account,
                from: self.from,
                to: self.to,
                base,
                modseq,
                now: self.now,
                uids: &old,
            }),
            Sums::of(&list, 1).count(self.account, self.to, modseq),
        ];
        let kind = match self.mode {
            CopyMode::Copy => {
                batch.push(placement::use_room(self.account, Sums::of(&list, 1), Sums::default()));
                Kind::Copied
            }
            CopyMode::Move => {
                batch.push(tombstone(self.account, self.from, &old, modseq, self.now));
                batch.push(Sums::of(&list, -1).count(self.account, self.from, modseq));
                Kind::Moved
            }
        };
        let event = Event::new(self.now, kind)
            .of(self.account)
            .with(Label::From, from.as_str())
            .with(Label::To, to.as_str());
        placement::tell(self.account, &emails, modseq, &event, &mut batch);
        let mut answers = Answers::new(tx.run(batch).await?);
        if self.mode == CopyMode::Copy {
            let (_, _) = (answers.take()?, answers.take()?);
            if placement::is_over_quota(&mut answers)? {
                return Err(StoreError::OverQuota);
            }
        } else {
            tx.changed(self.change(self.from, modseq));
        }
        tx.changed(self.change(self.to, modseq));
        Ok(copied)
    }
}

impl CopyMessages {
    fn change(&self, mailbox: MailboxId, modseq: ModSeq) -> Change {
        Change::Mailbox { account: self.account, mailbox, modseq }
    }
}

/// A column of the first row; no row means that the mailbox does not exist.
pub(super) fn first<T: Decode>(
    rows: &Rows,
    column: usize,
    mailbox: MailboxId,
) -> Result<T, StoreError> {
    let row = rows.first().ok_or_else(|| StoreError::missing("mailbox", mailbox))?;
    row.get(column).map_err(|error: EngineError| error.into())
}

pub(super) fn mailbox_name(account: AccountId, mailbox: MailboxId) -> Statement {
    stmt!(
        "SELECT name FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL",
        account,
        mailbox
    )
}

/// Copies that are about to be written, under UIDs from `base` on.
pub(super) struct Copies<'a> {
    pub(super) account: AccountId,
    pub(super) from: MailboxId,
    pub(super) to: MailboxId,
    pub(super) base: Uid,
    pub(super) modseq: ModSeq,
    pub(super) now: Time,
    pub(super) uids: &'a [Uid],
}

macro_rules! insert_copies {
    ($uid:literal) => {
        concat!(
            "INSERT INTO placement (account_id, mailbox_id, uid, email_id, modseq, \
             created_modseq, flags, keywords, size, crlf_added, saved_at) \
             SELECT account_id, ?3, ",
            $uid,
            ", email_id, ?5, ?5, flags, keywords, size, crlf_added, ?6 FROM placement \
             WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?7}"
        )
    };
}

pub(super) fn insert_copies(copies: &Copies<'_>) -> Statement {
    let uids = numbers(copies.uids);
    let base = i64::from(copies.base.get());
    // Where no UID is left out the new ones are as far apart, and nothing has to be counted.
    let (sql, shift) = match uids.first() {
        Some(first) if is_run(&uids) => (insert_copies!("uid + ?4"), base - first),
        _ => (insert_copies!("?4 + ROW_NUMBER() OVER (ORDER BY uid)"), base - 1),
    };
    stmt!(sql, copies.account, copies.from, copies.to, shift, copies.modseq, copies.now, uids)
}

/// Turns placements into tombstones: the UIDs are gone, and hold nothing that could be restored.
pub(super) fn tombstone(
    account: AccountId,
    mailbox: MailboxId,
    uids: &[Uid],
    modseq: ModSeq,
    now: Time,
) -> Statement {
    stmt!(
        "UPDATE placement SET email_id = 0, size = 0, keywords = NULL, ended_at = ?4, \
         modseq = ?5 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3}",
        account,
        mailbox,
        numbers(uids),
        now,
        modseq
    )
}
