//! Accepting: the one transaction that makes a 250 true.
//!
//! Two round trips: the first locks the accounts (which gives the modseqs), takes the UIDs and
//! looks the conversations up; the second writes everything. A delivery into several mailboxes, or
//! with keywords that have no bit, needs one more in front.
//!
//! Quota is not asked here: it is checked when the recipient is named, and a mailbox may overshoot
//! by one accepted message.

use super::email::NewEmail;
use super::keywords::{Dictionary, KeywordSet};
use super::plan::{Delivery, Plan, Target};
use super::{Answers, EmailFacts, int, lock, thread};
use crate::{Batch, Change, EngineError, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{
    AccountId, ArrivalId, BodyId, EmailId, Flags, MailboxId, ModSeq, ThreadId, Time, Uid, ZonedTime,
};

/// Carries a plan out.
#[derive(Clone, Debug)]
pub struct Accept {
    /// The plan.
    pub plan: Plan,
}

/// Where a copy went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Whose.
    pub account: AccountId,
    /// The email there.
    pub email: EmailId,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Under which UID.
    pub uid: Uid,
}

/// What became of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Every copy, account by account.
    pub placed: Vec<Placed>,
    /// Accounts that get their copies a little later: it is decided, and as durable as the rest.
    pub pending: Vec<AccountId>,
    /// Accounts that were deleted since the plan was made, with the mail they would have got.
    pub gone: Vec<AccountId>,
}

/// What all deliveries of an arrival have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a> {
    pub(super) arrival: ArrivalId,
    pub(super) received: ZonedTime,
    pub(super) body: BodyId,
    /// RFC822.SIZE.
    pub(super) size: u64,
    pub(super) crlf_added: u64,
    pub(super) facts: &'a EmailFacts,
}

impl<'a> Common<'a> {
    fn of(plan: &'a Plan) -> Self {
        Common {
            arrival: plan.arrival,
            received: plan.received,
            body: plan.body.id,
            size: plan.body.message_size(),
            crlf_added: plan.body.crlf_added,
            facts: &plan.facts,
        }
    }

    /// Puts one account's copies where they belong, and runs `with_it` in the same round trip.
    /// `None` when there is no such account, or no mailbox of it, any more.
    pub(super) async fn deliver(
        &self,
        tx: &mut Tx<'_>,
        delivery: &Delivery,
        with_it: Batch,
    ) -> Result<Option<Vec<Placed>>, StoreError> {
        let hashes = self.facts.thread.hashes();
        let mut ready = prepare(tx, std::slice::from_ref(delivery)).await?;
        allocate(tx, self, &hashes, &mut ready).await?;
        let mut outcome = Accepted::default();
        let (mut batch, mut is_delivered) = (Batch::new(), false);
        for item in &ready {
            is_delivered |= self.write_delivery(&hashes, item, &mut batch, &mut outcome);
        }
        if is_delivered {
            batch.extend(with_it);
        }
        tx.run(batch).await?;
        tell(tx, &ready);
        Ok(is_delivered.then_some(outcome.placed))
    }
}

/// One delivery while it is carried out.
struct Ready<'a> {
    delivery: &'a Delivery,
    copies: Vec<Copy>,
    /// Not locked yet: the first batch does it.
    locks: bool,
    is_gone: bool,
    modseq: ModSeq,
    thread: Option<ThreadId>,
}

struct Copy {
    target: Target,
    flags: Flags,
    keywords: KeywordSet,
    placed: Option<(MailboxId, Uid)>,
}

impl Operation for Accept {
    type Output = Accepted;
    const NAME: &'static str = "accept";

    fn bytes(&self) -> usize {
        self.plan.bytes()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Accepted, StoreError> {
        let plan = &self.plan;
        plan.verify()?;
        let hashes = plan.facts.thread.hashes();
        let mut ready = prepare(tx, &plan.deliveries).await?;
        allocate(tx, &Common::of(plan), &hashes, &mut ready).await?;
        write(tx, plan, &hashes, &ready).await
    }
}

/// Locks and reads first where the plain path is not enough.
async fn prepare<'a>(
    tx: &mut Tx<'_>,
    deliveries: &'a [Delivery],
) -> Result<Vec<Ready<'a>>, StoreError> {
    let mut ready: Vec<Ready<'a>> = deliveries.iter().map(Ready::new).collect();
    // Everybody locks accounts in the same order, so that no two plans wait for each other.
    ready.sort_by_key(|item| item.delivery.account);
    let mut batch = Batch::new();
    for item in ready.iter().filter(|item| !item.locks) {
        let account = item.delivery.account;
        batch.push(lock(account));
        for copy in &item.copies {
            batch.push(resolve(account, copy.target));
        }
        Dictionary::ask(&mut batch, account);
    }
    let mut answers = Answers::new(tx.run(batch).await?);
    let mut batch = Batch::new();
    for item in ready.iter_mut().filter(|item| !item.locks) {
        item.prepared(&mut answers, &mut batch)?;
    }
    tx.run(batch).await?;
    Ok(ready)
}

