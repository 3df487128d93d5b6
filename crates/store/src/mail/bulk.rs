//! Work on many messages, cut into transactions that are short enough for the writer, with other
//! operations in between.

use super::pending::{ApplyShare, FindPending, ForgetPlan, PendingPlan, ReadPending, RecordPlan};
use super::stage::{
    AbandonCopy, BeginCopy, FindAbandoned, PublishCopy, StageCopy, Staged, TellCopied,
};
use super::{
    Accept, Accepted, Copied, CopyMessages, CopyMode, CreateMailbox, DeleteMailbox, EndDeleted,
    Expunge, Expunged, FindAccepted, FindDeleted, FlagsStored, ListMailboxes, ListUids, Plan,
    Purge, Purgeable, StoreFlags,
};
use crate::{Batch, Engine, EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::limits::BULK_STEP_MESSAGES;
use posthorn_base::{AccountId, ArrivalId, MailboxId, Time, Uid};
use std::sync::Arc;

/// Placements that one step of a purge takes: each may take an email, a text and a body with it.
const PURGE_STEP: u32 = 100;

/// Shares of a plan that are applied at the same time.
const SHARES_AT_ONCE: usize = 4;

/// Carries a plan out, once, even when the answer to its commit was lost.
///
/// On PostgreSQL a plan for more than one account is recorded first ([`pending`](super::pending)):
/// after that it succeeds, and accounts that could not be served at once are answered as pending.
///
/// # Errors
/// Those of [`Accept`]. [`EngineError::Ambiguous`] only when it cannot be looked up either.
pub async fn accept(engine: &Engine, plan: Plan) -> Result<Accepted, StoreError> {
    let find = FindAccepted::of(&plan);
    let Engine::Postgres(postgres) = engine else {
        return once(engine, &find, || Accept { plan: plan.clone() }).await;
    };
    if plan.deliveries.len() < 2 {
        return once(engine, &find, || Accept { plan: plan.clone() }).await;
    }
    let now = plan.received.time;
    let plan = RecordPlan { plan };
    once(engine, &find, || Recording(plan.clone())).await?;
    // A task of its own: who waits for the answer may leave, the others still get their copies.
    let engine = Arc::new(Engine::Postgres(postgres.clone()));
    let arrival = find.arrival;
    let applied = tokio::spawn(async move {
        apply_plan(&engine, arrival, now).await;
        engine.read(&find).await
    });
    match applied.await {
        Ok(Ok(Some(accepted))) => Ok(accepted),
        // It is promised; what is not done yet is done by the next round.
        unknown => {
            tracing::warn!(%arrival, ?unknown, "a plan is recorded; its copies come later");
            let pending = plan.plan.deliveries.iter().map(|delivery| delivery.account).collect();
            Ok(Accepted { pending, ..Accepted::default() })
        }
    }
}

/// Records a plan and answers as if nobody had a share yet.
struct Recording(RecordPlan);

impl Operation for Recording {
    type Output = Accepted;
    const NAME: &'static str = RecordPlan::NAME;

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Accepted, StoreError> {
        let gone = self.0.run(tx).await?;
        Ok(Accepted { gone, ..Accepted::default() })
    }
}

/// Writes what decides an arrival's fate, once.
async fn once<O>(
    engine: &Engine,
    find: &FindAccepted,
    make: impl Fn() -> O,
) -> Result<Accepted, StoreError>
where
    O: Operation<Output = Accepted>,
{
    let mut tries = 0;
    loop {
        match engine.write(make()).await {
            Err(StoreError::Engine(
                error @ (EngineError::Ambiguous | EngineError::Duplicate(_)),
            )) => {
                if let Some(accepted) = engine.read(find).await? {
                    return Ok(accepted);
                }
                // Not committed: once more, unless ids collide with somebody else's.
                tries += 1;
                if tries > 1 || matches!(error, EngineError::Duplicate(_)) {
                    return Err(StoreError::Engine(EngineError::Retry));
                }
            }
            other => return other,
        }
    }
}

/// Carries out what is left of plans that were recorded before an instant: those whose node died,
/// or could not reach an account. To be run at start and from time to time; several nodes may do it
/// at once. Answers how many plans are left.
///
/// # Errors
/// When plans cannot be listed. A share that cannot be applied is told in the log, and left to the
/// next round.
pub async fn apply_pending(engine: &Engine, before: Time, now: Time) -> Result<usize, StoreError> {
    let (mut after, mut left) = (None, 0);
    loop {
        let found = engine.read(&FindPending { after, before, limit: PURGE_STEP }).await?;
        let Some(last) = found.last() else { return Ok(left) };
        after = Some(*last);
        for arrival in found {
            left += usize::from(!apply_plan(engine, arrival, now).await);
        }
    }
}

/// Applies the shares of a plan that are not applied yet. True when the plan is done.
async fn apply_plan(engine: &Engine, arrival: ArrivalId, now: Time) -> bool {
    let applied = async {
        let Some(plan) = engine.read(&ReadPending(arrival)).await? else { return Ok(true) };
        let plan = Arc::new(plan);
        let accounts: Vec<AccountId> = plan.accounts().collect();
        let lane = accounts.len().div_ceil(SHARES_AT_ONCE).max(1);
        let mut lanes =
            accounts.chunks(lane).map(|accounts| apply_shares(engine, &plan, accounts, now));
        tokio::join!(
            maybe(lanes.next()),
            maybe(lanes.next()),
            maybe(lanes.next()),
            maybe(lanes.next())
        );
        engine.write(ForgetPlan(arrival)).await
    };
    applied.await.unwrap_or_else(|error: StoreError| {
        let again = "a recorded plan cannot be carried out; it is tried again";
        tracing::warn!(%arrival, %error, "{again}");
        false
    })
}

async fn maybe(work: Option<impl Future<Output = ()>>) {
    if let Some(work) = work {
        work.await;
    }
}

/// Applies shares one after the other; one that fails does not stop the others.
async fn apply_shares(engine: &Engine, plan: &Arc<PendingPlan>, accounts: &[AccountId], now: Time) {
    for account in accounts.iter().copied() {
        let share = ApplyShare { plan: Arc::clone(plan), account, now };
        if let Err(error) = engine.write(share).await {
            let arrival = plan.arrival();
            tracing::warn!(%arrival, %account, %error, "a copy has to wait; it is tried again");
        }
    }
}

/// Changes the flags of any number of messages. Each step has a modseq of its own; the answer has
/// the last one. With `unchanged_since`, what an earlier step changed is not taken for a change by
/// others, because each message is in one step only.
///
/// # Errors
/// Those of [`StoreFlags`]; the steps before it stay.
pub async fn store_flags(engine: &Engine, change: StoreFlags) -> Result<FlagsStored, StoreError> {
    let mut all = FlagsStored::default();
    for uids in steps(&change.uids) {
        let step = engine.write(StoreFlags { uids, ..change.clone() }).await?;
        all.modseq = step.modseq.or(all.modseq);
        all.changed.extend(step.changed);
        all.modified.extend(step.modified);
    }
    Ok(all)
}

/// Expunges any number of messages.
///
/// # Errors
/// Those of [`Expunge`]; the steps before it stay.
pub async fn expunge(engine: &Engine, expunge: Expunge) -> Result<Expunged, StoreError> {
    let mut all = Expunged::default();
    for uids in steps(&expunge.uids) {
        let step = engine.write(Expunge { uids, ..expunge.clone() }).await?;
        all.modseq = step.modseq.or(all.modseq);
        all.uids.extend(step.uids);
    }
    Ok(all)
}

/// Each UID once, rising, in pieces of one step.
fn steps(uids: &[Uid]) -> Vec<Vec<Uid>> {
    let mut uids = uids.to_vec();
    uids.sort_unstable();
    uids.dedup();
    uids.chunks(BULK_STEP_MESSAGES).map(<[Uid]>::to_vec).collect()
}

/// Copies or moves any number of messages. COPY is all or nothing (RFC 3501 6.4.7); MOVE moves each
/// message whole, and when it fails those moved before stay moved (RFC 6851 3.3).
///
/// # Errors
/// Those of [`CopyMessages`]; [`StoreError::Refused`] while another large COPY of the account is
/// going on.
pub async fn copy(engine: &Engine, copy: CopyMessages) -> Result<Copied, StoreError> {
    let mut steps = steps(&copy.uids).into_iter();
    let first = steps.next().unwrap_or_default();
    let rest: Vec<Vec<Uid>> = steps.collect();
    match copy.mode {
        CopyMode::Copy if !rest.is_empty() => {
            let steps = std::iter::once(first).chain(rest).collect();
            copy_staged(engine, &copy, steps).await
        }
        CopyMode::Copy | CopyMode::Move => {
            let mut all = engine.write(CopyMessages { uids: first, ..copy.clone() }).await?;
            for uids in rest {
                let step = engine.write(CopyMessages { uids, ..copy.clone() }).await?;
                all.modseq = step.modseq;
                all.uids.extend(step.uids);
            }
            Ok(all)
        }
    }
}

async fn copy_staged(
    engine: &Engine,
    copy: &CopyMessages,
    steps: Vec<Vec<Uid>>,
) -> Result<Copied, StoreError> {
    let CopyMessages { account, from, to, now, .. } = *copy;
    let count = u32::try_from(steps.iter().map(Vec::len).sum::<usize>()).unwrap_or(u32::MAX);
    let staging = engine.write(BeginCopy { account, to, count, now }).await?;
    let staged = async {
        let mut staged = Staged::default();
        for uids in steps {
            let offset = u32::try_from(staged.uids.len()).unwrap_or(u32::MAX);
            staged.add(engine.write(StageCopy { staging, from, uids, offset, now }).await?);
        }
        let copied = engine.write(PublishCopy { staging, staged: staged.clone() }).await?;
        Ok((copied, staged.emails))
    };
    match staged.await {
        Ok((copied, emails)) => {
            let modseq = copied.modseq;
            for emails in emails.chunks(BULK_STEP_MESSAGES) {
                let emails = emails.to_vec();
                engine.write(TellCopied { account, from, to, emails, modseq, now }).await?;
            }
            Ok(copied)
        }
        Err(error) => {
            abandon(engine, account, now).await?;
            Err(error)
        }
    }
}

async fn abandon(engine: &Engine, account: AccountId, now: Time) -> Result<(), StoreError> {
    let limit = PURGE_STEP;
    while engine.write(AbandonCopy { account, limit, now }).await? {}
    Ok(())
}

/// Renames INBOX: its messages move to a new mailbox, INBOX stays, empty, and so do those below it
/// (RFC 3501 6.3.5).
///
/// # Errors
/// Those of [`CreateMailbox`]; when moving fails, what was moved stays in the new mailbox.
pub async fn rename_inbox(
    engine: &Engine,
    inbox: MailboxId,
    create: CreateMailbox,
) -> Result<(), StoreError> {
    let (account, now) = (create.account, create.now);
    let to = engine.write(create).await?.id;
    let uids = engine.read(&ListUids { account, mailbox: inbox }).await?;
    let mode = CopyMode::Move;
    copy(engine, CopyMessages { account, from: inbox, to, uids, mode, now }).await?;
    Ok(())
}

/// Purges what `what` says, in one account. Answers how many placements went.
///
/// # Errors
/// Those of [`Purge`]; the steps before it stay.
pub async fn purge(
    engine: &Engine,
    account: AccountId,
    what: Purgeable,
    reason: &str,
    now: Time,
) -> Result<usize, StoreError> {
    let mut all = 0;
    loop {
        let (what, reason) = (what.clone(), reason.to_owned());
        let step = engine.write(Purge { account, what, limit: PURGE_STEP, reason, now }).await?;
        all += step;
        if step < PURGE_STEP as usize {
            return Ok(all);
        }
    }
}

/// Ends the messages of deleted mailboxes. To be run after a mailbox was deleted, and at start.
///
/// # Errors
/// Those of [`EndDeleted`]; the next run goes on.
pub async fn end_deleted(engine: &Engine, now: Time) -> Result<(), StoreError> {
    loop {
        let found = engine.read(&FindDeleted { limit: PURGE_STEP }).await?;
        if found.is_empty() {
            return Ok(());
        }
        for (account, mailbox) in found {
            let limit = u32::try_from(BULK_STEP_MESSAGES).unwrap_or(u32::MAX);
            let mut step = EndDeleted { account, mailbox, after: None, limit, now };
            while let Some(last) = engine.write(step.clone()).await? {
                step.after = Some(last);
            }
        }
    }
}

/// Takes back large copies that nobody has gone on with since `before`. To be run at start.
///
/// # Errors
/// Those of [`AbandonCopy`]; the next run goes on.
pub async fn abandon_copies(engine: &Engine, before: Time, now: Time) -> Result<(), StoreError> {
    for account in engine.read(&FindAbandoned { before }).await? {
        abandon(engine, account, now).await?;
    }
    Ok(())
}

/// Removes all mail of an account that was closed, so that its row can be removed. Nothing of it
/// can be restored. Running it again goes on where it stopped.
///
/// # Errors
/// Those of its steps.
pub async fn erase_mail(
    engine: &Engine,
    account: AccountId,
    reason: &str,
    now: Time,
) -> Result<(), StoreError> {
    abandon(engine, account, now).await?;
    for mailbox in engine.read(&ListMailboxes(account)).await? {
        engine.write(EndMailbox(DeleteMailbox { account, mailbox: mailbox.id, now })).await?;
    }
    end_deleted(engine, now).await?;
    let all = Purgeable::EndedBefore(Time::from_millis(i64::MAX));
    purge(engine, account, all, reason, now).await?;
    while engine.write(EraseThreads { account, limit: PURGE_STEP * 10 }).await? > 0 {}
    engine.write(EraseMailboxes(account)).await
}

/// As [`DeleteMailbox`], also for INBOX.
struct EndMailbox(DeleteMailbox);

impl Operation for EndMailbox {
    type Output = ();
    const NAME: &'static str = "end mailbox";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.0.end(tx).await?;
        Ok(())
    }
}

