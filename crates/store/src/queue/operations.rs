//! Listing, claiming, deferring, ending and holding queue rows.

use super::row::QueueRow;
use crate::story::{Event, Kind, Label, RecordEvent};
use crate::{Batch, Change, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{ArrivalId, BodyId, EventId, QueueId, Time};

/// SELECT with all columns of a row; `$rest` is what follows FROM.
macro_rules! select_rows {
    ($rest:literal) => {
        concat!(
            "SELECT queue_id, arrival_id, body_id, account_id, recipient, final_address, orcpt, \
             notify, ret, envid, return_path, next_hop, needs, priority, due_at, expires_at, \
             held_at, attempts, lease_until, last_reply, created_at FROM queue_row ",
            $rest
        )
    };
}

/// Which rows to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum QueueFilter {
    /// All of them.
    #[default]
    All,
    /// Those for one next hop (a domain's ASCII form).
    NextHop(String),
    /// Those of one arrival.
    Arrival(ArrivalId),
}

/// Lists rows by id, which is the order in which they were queued.
#[derive(Clone, Debug, Default)]
pub struct ListQueue {
    /// Which.
    pub filter: QueueFilter,
    /// Only rows after this one: where the page before ended.
    pub after: Option<QueueId>,
    /// How many at most.
    pub limit: u32,
}

impl Operation for ListQueue {
    type Output = Vec<QueueRow>;
    const NAME: &'static str = "list queue";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<QueueRow>, StoreError> {
        let after = self.after.map_or(0, QueueId::get);
        let rows = tx
            .one(match &self.filter {
                QueueFilter::All => {
                    stmt!(
                        select_rows!("WHERE queue_id > ?1 ORDER BY queue_id LIMIT ?2"),
                        after,
                        self.limit
                    )
                }
                QueueFilter::NextHop(domain) => stmt!(
                    select_rows!(
                        "WHERE queue_id > ?1 AND next_hop = ?3 ORDER BY queue_id LIMIT ?2"
                    ),
                    after,
                    self.limit,
                    domain.as_str()
                ),
                QueueFilter::Arrival(arrival) => stmt!(
                    select_rows!(
                        "WHERE queue_id > ?1 AND arrival_id = ?3 ORDER BY queue_id LIMIT ?2"
                    ),
                    after,
                    self.limit,
                    *arrival
                ),
            })
            .await?;
        Ok(rows.iter().map(QueueRow::read).collect::<Result<_, _>>()?)
    }
}

/// Claims rows that are due, oldest destination first, under a lease.
#[derive(Clone, Debug)]
pub struct ClaimDue {
    /// The present instant.
    pub now: Time,
    /// When the lease ends by itself.
    pub lease_until: Time,
    /// Who claims: a number of this process's own.
    pub owner: i64,
    /// Destinations at most.
    pub destinations: u32,
    /// Rows for each destination at most.
    pub rows_per_destination: u32,
}

impl Operation for ClaimDue {
    type Output = Vec<QueueRow>;
    const NAME: &'static str = "claim due";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<QueueRow>, StoreError> {
        let due = tx
            .one(stmt!(
                "SELECT next_hop FROM destination WHERE next_due_at <= ?1 AND waiting > 0 \
                 ORDER BY next_due_at LIMIT ?2",
                self.now,
                self.destinations
            ))
            .await?;
        let mut batch = Batch::new();
        for row in due.iter() {
            let next_hop: Vec<u8> = row.get(0)?;
            batch.push(stmt!(
                "UPDATE queue_row SET lease_until = ?4, lease_owner = ?3 WHERE queue_id IN (\
                     SELECT queue_id FROM queue_row WHERE next_hop = ?1 AND due_at <= ?2 \
                     AND held_at IS NULL AND (lease_until IS NULL OR lease_until <= ?2) \
                     ORDER BY priority DESC, due_at LIMIT ?5)",
                next_hop.clone(),
                self.now,
                self.owner,
                self.lease_until,
                self.rows_per_destination
            ));
            batch.push(stmt!(
                select_rows!(
                    "WHERE next_hop = ?1 AND lease_owner = ?2 AND lease_until = ?3 \
                     ORDER BY priority DESC, due_at"
                ),
                next_hop.clone(),
                self.owner,
                self.lease_until
            ));
            batch.push(next_due(next_hop, self.now));
        }
        let answers = tx.run(batch).await?;
        let mut claimed = Vec::new();
        for rows in answers.iter().skip(1).step_by(3) {
            for row in rows.iter() {
                claimed.push(QueueRow::read(row)?);
            }
        }
        Ok(claimed)
    }
}

/// Sets when a destination has something to do next: the earliest due row, or lease that ends.
fn next_due(next_hop: Vec<u8>, now: Time) -> Statement {
    stmt!(
        "UPDATE destination SET next_due_at = COALESCE((SELECT MIN(\
             CASE WHEN lease_until IS NOT NULL AND lease_until > due_at \
             THEN lease_until ELSE due_at END) \
             FROM queue_row WHERE next_hop = ?1 AND held_at IS NULL), ?2) WHERE next_hop = ?1",
        next_hop,
        now
    )
}

/// An attempt did not succeed, and another will follow.
#[derive(Clone, Debug)]
pub struct Defer {
    /// The row.
    pub queue_id: QueueId,
    /// Id of the event that it adds to the story.
    pub event_id: EventId,
    /// When the attempt ended.
    pub now: Time,
    /// When to try again.
    pub due_at: Time,
    /// The other side's reply, or what kept us from getting one.
    pub reply: String,
    /// True when the fault lies with the destination: no row of it is tried before `due_at`.
    pub whole_destination: bool,
}

