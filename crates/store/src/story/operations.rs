//! Writing, reading and removing stories.

use super::event::{self, Event, Kind, Reader};
use crate::seam::Row;
use crate::{Batch, EngineError, Operation, Statement, StoreError, Tx, stmt};
use posthorn_base::{AccountId, ArrivalId, EventId, Time};
use std::collections::HashMap;

/// How a story began. Codes are part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoryKind {
    /// We said 250.
    Accepted,
    /// We refused it.
    Refused,
    /// Its owner appended or imported it.
    Appended,
    /// We made it: a report, a bounce.
    Made,
}

impl StoryKind {
    const ALL: [StoryKind; 4] =
        [StoryKind::Accepted, StoryKind::Refused, StoryKind::Appended, StoryKind::Made];

    /// The number by which the store keeps it.
    pub const fn code(self) -> i64 {
        match self {
            StoryKind::Accepted => 1,
            StoryKind::Refused => 2,
            StoryKind::Appended => 3,
            StoryKind::Made => 4,
        }
    }
    /// The word shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            StoryKind::Accepted => "accepted",
            StoryKind::Refused => "refused",
            StoryKind::Appended => "appended",
            StoryKind::Made => "made",
        }
    }
    fn from_code(code: i64) -> Option<StoryKind> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

const ROLE_SENDER: i64 = 1;
const ROLE_RECIPIENT: i64 = 2;

/// The first part of a story, written by the transaction that decides the message's fate.
#[derive(Clone, Debug)]
pub struct NewStory {
    /// The arrival.
    pub arrival: ArrivalId,
    /// When it was decided.
    pub at: Time,
    /// How it began.
    pub kind: StoryKind,
    /// What happened so far.
    pub events: Vec<Event>,
}

impl NewStory {
    /// Whose stories this is: every account on whose branch an event is, with its roles.
    pub(crate) fn pointers(&self) -> Vec<(AccountId, i64)> {
        let mut pointers: Vec<(AccountId, i64)> = Vec::new();
        for event in &self.events {
            let Some(account) = event.account else { continue };
            let role = if event.kind == Kind::LoggedIn { ROLE_SENDER } else { ROLE_RECIPIENT };
            match pointers.iter_mut().find(|(known, _)| *known == account) {
                Some((_, roles)) => *roles |= role,
                None => pointers.push((account, role)),
            }
        }
        pointers
    }

    /// Appends the statements that write it.
    pub fn write(&self, batch: &mut Batch) {
        self.write_story(batch);
        for (account, role) in self.pointers() {
            batch.push(point(account, self.arrival, role));
        }
    }

    /// The same without the pointers.
    pub(crate) fn write_story(&self, batch: &mut Batch) {
        let data = event::encode(self.at, &self.events);
        batch.push(stmt!(
            "INSERT INTO story (arrival_id, day, at, kind, size, data) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            self.arrival,
            self.at.day(),
            self.at,
            self.kind.code(),
            data.len() as i64,
            data
        ));
    }
}

/// Leads from an account to a story, in the roles it has there.
pub(crate) fn point(account: AccountId, arrival: ArrivalId, role: i64) -> Statement {
    stmt!(
        "INSERT INTO story_pointer (account_id, arrival_id, role) VALUES (?1, ?2, ?3)",
        account,
        arrival,
        role
    )
}

/// Columns of `story_event` for one later event: its instant, branch and compact form. For
/// set-based inserts of the same event into many stories: `INSERT INTO story_event (arrival_id,
/// event_id, at, account_id, data) SELECT ...`.
///
/// `event_id` must rise with time (an id of the caller's transaction); two emails of one arrival
/// touched by one transaction are one event (`ON CONFLICT DO NOTHING`).
pub fn later_event(event: &Event) -> Vec<u8> {
    event::encode(event.at, std::slice::from_ref(event))
}

/// Records a story that no other transaction writes: a refusal.
#[derive(Clone, Debug)]
pub struct RecordStory(pub NewStory);

impl Operation for RecordStory {
    type Output = ();
    const NAME: &'static str = "record story";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.0.write(&mut batch);
        tx.run(batch).await?;
        Ok(())
    }
}