impl<'a> Ready<'a> {
    fn new(delivery: &'a Delivery) -> Self {
        let copies: Vec<Copy> = delivery
            .placements
            .iter()
            .map(|placement| Copy {
                target: placement.target,
                flags: placement.flags,
                keywords: KeywordSet::default(),
                placed: None,
            })
            .collect();
        let plain = copies.len() == 1 && delivery.placements.iter().all(|p| p.keywords.is_empty());
        let modseq = ModSeq::ZERO;
        Ready { delivery, copies, locks: plain, is_gone: false, modseq, thread: None }
    }

    /// Reads what [`prepare`] asked: targets that turn out to be one mailbox become one copy, and
    /// keywords get their numbers.
    fn prepared(&mut self, answers: &mut Answers, batch: &mut Batch) -> Result<(), StoreError> {
        let account = self.delivery.account;
        match answers.take()?.first() {
            Some(row) => self.modseq = row.get(0)?,
            None => self.is_gone = true,
        }
        let mut targets = Vec::with_capacity(self.copies.len());
        for _ in &self.copies {
            let found: Option<MailboxId> = match answers.take()?.first() {
                Some(row) => row.get(0)?,
                None => None,
            };
            targets.push(found);
        }
        let mut dictionary = Dictionary::read(answers)?;
        let mut copies: Vec<Copy> = Vec::with_capacity(self.copies.len());
        for (placement, target) in self.delivery.placements.iter().zip(targets) {
            let Some(mailbox) = target else { continue };
            // A full dictionary must not refuse what was accepted: the keyword is left out.
            let keywords = match dictionary.resolve(account, &placement.keywords, batch) {
                Err(StoreError::Limit { .. }) => dictionary.find(&placement.keywords),
                other => other?,
            };
            let target = Target::Mailbox(mailbox);
            match copies.iter_mut().find(|copy| copy.target == target) {
                Some(copy) => {
                    copy.flags = copy.flags.with(placement.flags);
                    copy.keywords = copy.keywords.with(&keywords);
                }
                None => {
                    copies.push(Copy { target, flags: placement.flags, keywords, placed: None })
                }
            }
        }
        dictionary.finish(account, batch);
        self.is_gone |= copies.is_empty();
        self.copies = copies;
        Ok(())
    }
}

/// The columns of `mailbox` that name a target: its id, its role.
fn target_columns(target: Target) -> (Option<MailboxId>, Option<i64>) {
    match target {
        Target::Mailbox(mailbox) => (Some(mailbox), None),
        Target::Role(role) => (None, Some(role.code())),
    }
}

/// The mailbox that ?2 (an id) or ?3 (a role) names, or else INBOX.
macro_rules! target_mailbox {
    () => {
        "COALESCE((SELECT mailbox_id FROM mailbox \
             WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL), \
         (SELECT mailbox_id FROM mailbox \
             WHERE account_id = ?1 AND role = ?3 AND role <> 0 AND ended_at IS NULL), \
         (SELECT mailbox_id FROM mailbox \
             WHERE account_id = ?1 AND role = 1 AND role <> 0 AND ended_at IS NULL))"
    };
}

fn resolve(account: AccountId, target: Target) -> Statement {
    let (mailbox, role) = target_columns(target);
    stmt!(concat!("SELECT ", target_mailbox!()), account, mailbox, role)
}

/// Adds what one account gets to its sums, and locks it if it is not locked yet.
fn use_room(account: AccountId, bytes: i64, messages: i64, step: i64) -> Statement {
    stmt!(
        "UPDATE account SET modseq = modseq + ?2, used_bytes = used_bytes + ?3, \
         used_messages = used_messages + ?4 WHERE account_id = ?1 RETURNING modseq",
        account,
        step,
        bytes,
        messages
    )
}

