//! Plans for many accounts, on engines of several machines: durable first, then carried out account
//! by account.
//!
//! One transaction that locks a thousand accounts, each in a place of its own, is what a cluster
//! does worst: it is as slow as the slowest of them, and two such plans wait for each other. So the
//! promise and its keeping are parted. [`RecordPlan`] writes the body, the rows of the queue, the
//! story, and one row in `pending_plan` (`account_id` 0) that holds everything else the plan says;
//! beside it one short row for each account that is still to get its *share*. With its commit the
//! fate of the message is decided and durable: 250 may be answered. [`ApplyShare`] then gives one
//! account its copies, and takes the account's row away in the same transaction: that is what makes
//! it happen once, whoever does it and however often it is tried. [`ForgetPlan`] takes the plan's
//! row away when no share is left. What a crash leaves is found by [`FindPending`] and carried out
//! by [`apply`](super::bulk::apply_pending).
//!
//! Invariants
//! * While a share waits, the body counts it as a reference: neither the row nor its file can go.
//! * A share asks nothing: no quota, no rule. What became impossible (the account is gone) ends it.
//! * A share is not visible in part: all copies of an account are one transaction, as ever.

mod data;

use super::accept::{Common, Placed};
use super::plan::{Delivery, Plan};
use super::{Answers, EmailFacts, int};
use crate::{Batch, Change, EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, ArrivalId, BodyId, Time, ZonedTime};
use std::collections::HashSet;
use std::sync::Arc;

/// What the row of a plan says: all that its shares need.
#[derive(Clone, Debug)]
pub struct PendingPlan {
    arrival: ArrivalId,
    received: ZonedTime,
    body: BodyId,
    /// RFC822.SIZE.
    size: u64,
    /// Octets that CRLF line ends would add.
    crlf_added: u64,
    facts: EmailFacts,
    shares: Vec<Share>,
}

/// What one account gets.
#[derive(Clone, Debug)]
struct Share {
    delivery: Delivery,
    /// The account's roles in the story; 0: none.
    story_role: i64,
}

impl PendingPlan {
    fn of(plan: &Plan) -> Self {
        let pointers = plan.story.pointers();
        let role = |account| {
            pointers.iter().find(|(known, _)| *known == account).map_or(0, |(_, role)| *role)
        };
        PendingPlan {
            arrival: plan.arrival,
            received: plan.received,
            body: plan.body.id,
            size: plan.body.message_size(),
            crlf_added: plan.body.crlf_added,
            facts: plan.facts.clone(),
            shares: plan
                .deliveries
                .iter()
                .map(|delivery| {
                    let story_role = role(delivery.account);
                    Share { delivery: delivery.clone(), story_role }
                })
                .collect(),
        }
    }

    /// The arrival.
    pub fn arrival(&self) -> ArrivalId {
        self.arrival
    }

    /// Everybody who is to get a share, also those who have it.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.shares.iter().map(|share| share.delivery.account)
    }

    fn common(&self) -> Common<'_> {
        Common {
            arrival: self.arrival,
            received: self.received,
            body: self.body,
            size: self.size,
            crlf_added: self.crlf_added,
            facts: &self.facts,
        }
    }
}

/// Decides the fate of an arrival, durably. Answers the accounts that do not exist any more.
#[derive(Clone, Debug)]
pub struct RecordPlan {
    /// The plan.
    pub plan: Plan,
}

impl Operation for RecordPlan {
    type Output = Vec<AccountId>;
    const NAME: &'static str = "record plan";

    fn bytes(&self) -> usize {
        self.plan.bytes()
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<AccountId>, StoreError> {
        let plan = &self.plan;
        plan.verify()?;
        let at = plan.received.time;
        let accounts: Vec<i64> = plan.deliveries.iter().map(|d| d.account.get()).collect();
        let wanted = accounts.len() + plan.queue.len();
        let mut batch = vec![
            stmt!(
                "INSERT INTO pending_plan (arrival_id, account_id, at, data) \
                 SELECT ?1, account_id, ?2, ?3 FROM account WHERE account_id IN {ints:?4} \
                 RETURNING account_id",
                plan.arrival,
                at,
                "",
                accounts
            ),
            stmt!(
                "INSERT INTO pending_plan (arrival_id, account_id, at, data) \
                 VALUES (?1, 0, ?2, ?3)",
                plan.arrival,
                at,
                PendingPlan::of(plan).encode()
            ),
            plan.body.insert(plan.arrival, int(wanted as u64), at),
        ];
        for row in &plan.queue {
            row.write(plan.arrival, plan.body.id, at, &mut batch);
        }
        self.write_story(&mut batch);
        let mut answers = Answers::new(tx.run(batch).await?);
        let known: Result<HashSet<AccountId>, EngineError> =
            answers.take()?.iter().map(|row| row.get(0)).collect();
        let known = known?;
        let gone: Vec<AccountId> = plan
            .deliveries
            .iter()
            .map(|delivery| delivery.account)
            .filter(|account| !known.contains(account))
            .collect();
        if known.is_empty() && plan.queue.is_empty() {
            return Err(StoreError::missing("account", "any more that the message is for"));
        }
        if !gone.is_empty() {
            let lost = int(gone.len() as u64);
            let body = plan.body.id;
            tx.one(stmt!("UPDATE body SET refs = refs - ?2 WHERE body_id = ?1", body, lost))
                .await?;
        }
        if !plan.queue.is_empty() {
            tx.changed(Change::Queue);
        }
        Ok(gone)
    }
}

impl RecordPlan {
    /// The pointers of those who get a share are written with it.
    fn write_story(&self, batch: &mut Batch) {
        let plan = &self.plan;
        let sharing: HashSet<AccountId> = plan.deliveries.iter().map(|d| d.account).collect();
        plan.story.write_story(batch);
        for (account, role) in plan.story.pointers() {
            if !sharing.contains(&account) {
                batch.push(crate::story::point(account, plan.arrival, role));
            }
        }
    }
}

/// Gives one account what a plan has for it, if it has not got it yet.
#[derive(Clone, Debug)]
pub struct ApplyShare {
    /// The plan.
    pub plan: Arc<PendingPlan>,
    /// Who.
    pub account: AccountId,
    /// When.
    pub now: Time,
}

/// What became of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is there now.
    Placed(Vec<Placed>),
    /// Somebody had done it before.
    Before,
    /// The account is gone, or about to go.
    Gone,
}