impl Operation for Defer {
    type Output = ();
    const NAME: &'static str = "defer";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let rows = tx
            .one(stmt!(
                "UPDATE queue_row SET due_at = ?2, attempts = attempts + 1, lease_until = NULL, \
                 lease_owner = NULL, last_reply = ?3 WHERE queue_id = ?1 \
                 RETURNING next_hop, arrival_id, recipient, account_id",
                self.queue_id,
                self.due_at,
                self.reply.as_str()
            ))
            .await?;
        let row = rows.first().ok_or_else(|| StoreError::missing("queue row", self.queue_id))?;
        let next_hop: Vec<u8> = row.get(0)?;
        let mut batch = vec![if self.whole_destination {
            stmt!(
                "UPDATE destination SET failures = failures + 1, next_due_at = ?2 \
                 WHERE next_hop = ?1",
                next_hop,
                self.due_at
            )
        } else {
            next_due(next_hop, self.now)
        }];
        let mut event = Event::new(self.now, Kind::Attempted)
            .with(Label::Address, row.get::<String>(2)?)
            .with(Label::Reply, self.reply.as_str())
            .with(Label::Due, self.due_at.to_string());
        event.account = row.get(3)?;
        RecordEvent { arrival: row.get(1)?, event_id: self.event_id, event }.write(&mut batch);
        tx.run(batch).await?;
        Ok(())
    }
}

/// A row is over: delivered, failed for good, expired or removed. Its story says which.
#[derive(Clone, Debug)]
pub struct End {
    /// The row.
    pub queue_id: QueueId,
    /// Id of the event that it adds to the story.
    pub event_id: EventId,
    /// When it ended.
    pub now: Time,
    /// What happened: a [`Kind::Ended`] or [`Kind::Removed`] event without address.
    pub event: Event,
    /// True when the destination answered: its failures are forgotten.
    pub destination_works: bool,
}

impl Operation for End {
    type Output = ();
    const NAME: &'static str = "end queue row";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let rows = tx
            .one(stmt!(
                "DELETE FROM queue_row WHERE queue_id = ?1 \
                 RETURNING next_hop, arrival_id, recipient, account_id, body_id",
                self.queue_id
            ))
            .await?;
        let row = rows.first().ok_or_else(|| StoreError::missing("queue row", self.queue_id))?;
        let next_hop: Vec<u8> = row.get(0)?;
        let body: BodyId = row.get(4)?;
        let mut batch = vec![
            stmt!(
                "UPDATE destination SET waiting = waiting - 1, \
                 failures = CASE WHEN ?2 = 1 THEN 0 ELSE failures END WHERE next_hop = ?1",
                next_hop.clone(),
                self.destination_works
            ),
            stmt!(
                "DELETE FROM destination WHERE next_hop = ?1 AND waiting <= 0 AND failures = 0",
                next_hop.clone()
            ),
            next_due(next_hop, self.now),
        ];
        crate::reference::release(body, 1, self.now, &mut batch);
        let mut event = self.event.clone().with(Label::Address, row.get::<String>(2)?);
        event.account = row.get(3)?;
        RecordEvent { arrival: row.get(1)?, event_id: self.event_id, event }.write(&mut batch);
        tx.run(batch).await?;
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// An operator removes a row: nobody is told but the story.
#[derive(Clone, Debug)]
pub struct Remove {
    /// The row.
    pub queue_id: QueueId,
    /// Id of the event that it adds to the story.
    pub event_id: EventId,
    /// When.
    pub now: Time,
    /// Who said so.
    pub by: String,
}

impl Operation for Remove {
    type Output = ();
    const NAME: &'static str = "remove queue row";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let event = Event::new(self.now, Kind::Removed).with(Label::By, self.by.as_str());
        let &Remove { queue_id, event_id, now, .. } = self;
        End { queue_id, event_id, now, event, destination_works: false }.run(tx).await
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// An operator holds a row, or lets it go.
#[derive(Clone, Debug)]
pub struct Hold {
    /// The row.
    pub queue_id: QueueId,
    /// Id of the event that it adds to the story.
    pub event_id: EventId,
    /// True to hold, false to release.
    pub hold: bool,
    /// When.
    pub now: Time,
    /// Who said so.
    pub by: String,
}

impl Operation for Hold {
    type Output = ();
    const NAME: &'static str = "hold queue row";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let rows = tx
            .one(stmt!(
                "UPDATE queue_row SET held_at = ?2 WHERE queue_id = ?1 \
                 RETURNING next_hop, arrival_id, recipient, account_id",
                self.queue_id,
                self.hold.then_some(self.now)
            ))
            .await?;
        let row = rows.first().ok_or_else(|| StoreError::missing("queue row", self.queue_id))?;
        let mut batch = vec![next_due(row.get(0)?, self.now)];
        let outcome = if self.hold { "held" } else { "released" };
        let mut event = Event::new(self.now, Kind::Held)
            .with(Label::Outcome, outcome)
            .with(Label::Address, row.get::<String>(2)?)
            .with(Label::By, self.by.as_str());
        event.account = row.get(3)?;
        RecordEvent { arrival: row.get(1)?, event_id: self.event_id, event }.write(&mut batch);
        tx.run(batch).await?;
        tx.changed(Change::Queue);
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}
