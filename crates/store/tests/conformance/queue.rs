//! Queue rows and destinations.

use crate::mail::world::{World, letter};
use posthorn_base::{ArrivalId, EventId, QueueId, Time};
use posthorn_store::mail::Accept;
use posthorn_store::queue::{
    ClaimDue, Defer, End, Hold, ListQueue, Needs, NewQueueRow, Notify, QueueFilter, QueueRow,
    Remove, Ret,
};
use posthorn_store::story::{Event, Kind, Label, ReadStory};
use posthorn_store::{Engine, StoreError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

impl World<'_> {
    fn row(&self, to: &str, due_at: Time) -> NewQueueRow {
        NewQueueRow {
            id: self.id(),
            account: Some(self.alice),
            recipient: to.into(),
            final_address: to.into(),
            orcpt: Some("rfc822;a+2Bb@elsewhere.example".into()),
            notify: Notify::FAILURE.with(Notify::DELAY),
            ret: Ret::Headers,
            envid: Some("QQ".into()),
            return_path: "alice@example.com".into(),
            next_hop: to.rsplit_once('@').unwrap().1.into(),
            needs: Needs::EIGHT_BIT,
            priority: 0,
            due_at,
            expires_at: due_at + 1000 * MINUTE,
        }
    }

    /// Accepts a message for other systems only.
    async fn send(&self, to: &[&str]) -> (ArrivalId, Vec<QueueId>) {
        let mut plan = self.plan(&letter("hello"), &[]);
        let now = self.now();
        plan.queue = to.iter().map(|to| self.row(to, now)).collect();
        let (arrival, ids) = (plan.arrival, plan.queue.iter().map(|row| row.id).collect());
        self.write(Accept { plan }).await.unwrap();
        (arrival, ids)
    }

    async fn queue(&self, filter: QueueFilter) -> Vec<QueueRow> {
        self.read(ListQueue { filter, after: None, limit: 100 }).await
    }

    async fn claim(&self, now: Time) -> Vec<QueueId> {
        let lease_until = now + 5 * MINUTE;
        let claim =
            ClaimDue { now, lease_until, owner: 7, destinations: 10, rows_per_destination: 10 };
        let rows = self.write(claim).await.unwrap();
        rows.iter().map(|row| row.row.id).collect()
    }

    fn event_id(&self) -> EventId {
        self.id()
    }
}

pub(crate) async fn rows_come_back_as_they_were_queued(engine: &Engine) {
    let world = World::new(engine).await;
    let (arrival, ids) = world.send(&["x@one.example", "y@two.example"]).await;
    let rows = world.queue(QueueFilter::All).await;
    assert_eq!(rows.iter().map(|row| row.row.id).collect::<Vec<_>>(), ids);
    let want = NewQueueRow {
        id: ids[0],
        due_at: rows[0].row.due_at,
        expires_at: rows[0].row.expires_at,
        ..world.row("x@one.example", Time::EPOCH)
    };
    assert_eq!(rows[0].row, want);
    assert_eq!((rows[0].attempts, rows[0].arrival), (0, arrival));
    let (first, second) = (rows[0].clone(), rows[1].clone());
    let one = world.queue(QueueFilter::NextHop("one.example".into())).await;
    assert_eq!(one, [first]);
    assert_eq!(world.queue(QueueFilter::Arrival(arrival)).await.len(), 2);
    let page = ListQueue { filter: QueueFilter::All, after: Some(ids[0]), limit: 1 };
    assert_eq!(world.read(page).await, [second]);
    world.clean().await;
}

pub(crate) async fn a_dead_destination_hides_its_rows(engine: &Engine) {
    let world = World::new(engine).await;
    let (arrival, ids) = world.send(&["x@one.example", "y@two.example"]).await;
    let now = world.now();
    assert_eq!(world.claim(now).await, ids);
    assert_eq!(world.claim(now).await, [], "under a lease");
    let defer = |queue_id, due_at, whole_destination| Defer {
        queue_id,
        event_id: world.event_id(),
        now,
        due_at,
        reply: "451 later".into(),
        whole_destination,
    };
    world.write(defer(ids[0], now + 30 * MINUTE, true)).await.unwrap();
    world.write(defer(ids[1], now + MINUTE, false)).await.unwrap();
    // A new message does not wake the dead destination up.
    let (_, more) = world.send(&["z@one.example"]).await;
    assert_eq!(world.claim(now + 2 * MINUTE).await, [ids[1]]);
    assert_eq!(world.claim(now + 31 * MINUTE).await, [ids[1], more[0], ids[0]]);
    let row = &world.queue(QueueFilter::NextHop("two.example".into())).await[0];
    assert_eq!((row.attempts, row.last_reply.as_deref()), (1, Some("451 later")));
    let story = world.read(ReadStory { arrival, account: None }).await.unwrap();
    let attempts = story.events.iter().filter(|event| event.kind == Kind::Attempted).count();
    assert_eq!(attempts, 2);
    world.clean().await;
}

pub(crate) async fn a_lease_ends_by_itself(engine: &Engine) {
    let world = World::new(engine).await;
    let (_, ids) = world.send(&["x@one.example"]).await;
    let now = world.now();
    assert_eq!(world.claim(now).await, ids);
    assert_eq!(world.claim(now + 4 * MINUTE).await, []);
    assert_eq!(world.claim(now + 6 * MINUTE).await, ids);
}

pub(crate) async fn held_rows_wait_for_the_operator(engine: &Engine) {
    let world = World::new(engine).await;
    let (arrival, ids) = world.send(&["x@one.example"]).await;
    let hold = |hold| Hold {
        queue_id: ids[0],
        event_id: world.event_id(),
        hold,
        now: world.now(),
        by: "root".into(),
    };
    world.write(hold(true)).await.unwrap();
    assert!(world.queue(QueueFilter::All).await[0].held_at.is_some());
    assert_eq!(world.claim(world.now() + MINUTE).await, []);
    world.write(hold(false)).await.unwrap();
    assert_eq!(world.claim(world.now() + MINUTE).await, ids);
    let story = world.read(ReadStory { arrival, account: None }).await.unwrap();
    let held: Vec<_> = story.events.iter().filter(|event| event.kind == Kind::Held).collect();
    let outcomes: Vec<_> = held.iter().map(|e| e.detail(Label::Outcome).unwrap()).collect();
    assert_eq!(outcomes, ["held", "released"]);
    world.clean().await;
}

pub(crate) async fn the_last_row_takes_its_body_along(engine: &Engine) {
    let world = World::new(engine).await;
    let (arrival, ids) = world.send(&["x@one.example", "y@one.example"]).await;
    let now = world.now();
    let event = Event::new(now, Kind::Ended).with(Label::Reply, "250 ok");
    let (queue_id, event_id) = (ids[0], world.event_id());
    world.write(End { queue_id, event_id, now, event, destination_works: true }).await.unwrap();
    world.clean().await;
    let remove = |event_id| Remove { queue_id: ids[1], event_id, now, by: "root".into() };
    world.write(remove(world.event_id())).await.unwrap();
    assert_eq!(world.queue(QueueFilter::All).await, []);
    let again = world.write(remove(world.event_id())).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
    let story = world.read(ReadStory { arrival, account: None }).await.unwrap();
    let ends: Vec<_> = story.events.iter().rev().take(2).map(|event| event.kind).collect();
    assert_eq!(ends, [Kind::Removed, Kind::Ended]);
    // The body went with its last reference, or the check would tell.
    world.clean().await;
}
