//! Stories: recorded, read by role, listed, removed.

use crate::mail::world::World;
use posthorn_base::{AccountId, ArrivalId, Time};
use posthorn_store::story::{
    CountRefusal, Event, Kind, Label, ListStories, NewStory, PurgeStories, ReadStory, RecordEvent,
    RecordStory, Story, StoryKind,
};
use posthorn_store::{Engine, Operation, StoreError, Tx, stmt};

const DAY_MILLIS: i64 = 86_400_000;

impl World<'_> {
    async fn tell(&self, at: Time, kind: StoryKind, events: Vec<Event>) -> ArrivalId {
        let arrival = self.id();
        self.write(RecordStory(NewStory { arrival, at, kind, events })).await.unwrap();
        arrival
    }

    async fn story(&self, arrival: ArrivalId, account: Option<AccountId>) -> Option<Story> {
        self.read(ReadStory { arrival, account }).await
    }

    async fn stories(&self, account: Option<AccountId>) -> Vec<ArrivalId> {
        let list = self.read(ListStories { account, before: None, limit: 100 }).await;
        list.iter().map(|story| story.arrival).collect()
    }
}

pub(crate) async fn readers_see_their_own_branch(engine: &Engine) {
    let world = World::new(engine).await;
    let now = world.now();
    let events = vec![
        Event::new(now, Kind::Connected).with(Label::Peer, "192.0.2.1"),
        Event::new(now, Kind::LoggedIn).of(world.alice),
        Event::new(now, Kind::Sender).with(Label::Address, "<alice@example.com>"),
        Event::new(now, Kind::Placed).of(world.bob).with(Label::Mailbox, "INBOX"),
        Event::new(now, Kind::Committed),
    ];
    let arrival = world.tell(now, StoryKind::Accepted, events.clone()).await;
    let event = Event::new(world.now(), Kind::Moved).of(world.bob).with(Label::To, "Junk");
    world.write(RecordEvent { arrival, event_id: world.id(), event }).await.unwrap();

    let kinds = async |account| {
        let story = world.story(arrival, account).await?;
        Some(story.events.iter().map(|event| event.kind).collect::<Vec<_>>())
    };
    let (all, alice, bob) = (kinds(None).await, kinds(Some(world.alice)), kinds(Some(world.bob)));
    let mut want: Vec<_> = events.iter().map(|event| event.kind).collect();
    want.push(Kind::Moved);
    assert_eq!(all, Some(want));
    assert_eq!(
        alice.await,
        Some(vec![Kind::LoggedIn, Kind::Sender, Kind::Placed, Kind::Committed])
    );
    assert_eq!(bob.await, Some(vec![Kind::Sender, Kind::Placed, Kind::Committed, Kind::Moved]));
    let carol = world.account("carol@example.com", None).await;
    assert_eq!(world.story(arrival, Some(carol)).await, None, "not even that there is one");
    assert_eq!(world.story(world.id(), None).await, None);
}

pub(crate) async fn lists_are_paged_from_the_newest(engine: &Engine) {
    let world = World::new(engine).await;
    let mut told = Vec::new();
    for n in 0..5 {
        let now = world.now();
        let account = if n % 2 == 0 { world.alice } else { world.bob };
        let events = vec![Event::new(now, Kind::Placed).of(account)];
        told.push(world.tell(now, StoryKind::Accepted, events).await);
    }
    told.reverse();
    assert_eq!(world.stories(None).await, told);
    assert_eq!(world.stories(Some(world.alice)).await, [told[0], told[2], told[4]]);
    let page = ListStories { account: None, before: Some(told[1]), limit: 2 };
    let page: Vec<_> = world.read(page).await.iter().map(|story| story.arrival).collect();
    assert_eq!(page, [told[2], told[3]]);
}

pub(crate) async fn old_stories_are_removed_some_at_a_time(engine: &Engine) {
    let world = World::new(engine).await;
    let now = world.now();
    let ago = |days: i64| Time::from_millis(now.millis() - days * DAY_MILLIS);
    for days in [3, 2, 1, 0] {
        let events = vec![Event::new(ago(days), Kind::Placed).of(world.alice)];
        world.tell(ago(days), StoryKind::Accepted, events).await;
    }
    let refused = world.tell(ago(9), StoryKind::Refused, Vec::new()).await;
    let event = Event::new(now, Kind::Expunged);
    world.write(RecordEvent { arrival: refused, event_id: world.id(), event }).await.unwrap();
    let purge = |kind, limit| PurgeStories { kind, before_day: now.day(), limit };
    assert_eq!(world.write(purge(StoryKind::Accepted, 2)).await.unwrap(), 2);
    assert_eq!(world.write(purge(StoryKind::Accepted, 2)).await.unwrap(), 1);
    assert_eq!(world.stories(Some(world.alice)).await.len(), 1);
    assert_eq!(world.stories(None).await.len(), 2);
    assert_eq!(world.write(purge(StoryKind::Refused, 2)).await.unwrap(), 1);
    assert_eq!(world.story(refused, None).await, None);
    world.clean().await;
}

struct Counts;

impl Operation for Counts {
    type Output = Vec<(String, i64, i64)>;
    const NAME: &'static str = "counts";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let sql = "SELECT network, reason, count FROM refusal_count ORDER BY network, reason";
        let rows = tx.one(stmt!(sql)).await?;
        rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
    }
}

pub(crate) async fn refusals_are_counted(engine: &Engine) {
    let world = World::new(engine).await;
    let at = world.now();
    for (network, reason, count) in
        [("192.0.2.0/24", 550, 3), ("192.0.2.0/24", 554, 1), ("192.0.2.0/24", 550, 4)]
    {
        let network = network.into();
        world.write(CountRefusal { at, network, reason, count }).await.unwrap();
    }
    let network = || "192.0.2.0/24".to_owned();
    assert_eq!(world.read(Counts).await, [(network(), 550, 7), (network(), 554, 1)]);
}
