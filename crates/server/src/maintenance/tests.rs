//! A round, days later.

use super::*;
use crate::open::{EngineSettings, OpenStore, StoreSettings};
use crate::system::{Ids, SystemClock};
use crate::test_accounts::create_alice;
use bytes::Bytes;
use posthorn_base::{Address, Flags, Uid, ZonedTime};
use posthorn_store::bodies::BodyWriter;
use posthorn_store::check::check;
use posthorn_store::directory::{
    FindLogin, ListClosing, ReadAccount, Refusal, Resolve, SetQuota, Wanted,
};
use posthorn_store::mail::pending::RecordPlan;
use posthorn_store::mail::{
    Append, Delivery, EmailFacts, Expunge, FindAccepted, FindMailbox, ListRestorable, NewMessage,
    NewPlacement, Plan, Target, ThreadKeys,
};
use posthorn_store::story::{Event, Kind, ListStories, NewStory, RecordStory};
use std::future::Future;
use std::task::Poll;

const DAY: Duration = Duration::from_secs(86_400);

struct World {
    store: OpenStore,
    ids: Ids,
    account: AccountId,
    now: Time,
    _dir: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let engine = EngineSettings::sqlite(0);
        let settings = StoreSettings::new(dir.path().join("store"), engine);
        let clock = SystemClock::new();
        let store = OpenStore::open(&settings, &clock).await.unwrap();
        let (ids, now) = (Ids::new(), clock.now());
        let id: AccountId = ids.next(now);
        create_alice(&store.engine, &ids, id, Vec::new(), now).await;
        World { store, ids, account: id, now, _dir: dir }
    }

    /// Appends a message of this size, and expunges it.
    async fn expunged(&self, octets: usize) {
        let (engine, now) = (&self.store.engine, self.now);
        let body = vec![b'x'; octets];
        let id = self.ids.next(now);
        let body = BodyWriter::encode(&self.store.files, id, &body, Bytes::new()).unwrap();
        let message = NewMessage {
            arrival: self.ids.next(now),
            email: self.ids.next(now),
            body,
            facts: EmailFacts {
                map_version: 1,
                part_map: Bytes::new(),
                envelope: Bytes::new(),
                sent: None,
                text: None,
                thread: ThreadKeys::default(),
            },
            received: ZonedTime { time: now, offset_minutes: 0 },
            flags: Flags::NONE,
            keywords: Vec::new(),
            story: None,
        };
        let inbox = FindMailbox::Name(self.account, posthorn_base::MailboxName::inbox());
        let mailbox = engine.read(&inbox).await.unwrap().unwrap();
        let uid = Uid::new(mailbox.uidnext.get()).unwrap();
        let (account, mailbox) = (self.account, mailbox.id);
        let messages = vec![message];
        let append = Append { account, mailbox, messages, now, within_quota: false };
        engine.write(append).await.unwrap();
        let uids = vec![uid];
        let expunge = Expunge { account, mailbox, uids, only_deleted: false, now };
        engine.write(expunge).await.unwrap();
    }

    async fn restorable(&self) -> usize {
        let list = ListRestorable { account: self.account, after: None, limit: 100 };
        self.store.engine.read(&list).await.unwrap().len()
    }

    async fn round(&self, days: u32) {
        let retention =
            Retention { expunged: 14 * DAY, stories_accepted: 90 * DAY, stories_refused: 14 * DAY };
        let (engine, files) = (Arc::clone(&self.store.engine), self.store.files.clone());
        Maintenance::new(engine, files, retention).round(self.now + days * DAY).await;
        let mut found = Vec::new();
        let mut tell = |finding| found.push(finding);
        check(&self.store.engine, &self.store.files, true, &mut tell).await.unwrap();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[tokio::test]
async fn expunged_mail_goes_when_its_time_is_over_and_its_file_a_day_later() {
    let world = World::new().await;
    world.expunged(10).await;
    world.expunged(200_000).await;
    let files = || world.store.files.list().unwrap().len();
    world.round(13).await;
    assert_eq!((world.restorable().await, files()), (2, 1));
    world.round(15).await;
    assert_eq!((world.restorable().await, files()), (0, 1), "the file has its grace");
    world.round(17).await;
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn what_can_be_restored_is_capped_by_the_quota() {
    let world = World::new().await;
    for _ in 0..3 {
        world.expunged(1000).await;
    }
    let quota = SetQuota { account: world.account, bytes: Some(2500), messages: None };
    world.store.engine.write(quota).await.unwrap();
    world.round(0).await;
    assert_eq!(world.restorable().await, 2);
}

/// Runs until it has waited so many times, then drops it as a crash would; what came of it, if it
/// came to its end.
async fn cut_off<T>(work: impl Future<Output = T>, waits: usize) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut left = waits;
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn the_removal_of_an_account_is_finished_wherever_it_was_cut_off() {
    let mut waits = 0;
    loop {
        let world = World::new().await;
        for octets in [10, 200_000, 10] {
            world.expunged(octets).await;
        }
        let (engine, account) = (&world.store.engine, world.account);
        let removed = cut_off(removal::remove(engine, account, world.now), waits).await;
        let is_done = removed.map(Result::unwrap).is_some();
        // The step whose answer nobody waited for is done when another one behind it is.
        let quota = SetQuota { account, bytes: None, messages: None };
        let is_there = engine.write(quota).await.is_ok();
        let is_closing = engine.read(&ListClosing).await.unwrap() == [account];
        assert!(is_closing || !is_there || waits == 0, "after {waits} waits nothing had begun");
        if is_closing || !is_there {
            let facts = engine.read(&FindLogin { name: "alice@example.com".into() }).await.unwrap();
            assert_eq!(facts, None, "after {waits} waits somebody could log in");
            let recipient = Wanted::Address(Address::parse("alice@example.com").unwrap());
            let resolve = Resolve { recipient, sender: None, tag_separator: '+' };
            let resolved = engine.read(&resolve).await.unwrap();
            assert_eq!(resolved, Err(Refusal::Unknown), "after {waits} waits mail was accepted");
        }

        world.round(0).await;
        let left = engine.read(&ReadAccount { account }).await.unwrap();
        assert_eq!(left.is_some(), is_there && !is_closing, "after {waits} waits");
        assert_eq!(engine.read(&ListClosing).await.unwrap(), []);
        if is_done {
            break;
        }
        waits += 1;
    }
    assert!(waits > 5, "it was cut off at {waits} places only");
}

#[tokio::test]
async fn stories_go_by_kind() {
    let world = World::new().await;
    for kind in [StoryKind::Accepted, StoryKind::Refused] {
        let (arrival, at) = (world.ids.next(world.now), world.now);
        let events = vec![Event::new(at, Kind::Committed)];
        let story = RecordStory(NewStory { arrival, at, kind, events });
        world.store.engine.write(story).await.unwrap();
    }
    let kinds = async || {
        let list = ListStories { account: None, before: None, limit: 10 };
        let stories = world.store.engine.read(&list).await.unwrap();
        stories.iter().map(|story| story.kind).collect::<Vec<_>>()
    };
    world.round(13).await;
    assert_eq!(kinds().await.len(), 2);
    world.round(20).await;
    assert_eq!(kinds().await, [StoryKind::Accepted]);
    world.round(100).await;
    assert_eq!(kinds().await, []);
}

#[tokio::test]
async fn what_was_decided_is_carried_out() {
    let world = World::new().await;
    let (now, arrival) = (world.now, world.ids.next(world.now));
    let body = BodyWriter::encode(&world.store.files, world.ids.next(now), b"x", Bytes::new());
    let placements = vec![NewPlacement {
        target: Target::Role(posthorn_base::Role::Inbox),
        flags: Flags::NONE,
        keywords: Vec::new(),
    }];
    let email = world.ids.next(now);
    let plan = Plan {
        arrival,
        received: ZonedTime { time: now, offset_minutes: 0 },
        body: body.unwrap(),
        facts: EmailFacts {
            map_version: 1,
            part_map: Bytes::new(),
            envelope: Bytes::new(),
            sent: None,
            text: None,
            thread: ThreadKeys::default(),
        },
        deliveries: vec![Delivery { account: world.account, email, placements }],
        queue: Vec::new(),
        story: NewStory { arrival, at: now, kind: StoryKind::Accepted, events: Vec::new() },
    };
    let find = FindAccepted::of(&plan);
    // The node that recorded it died before it went on.
    world.store.engine.write(RecordPlan { plan }).await.unwrap();
    let accepted = async || world.store.engine.read(&find).await.unwrap().unwrap();
    assert_eq!(accepted().await.pending, [world.account]);
    world.round(0).await;
    assert_eq!(accepted().await.pending, [world.account], "a node may still be at it");
    world.round(1).await;
    assert_eq!(accepted().await.placed.len(), 1);
}
