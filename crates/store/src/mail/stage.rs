//! A large COPY: all or nothing, although no transaction is long.
//!
//! 1. [`BeginCopy`] chooses UIDs well above the target's `uidnext` and a modseq well above the
//!    account's. What arrives and changes meanwhile takes lower ones, so that nothing ever has to
//!    appear in front of what somebody has seen.
//! 2. [`StageCopy`], step by step, writes placements under them. Not being below `uidnext` they are
//!    seen by nobody and counted nowhere.
//! 3. [`PublishCopy`] moves `uidnext`, the counts and the account's modseq past them: one short
//!    transaction, after which all of them are there.
//!
//! A copy that cannot be published, and one that a crash cut off, is taken back by [`AbandonCopy`].
//!
//! Invariants
//! * An account has one such copy at a time; the row `copy:<account>` of `job` stands for it.
//! * An unpublished placement holds its email like any other: a purge in between cannot take it.

use super::copy::{Copied, Copies, first, insert_copies, mailbox_name};
use super::placement::{self, Sums, held, live};
use super::{Answers, lock};
use crate::seam::Value;
use crate::story::{Event, Kind, Label};
use crate::{Batch, Change, EngineError, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{
    AccountId, EmailId, MailboxId, MailboxName, ModSeq, Time, Uid, UidValidity, limits, varint,
};

/// A copy that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staging {
    /// Whose.
    pub account: AccountId,
    /// Into which mailbox.
    pub to: MailboxId,
    /// The first UID of the copies.
    pub base: Uid,
    /// Their modseq.
    pub modseq: ModSeq,
}

impl Staging {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put(&mut out, self.to.get().unsigned_abs());
        varint::put(&mut out, u64::from(self.base.get()));
        varint::put(&mut out, self.modseq.get().unsigned_abs());
        out
    }
    fn decode(account: AccountId, mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        let to = MailboxId::new(i64::try_from(varint::take(input)?).ok()?)?;
        let base = Uid::new(u32::try_from(varint::take(input)?).ok()?)?;
        let modseq = ModSeq::new(i64::try_from(varint::take(input)?).ok()?)?;
        Some(Staging { account, to, base, modseq })
    }
}

/// The name of the job; a word of our own, hence [`Value::Text`].
fn job(account: AccountId) -> Value {
    Value::Text(format!("copy:{account}"))
}

/// Locks an account without a change of its own.
fn hold(account: AccountId) -> Statement {
    stmt!("UPDATE account SET modseq = modseq WHERE account_id = ?1 RETURNING modseq", account)
}

/// Begins a large copy.
#[derive(Clone, Debug)]
pub struct BeginCopy {
    /// Whose.
    pub account: AccountId,
    /// Into which mailbox.
    pub to: MailboxId,
    /// How many messages.
    pub count: u32,
    /// When.
    pub now: Time,
}

impl Operation for BeginCopy {
    type Output = Staging;
    const NAME: &'static str = "begin copy";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Staging, StoreError> {
        let batch = vec![
            hold(self.account),
            stmt!(
                "SELECT uidnext FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND ended_at IS NULL",
                self.account,
                self.to
            ),
            stmt!("SELECT 1 FROM job WHERE name = ?1", job(self.account)),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let uidnext: Uid = first(&answers.take()?, 0, self.to)?;
        if !answers.take()?.is_empty() {
            let why = "another large COPY of this account is going on: try again later";
            return Err(StoreError::Refused(why.into()));
        }
        let base = uidnext
            .get()
            .checked_add(limits::COPY_UID_GAP)
            .filter(|base| base.checked_add(self.count).is_some())
            .and_then(Uid::new)
            .ok_or_else(|| StoreError::Refused("the mailbox is out of UIDs".into()))?;
        let modseq = ModSeq::new(modseq.get().saturating_add(limits::COPY_MODSEQ_GAP))
            .ok_or_else(|| StoreError::Refused("the account is out of modseqs".into()))?;
        let staging = Staging { account: self.account, to: self.to, base, modseq };
        tx.one(stmt!(
            "INSERT INTO job (name, state, updated_at) VALUES (?1, ?2, ?3)",
            job(self.account),
            staging.encode(),
            self.now
        ))
        .await?;
        Ok(staging)
    }
}