/// Records one later event.
#[derive(Clone, Debug)]
pub struct RecordEvent {
    /// The arrival whose story goes on.
    pub arrival: ArrivalId,
    /// Rises with time within the story.
    pub event_id: EventId,
    /// What happened.
    pub event: Event,
}

impl RecordEvent {
    /// Appends the statement that writes it.
    pub fn write(&self, batch: &mut Batch) {
        batch.push(stmt!(
            "INSERT INTO story_event (arrival_id, event_id, at, account_id, data) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            self.arrival,
            self.event_id,
            self.event.at,
            self.event.account,
            later_event(&self.event)
        ));
    }
}

impl Operation for RecordEvent {
    type Output = ();
    const NAME: &'static str = "record event";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        self.write(&mut batch);
        tx.run(batch).await?;
        Ok(())
    }
}

/// Counts refusals of one network for one reason, when each would be too many to tell.
#[derive(Clone, Debug)]
pub struct CountRefusal {
    /// When the last of them was.
    pub at: Time,
    /// The network they came from, as text.
    pub network: String,
    /// The reason's number (the caller's table).
    pub reason: i64,
    /// How many.
    pub count: i64,
}

impl Operation for CountRefusal {
    type Output = ();
    const NAME: &'static str = "count refusal";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!(
            "INSERT INTO refusal_count (day, network, reason, count, last_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (day, network, reason) \
             DO UPDATE SET count = refusal_count.count + excluded.count, \
             last_at = excluded.last_at",
            self.at.day(),
            self.network.as_str(),
            self.reason,
            self.count,
            self.at
        ))
        .await?;
        Ok(())
    }
}

/// A story as somebody may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The arrival.
    pub arrival: ArrivalId,
    /// When its fate was decided.
    pub at: Time,
    /// How it began.
    pub kind: StoryKind,
    /// What happened, in order; only what the reader may see.
    pub events: Vec<Event>,
}

fn damaged(arrival: ArrivalId) -> EngineError {
    EngineError::Corrupt(format!("the story of {arrival} cannot be read"))
}

fn read_row(
    arrival: ArrivalId,
    at: Time,
    kind: i64,
    data: &[u8],
    reader: Reader,
) -> Result<Story, EngineError> {
    let kind = StoryKind::from_code(kind).ok_or_else(|| damaged(arrival))?;
    let mut events = event::decode(at, data).ok_or_else(|| damaged(arrival))?;
    events.retain(|event| event.visible_to(reader));
    Ok(Story { arrival, at, kind, events })
}

/// Reads one story whole. `None` when there is none, or none that the asker may know of.
#[derive(Clone, Debug)]
pub struct ReadStory {
    /// Whose.
    pub arrival: ArrivalId,
    /// The account that asks; `None` for the operator.
    pub account: Option<AccountId>,
}

impl Operation for ReadStory {
    type Output = Option<Story>;
    const NAME: &'static str = "read story";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Story>, StoreError> {
        let answers = tx
            .run(vec![
                stmt!("SELECT at, kind, data FROM story WHERE arrival_id = ?1", self.arrival),
                stmt!(
                    "SELECT at, data FROM story_event WHERE arrival_id = ?1 ORDER BY event_id",
                    self.arrival
                ),
                stmt!(
                    "SELECT role FROM story_pointer WHERE account_id = ?1 AND arrival_id = ?2",
                    self.account.map_or(0, AccountId::get),
                    self.arrival
                ),
            ])
            .await?;
        let [story, later, pointer] = answers.as_slice() else { return Ok(None) };
        let Some(row) = story.first() else { return Ok(None) };
        let reader = match self.account {
            None => Reader::Operator,
            Some(account) => match pointer.first() {
                None => return Ok(None),
                Some(role) => reader_of(account, role.get(0)?),
            },
        };
        let data: Vec<u8> = row.get(2)?;
        let mut story = read_row(self.arrival, row.get(0)?, row.get(1)?, &data, reader)?;
        for row in later.iter() {
            let data: Vec<u8> = row.get(1)?;
            let events = event::decode(row.get(0)?, &data).ok_or_else(|| damaged(self.arrival))?;
            story.events.extend(events.into_iter().filter(|event| event.visible_to(reader)));
        }
        Ok(Some(story))
    }
}