/// Takes a UID in the target and counts the message there.
fn take_uid(account: AccountId, copy: &Copy, size: u64) -> Statement {
    let (mailbox, role) = target_columns(copy.target);
    stmt!(
        concat!(
            "UPDATE mailbox SET uidnext = uidnext + 1, \
             highest_modseq = (SELECT modseq FROM account WHERE account_id = ?1), \
             total = total + 1, unseen = unseen + ?4, deleted = deleted + ?5, bytes = bytes + ?6 \
             WHERE account_id = ?1 AND ended_at IS NULL AND mailbox_id = ",
            target_mailbox!(),
            " RETURNING mailbox_id, uidnext - 1"
        ),
        account,
        mailbox,
        role,
        !copy.flags.contains(Flags::SEEN),
        copy.flags.contains(Flags::DELETED),
        int(size)
    )
}

async fn allocate(
    tx: &mut Tx<'_>,
    common: &Common<'_>,
    hashes: &[i64],
    ready: &mut [Ready<'_>],
) -> Result<(), StoreError> {
    let size = common.size;
    let mut batch = Batch::with_capacity(ready.len() * 3);
    for item in ready.iter().filter(|item| !item.is_gone) {
        let account = item.delivery.account;
        let copies = item.copies.len() as u64;
        let bytes = int(size.saturating_mul(copies));
        batch.push(use_room(account, bytes, int(copies), i64::from(item.locks)));
        batch.extend(item.copies.iter().map(|copy| take_uid(account, copy, size)));
        if !hashes.is_empty() {
            batch.push(thread::lookup(account, hashes));
        }
    }
    let mut answers = Answers::new(tx.run(batch).await?);
    for item in ready.iter_mut().filter(|item| !item.is_gone) {
        match answers.take()?.first() {
            Some(row) => item.modseq = row.get(0)?,
            None => item.is_gone = true,
        }
        for copy in &mut item.copies {
            copy.placed = match answers.take()?.first() {
                Some(row) => Some((row.get(0)?, row.get(1)?)),
                None => None,
            };
        }
        let mut known = thread::Known::default();
        if !hashes.is_empty() {
            known.add(&answers.take()?)?;
        }
        item.thread = known.choose(hashes, item.delivery.email);
    }
    Ok(())
}

async fn write(
    tx: &mut Tx<'_>,
    plan: &Plan,
    hashes: &[i64],
    ready: &[Ready<'_>],
) -> Result<Accepted, StoreError> {
    let (at, common) = (plan.received.time, Common::of(plan));
    let mut outcome = Accepted::default();
    let mut batch = Batch::with_capacity(ready.len() * 5 + plan.queue.len() + 4);
    let mut refs = plan.queue.len() as i64;
    for item in ready {
        if common.write_delivery(hashes, item, &mut batch, &mut outcome) {
            refs += 1;
        } else {
            outcome.gone.push(item.delivery.account);
        }
    }
    // A plan without destinations is one whose recipients all lead to nowhere by a rule: only its
    // story is kept.
    if refs == 0 && !(plan.deliveries.is_empty() && plan.queue.is_empty()) {
        return Err(StoreError::missing("account", "any more that the message is for"));
    }
    if refs > 0 {
        batch.push(plan.body.insert(plan.arrival, refs, at));
    }
    for row in &plan.queue {
        row.write(plan.arrival, plan.body.id, at, &mut batch);
    }
    plan.story.write(&mut batch);
    tx.run(batch).await?;
    tell(tx, ready);
    if !plan.queue.is_empty() {
        tx.changed(Change::Queue);
    }
    Ok(outcome)
}

/// Says which mailboxes got something.
fn tell(tx: &mut Tx<'_>, ready: &[Ready<'_>]) {
    for item in ready {
        let (account, modseq) = (item.delivery.account, item.modseq);
        for (mailbox, _) in item.copies.iter().filter_map(|copy| copy.placed) {
            tx.changed(Change::Mailbox { account, mailbox, modseq });
        }
    }
}

impl Common<'_> {
    /// Adds the rows of one account. False when there is no mailbox any more to put them into.
    fn write_delivery(
        &self,
        hashes: &[i64],
        item: &Ready<'_>,
        batch: &mut Batch,
        outcome: &mut Accepted,
    ) -> bool {
        let (account, email) = (item.delivery.account, item.delivery.email);
        let (size, at) = (self.size, self.received.time);
        let placed = item.copies.iter().filter(|copy| copy.placed.is_some()).count();
        let lost = item.copies.len() - placed;
        if lost > 0 && !item.is_gone {
            // The account is about to be deleted: its INBOX is gone, its row is not yet.
            let bytes = int(size.saturating_mul(lost as u64));
            batch.push(use_room(account, -bytes, -(lost as i64), 0));
        }
        let Some(thread) = item.thread.filter(|_| placed > 0 && !item.is_gone) else {
            return false;
        };
        let row = NewEmail {
            account,
            id: email,
            body: self.body,
            arrival: self.arrival,
            thread,
            size,
            received: self.received,
            modseq: item.modseq,
            facts: self.facts,
        };
        batch.push(row.insert());
        batch.extend(row.insert_text());
        for copy in &item.copies {
            let Some((mailbox, uid)) = copy.placed else { continue };
            batch.push(insert_placement(&PlacementRow {
                account,
                mailbox,
                uid,
                email,
                modseq: item.modseq,
                flags: copy.flags,
                keywords: &copy.keywords,
                size,
                crlf_added: self.crlf_added,
                saved_at: at,
            }));
            outcome.placed.push(Placed { account, email, mailbox, uid });
        }
        batch.extend(hashes.iter().map(|hash| thread::remember(account, *hash, thread, at)));
        true
    }
}