/// Writes some of the copies, unseen.
#[derive(Clone, Debug)]
pub struct StageCopy {
    /// The copy.
    pub staging: Staging,
    /// From where.
    pub from: MailboxId,
    /// Which messages of it.
    pub uids: Vec<Uid>,
    /// How many were staged before.
    pub offset: u32,
    /// SAVEDATE.
    pub now: Time,
}

/// What was staged so far.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    /// Old and new UIDs.
    pub uids: Vec<(Uid, Uid)>,
    /// The emails, for their stories.
    pub emails: Vec<EmailId>,
    pub(crate) sums: Sums,
}

impl Staged {
    /// Adds what a further step staged.
    pub fn add(&mut self, step: Staged) {
        self.uids.extend(step.uids);
        self.emails.extend(step.emails);
        self.sums.total += step.sums.total;
        self.sums.unseen += step.sums.unseen;
        self.sums.deleted += step.sums.deleted;
        self.sums.bytes += step.sums.bytes;
    }
}

impl Operation for StageCopy {
    type Output = Staged;
    const NAME: &'static str = "stage copy";

    fn bytes(&self) -> usize {
        self.uids.len() * 256
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Staged, StoreError> {
        let Staging { account, to, base, modseq } = self.staging;
        let batch = vec![
            hold(account),
            stmt!(
                "UPDATE job SET updated_at = ?2 WHERE name = ?1 RETURNING state",
                job(account),
                self.now
            ),
            live(account, self.from, &self.uids),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        answers.modseq(account)?;
        let state: Option<Vec<u8>> = answers.take()?.first().map(|row| row.get(0)).transpose()?;
        if state != Some(self.staging.encode()) {
            return Err(StoreError::Refused("the COPY was abandoned".into()));
        }
        let list = held(&answers.take()?)?;
        let base = base.get().checked_add(self.offset).and_then(Uid::new).unwrap_or(Uid::MAX);
        let emails: Vec<EmailId> = list.iter().map(|one| one.email).collect();
        let old: Vec<Uid> = list.iter().map(|one| one.uid).collect();
        let from = self.from;
        let copies = Copies { account, from, to, base, modseq, now: self.now, uids: &old };
        tx.one(insert_copies(&copies)).await?;
        let new = (base.get()..).filter_map(Uid::new);
        let uids = old.into_iter().zip(new).collect();
        Ok(Staged { uids, emails, sums: Sums::of(&list, 1) })
    }
}

/// Makes the copies visible, all at once.
#[derive(Clone, Debug)]
pub struct PublishCopy {
    /// The copy.
    pub staging: Staging,
    /// All that was staged.
    pub staged: Staged,
}

impl Operation for PublishCopy {
    type Output = Copied;
    const NAME: &'static str = "publish copy";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Copied, StoreError> {
        let Staging { account, to, base, modseq } = self.staging;
        let count = self.staged.uids.len() as i64;
        let batch = vec![
            stmt!(
                "UPDATE account SET modseq = ?2 WHERE account_id = ?1 AND modseq < ?2 \
                 RETURNING modseq",
                account,
                modseq
            ),
            placement::use_room(account, self.staged.sums, Sums::default()),
            stmt!(
                "UPDATE mailbox SET uidnext = ?4 WHERE account_id = ?1 AND mailbox_id = ?2 \
                 AND uidnext <= ?3 AND ended_at IS NULL RETURNING uidvalidity",
                account,
                to,
                base,
                i64::from(base.get()) + count
            ),
            self.staged.sums.count(account, to, modseq),
            stmt!("DELETE FROM job WHERE name = ?1 RETURNING state", job(account)),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let is_first = !answers.take()?.is_empty();
        if placement::is_over_quota(&mut answers)? {
            return Err(StoreError::OverQuota);
        }
        let uidvalidity: UidValidity = first(&answers.take()?, 0, to)?;
        answers.take()?;
        let state: Option<Vec<u8>> = answers.take()?.first().map(|row| row.get(0)).transpose()?;
        if !is_first || state != Some(self.staging.encode()) {
            return Err(StoreError::Refused("the COPY was overtaken: try again".into()));
        }
        tx.changed(Change::Mailbox { account, mailbox: to, modseq });
        Ok(Copied { uidvalidity, modseq, uids: self.staged.uids.clone() })
    }
}

/// Tells some of the stories that their messages were copied.
#[derive(Clone, Debug)]
pub struct TellCopied {
    /// Whose.
    pub account: AccountId,
    /// From where.
    pub from: MailboxId,
    /// Into which mailbox.
    pub to: MailboxId,
    /// What.
    pub emails: Vec<EmailId>,
    /// The copy's modseq.
    pub modseq: ModSeq,
    /// When.
    pub now: Time,
}

impl Operation for TellCopied {
    type Output = ();
    const NAME: &'static str = "tell copied";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let names =
            vec![mailbox_name(self.account, self.from), mailbox_name(self.account, self.to)];
        let mut event = Event::new(self.now, Kind::Copied).of(self.account);
        for (rows, label) in tx.run(names).await?.iter().zip([Label::From, Label::To]) {
            if let Some(row) = rows.first() {
                event = event.with(label, row.get::<MailboxName>(0)?.as_str());
            }
        }
        let mut batch = Batch::new();
        placement::tell(self.account, &self.emails, self.modseq, &event, &mut batch);
        tx.run(batch).await?;
        Ok(())
    }
}

/// Finds large copies that nobody has gone on with since `before`.
#[derive(Clone, Debug)]
pub struct FindAbandoned {
    /// At start on an engine of one process: now.
    pub before: Time,
}

impl Operation for FindAbandoned {
    type Output = Vec<AccountId>;
    const NAME: &'static str = "find abandoned copies";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<AccountId>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT name FROM job WHERE name >= ?1 AND name < ?2 AND updated_at < ?3",
                Value::Text("copy:".into()),
                Value::Text("copy;".into()),
                self.before
            ))
            .await?;
        let mut accounts = Vec::new();
        for row in rows.iter() {
            let name: String = row.get(0)?;
            let account = name.strip_prefix("copy:").and_then(|id| id.parse().ok());
            accounts.extend::<Option<AccountId>>(account);
        }
        Ok(accounts)
    }
}