/// Forgets some of an account's conversations.
struct EraseThreads {
    account: AccountId,
    limit: u32,
}

impl Operation for EraseThreads {
    type Output = u64;
    const NAME: &'static str = "erase threads";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let rows = tx
            .one(stmt!(
                "DELETE FROM thread_ref WHERE account_id = ?1 AND hash IN \
                 (SELECT hash FROM thread_ref WHERE account_id = ?1 LIMIT ?2)",
                self.account,
                self.limit
            ))
            .await?;
        Ok(rows.changed())
    }
}

/// Removes the mailboxes of an account that has no placements any more, and what hangs on them.
struct EraseMailboxes(AccountId);

impl Operation for EraseMailboxes {
    type Output = ();
    const NAME: &'static str = "erase mailboxes";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let rows =
            tx.one(stmt!("SELECT 1 FROM placement WHERE account_id = ?1 LIMIT 1", self.0)).await?;
        if !rows.is_empty() {
            return Err(StoreError::Refused("mail arrived meanwhile: erase it again".into()));
        }
        let batch: Batch = [
            "DELETE FROM mailbox WHERE account_id = ?1",
            "DELETE FROM subscription WHERE account_id = ?1",
            "DELETE FROM keyword WHERE account_id = ?1",
            "DELETE FROM mailbox_right WHERE account_id = ?1",
            "DELETE FROM seen_by WHERE account_id = ?1",
        ]
        .into_iter()
        .map(|sql| stmt!(sql, self.0))
        .collect();
        tx.run(batch).await?;
        Ok(())
    }
}