impl Operation for ApplyShare {
    type Output = Applied;
    const NAME: &'static str = "apply share";

    fn bytes(&self) -> usize {
        self.plan.facts.bytes()
    }

    /// It was promised.
    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Applied, StoreError> {
        let (plan, account) = (&*self.plan, self.account);
        // Whoever else tries waits for this row, and finds it gone.
        let taken = tx
            .one(stmt!(
                "DELETE FROM pending_plan WHERE arrival_id = ?1 AND account_id = ?2",
                plan.arrival,
                account
            ))
            .await?;
        let share = plan.shares.iter().find(|share| share.delivery.account == account);
        let Some(share) = share.filter(|_| taken.changed() > 0) else {
            return Ok(Applied::Before);
        };
        let mut batch = Batch::new();
        if share.story_role != 0 {
            batch.push(crate::story::point(account, plan.arrival, share.story_role));
        }
        match plan.common().deliver(tx, &share.delivery, batch).await? {
            Some(placed) => Ok(Applied::Placed(placed)),
            None => {
                let mut batch = Batch::new();
                crate::reference::release(plan.body, 1, self.now, &mut batch);
                tx.run(batch).await?;
                Ok(Applied::Gone)
            }
        }
    }
}

/// Takes a plan away all of whose shares are applied. Answers whether it is gone.
#[derive(Clone, Copy, Debug)]
pub struct ForgetPlan(pub ArrivalId);

impl Operation for ForgetPlan {
    type Output = bool;
    const NAME: &'static str = "forget plan";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let rows = tx
            .run(vec![
                stmt!(
                    "DELETE FROM pending_plan WHERE arrival_id = ?1 AND account_id = 0 \
                     AND NOT EXISTS (SELECT 1 FROM pending_plan \
                         WHERE arrival_id = ?1 AND account_id <> 0)",
                    self.0
                ),
                stmt!(
                    "SELECT COUNT(*) FROM pending_plan WHERE arrival_id = ?1 AND account_id = 0",
                    self.0
                ),
            ])
            .await?;
        let mut answers = Answers::new(rows);
        answers.take()?;
        let left: i64 = match answers.take()?.first() {
            Some(row) => row.get(0)?,
            None => 0,
        };
        Ok(left == 0)
    }
}

/// Lists plans that were recorded before an instant and not carried out, the oldest first.
#[derive(Clone, Copy, Debug)]
pub struct FindPending {
    /// The list begins behind this one.
    pub after: Option<ArrivalId>,
    /// Whoever recorded a later one may still be at it.
    pub before: Time,
    /// Length of the list at most.
    pub limit: u32,
}

impl Operation for FindPending {
    type Output = Vec<ArrivalId>;
    const NAME: &'static str = "find pending";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<ArrivalId>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT arrival_id FROM pending_plan WHERE account_id = 0 AND at < ?1 \
                 AND arrival_id > ?2 ORDER BY arrival_id LIMIT ?3",
                self.before,
                self.after.map_or(0, ArrivalId::get),
                self.limit
            ))
            .await?;
        let arrivals: Result<Vec<_>, EngineError> = rows.iter().map(|row| row.get(0)).collect();
        Ok(arrivals?)
    }
}

/// Reads a plan. `None`: it was carried out meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct ReadPending(pub ArrivalId);

impl Operation for ReadPending {
    type Output = Option<PendingPlan>;
    const NAME: &'static str = "read pending";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<PendingPlan>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT data FROM pending_plan WHERE arrival_id = ?1 AND account_id = 0",
                self.0
            ))
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let plan = PendingPlan::decode(self.0, &row.get::<bytes::Bytes>(0)?);
        Ok(Some(plan.ok_or_else(|| {
            EngineError::Corrupt(format!("the plan of arrival {} cannot be read", self.0))
        })?))
    }
}