/// Takes back some of what a large copy staged. Answers whether anything is left.
#[derive(Clone, Debug)]
pub struct AbandonCopy {
    /// Whose.
    pub account: AccountId,
    /// How many placements at most.
    pub limit: u32,
    /// When.
    pub now: Time,
}

impl Operation for AbandonCopy {
    type Output = bool;
    const NAME: &'static str = "abandon copy";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let account = self.account;
        let batch =
            vec![lock(account), stmt!("SELECT state FROM job WHERE name = ?1", job(account))];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(account)?;
        let Some(state) = answers.take()?.first().map(|row| row.get::<Vec<u8>>(0)).transpose()?
        else {
            return Ok(false);
        };
        let staging = Staging::decode(account, &state)
            .ok_or_else(|| EngineError::Corrupt("a copy's job cannot be read".into()))?;
        let rows = tx
            .one(stmt!(
                "SELECT uid, email_id, flags, size FROM placement WHERE account_id = ?1 \
                 AND mailbox_id = ?2 AND uid >= ?3 AND modseq = ?4 AND uid >= \
                 (SELECT uidnext FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2) LIMIT ?5",
                account,
                staging.to,
                staging.base,
                staging.modseq,
                self.limit
            ))
            .await?;
        let list = held(&rows)?;
        if list.is_empty() {
            tx.one(stmt!("DELETE FROM job WHERE name = ?1", job(account))).await?;
            return Ok(false);
        }
        let uids: Vec<Uid> = list.iter().map(|one| one.uid).collect();
        let emails: Vec<EmailId> = list.iter().map(|one| one.email).collect();
        tx.one(stmt!(
            "DELETE FROM placement WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3}",
            account,
            staging.to,
            placement::numbers(&uids)
        ))
        .await?;
        let reason = "a copy was taken back after the original was purged";
        super::purge::remove_unheld(tx, account, &emails, modseq, reason, self.now).await?;
        Ok(true)
    }
}