/// A live placement that is about to be written.
pub(crate) struct PlacementRow<'a> {
    pub(crate) account: AccountId,
    pub(crate) mailbox: MailboxId,
    pub(crate) uid: Uid,
    pub(crate) email: EmailId,
    pub(crate) modseq: ModSeq,
    pub(crate) flags: Flags,
    pub(crate) keywords: &'a KeywordSet,
    pub(crate) size: u64,
    pub(crate) crlf_added: u64,
    pub(crate) saved_at: Time,
}

pub(crate) fn insert_placement(row: &PlacementRow<'_>) -> Statement {
    stmt!(
        "INSERT INTO placement (account_id, mailbox_id, uid, email_id, modseq, created_modseq, \
         flags, keywords, size, crlf_added, saved_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10)",
        row.account,
        row.mailbox,
        row.uid,
        row.email,
        row.modseq,
        row.flags,
        row.keywords.column(),
        int(row.size),
        int(row.crlf_added),
        row.saved_at
    )
}

/// Looks up what became of a plan whose commit is in doubt, or that was committed twice under the
/// same ids. `None`: it was never committed.
#[derive(Clone, Debug)]
pub struct FindAccepted {
    /// The arrival.
    pub arrival: ArrivalId,
    /// Its body.
    pub body: BodyId,
    /// Accounts with the ids of their emails, as the plan had them.
    pub emails: Vec<(AccountId, EmailId)>,
}

impl FindAccepted {
    /// What to look for after `plan`.
    pub fn of(plan: &Plan) -> Self {
        FindAccepted {
            arrival: plan.arrival,
            body: plan.body.id,
            emails: plan.deliveries.iter().map(|d| (d.account, d.email)).collect(),
        }
    }
}

impl Operation for FindAccepted {
    type Output = Option<Accepted>;
    const NAME: &'static str = "find accepted";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Accepted>, StoreError> {
        // The story stays when the message is purged a moment later; the body is asked, too, so
        // that a story of the same arrival that was recorded for another reason is not taken for
        // it.
        let mut batch = vec![
            stmt!(
                "SELECT (SELECT COUNT(*) FROM story WHERE arrival_id = ?1 AND kind <> 2), \
             (SELECT COUNT(*) FROM body WHERE body_id = ?2 AND arrival_id = ?1)",
                self.arrival,
                self.body
            ),
            stmt!(
                "SELECT account_id FROM pending_plan WHERE arrival_id = ?1 AND account_id <> 0",
                self.arrival
            ),
        ];
        for (account, email) in &self.emails {
            batch.push(stmt!(
                "SELECT mailbox_id, uid FROM placement WHERE account_id = ?1 AND email_id = ?2 \
                 ORDER BY created_modseq, mailbox_id, uid",
                *account,
                *email
            ));
        }
        let mut answers = Answers::new(tx.run(batch).await?);
        let known: i64 = match answers.take()?.first() {
            Some(row) => row.get::<i64>(0)? + row.get::<i64>(1)?,
            None => 0,
        };
        if known == 0 {
            return Ok(None);
        }
        let pending: Result<Vec<AccountId>, EngineError> =
            answers.take()?.iter().map(|row| row.get(0)).collect();
        let mut outcome = Accepted { pending: pending?, ..Accepted::default() };
        for (account, email) in &self.emails {
            let rows = answers.take()?;
            if rows.is_empty() && !outcome.pending.contains(account) {
                outcome.gone.push(*account);
            }
            for row in rows.iter() {
                let (mailbox, uid) = (row.get(0)?, row.get(1)?);
                outcome.placed.push(Placed { account: *account, email: *email, mailbox, uid });
            }
        }
        Ok(Some(outcome))
    }
}