fn reader_of(account: AccountId, role: i64) -> Reader {
    if role & ROLE_SENDER != 0 { Reader::Sender(account) } else { Reader::Recipient(account) }
}

/// Lists the newest stories, without their later events.
#[derive(Clone, Debug)]
pub struct ListStories {
    /// The account that asks; `None` for the operator.
    pub account: Option<AccountId>,
    /// Only stories before this arrival: where the page before ended.
    pub before: Option<ArrivalId>,
    /// How many at most.
    pub limit: u32,
}

impl Operation for ListStories {
    type Output = Vec<Story>;
    const NAME: &'static str = "list stories";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Story>, StoreError> {
        let before = self.before.map_or(i64::MAX, ArrivalId::get);
        let rows = match self.account {
            None => {
                tx.one(stmt!(
                    "SELECT arrival_id, at, kind, data FROM story WHERE arrival_id < ?1 \
                     ORDER BY arrival_id DESC LIMIT ?2",
                    before,
                    self.limit
                ))
                .await?
            }
            Some(account) => return self.of_account(tx, account).await,
        };
        let mut stories = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            stories.push(read_list_row(row, Reader::Operator)?);
        }
        Ok(stories)
    }
}

impl ListStories {
    async fn of_account(
        &self,
        tx: &mut Tx<'_>,
        account: AccountId,
    ) -> Result<Vec<Story>, StoreError> {
        let pointers = tx
            .one(stmt!(
                "SELECT arrival_id, role FROM story_pointer \
                 WHERE account_id = ?1 AND arrival_id < ?2 ORDER BY arrival_id DESC LIMIT ?3",
                account,
                self.before.map_or(i64::MAX, ArrivalId::get),
                self.limit
            ))
            .await?;
        let mut roles = HashMap::with_capacity(pointers.len());
        for row in pointers.iter() {
            roles.insert(row.get::<i64>(0)?, row.get::<i64>(1)?);
        }
        let ids: Vec<i64> = roles.keys().copied().collect();
        let rows = tx
            .one(stmt!(
                "SELECT arrival_id, at, kind, data FROM story WHERE arrival_id IN {ints:?1} \
                 ORDER BY arrival_id DESC",
                ids
            ))
            .await?;
        let mut stories = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let role = roles.get(&row.get::<i64>(0)?).copied().unwrap_or(0);
            stories.push(read_list_row(row, reader_of(account, role))?);
        }
        Ok(stories)
    }
}

fn read_list_row(row: Row<'_>, reader: Reader) -> Result<Story, EngineError> {
    let data: Vec<u8> = row.get(3)?;
    read_row(row.get(0)?, row.get(1)?, row.get(2)?, &data, reader)
}

/// Removes the oldest stories of one kind that are from before a day, some at a time. Answers how
/// many it removed: when that is `limit`, there may be more.
#[derive(Clone, Debug)]
pub struct PurgeStories {
    /// Which.
    pub kind: StoryKind,
    /// Days since 1970: stories of this day and later stay.
    pub before_day: i64,
    /// How many at most, so that the writer is not held.
    pub limit: u32,
}

impl Operation for PurgeStories {
    type Output = u32;
    const NAME: &'static str = "purge stories";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u32, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT arrival_id, at, data FROM story WHERE kind = ?1 AND day < ?2 \
                 ORDER BY day LIMIT ?3",
                self.kind.code(),
                self.before_day,
                self.limit
            ))
            .await?;
        let mut batch = Batch::new();
        for row in rows.iter() {
            let (arrival, at): (ArrivalId, Time) = (row.get(0)?, row.get(1)?);
            let data: Vec<u8> = row.get(2)?;
            let events = event::decode(at, &data).ok_or_else(|| damaged(arrival))?;
            let story = NewStory { arrival, at, kind: self.kind, events };
            for (account, _) in story.pointers() {
                batch.push(stmt!(
                    "DELETE FROM story_pointer WHERE account_id = ?1 AND arrival_id = ?2",
                    account,
                    arrival
                ));
            }
            batch.push(stmt!("DELETE FROM story_event WHERE arrival_id = ?1", arrival));
            batch.push(stmt!("DELETE FROM story WHERE arrival_id = ?1", arrival));
        }
        tx.run(batch).await?;
        Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
    }

    fn needs_room(&self) -> bool {
        false
    }
}
