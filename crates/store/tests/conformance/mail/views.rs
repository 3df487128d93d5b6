//! Views in memory against the store.

use super::world::{INBOX, Letter, World, letter, uids};
use posthorn_base::{Flags, Keyword, MailboxId};
use posthorn_store::mail::{
    CopyMessages, CopyMode, DeleteMailbox, Expunge, FlagAction, Purgeable, StoreFlags, bulk,
};
use posthorn_store::view::{Difference, View, Views};
use posthorn_store::{Change, Engine, StoreError};
use std::sync::Arc;

/// What a host does after each commit.
async fn open(world: &World<'_>, views: &Views, mailbox: MailboxId) -> Arc<View> {
    let account = world.alice;
    let now = world.read(posthorn_store::mail::FindMailbox::Id(account, mailbox)).await.unwrap();
    views.publish(&[Change::Mailbox { account, mailbox, modseq: now.highest_modseq }]);
    views.open(world.engine, account, mailbox).await.unwrap()
}

async fn assert_equal(world: &World<'_>, view: &Arc<View>) {
    let messages = world.messages(view.mailbox().id).await;
    assert_eq!(view.len(), messages.len());
    for (entry, message) in view.messages().zip(&messages) {
        assert_eq!((entry.uid, entry.email), (message.uid, message.email));
        assert_eq!((entry.flags, entry.modseq), (message.flags, message.modseq));
        assert_eq!(u64::from(entry.size), message.size);
        assert_eq!(*view.keywords(entry), message.keywords);
    }
    let mailbox = world.find(world.alice, view.mailbox().name.as_str()).await;
    assert_eq!(mailbox.as_ref(), Some(view.mailbox()));
}

pub(crate) async fn a_view_follows_its_mailbox(engine: &Engine) {
    let world = World::new(engine).await;
    let (account, inbox) = (world.alice, world.inbox().await.id);
    let views = Views::new(1 << 20);
    let empty = open(&world, &views, inbox).await;
    assert!(empty.is_empty());
    let keywords = vec![Keyword::parse("todo").unwrap()];
    for flags in [Flags::SEEN, Flags::NONE, Flags::NONE, Flags::FLAGGED] {
        let letter = Letter { flags, keywords: keywords.clone(), ..letter("x") };
        world.deliver(&letter, INBOX).await;
    }
    let first = open(&world, &views, inbox).await;
    assert_equal(&world, &first).await;
    if matches!(engine, Engine::Sqlite(_)) {
        let again = open(&world, &views, inbox).await;
        assert!(Arc::ptr_eq(&first, &again), "nothing changed, nothing read");
    }

    let flags = StoreFlags {
        account,
        mailbox: inbox,
        uids: uids([2]),
        action: FlagAction::Set,
        flags: Flags::DELETED,
        keywords: vec![Keyword::parse("other").unwrap()],
        unchanged_since: None,
    };
    let stored = world.write(flags.clone()).await.unwrap();
    views.follow(account, inbox, &stored).await;
    let followed = open(&world, &views, inbox).await;
    assert_equal(&world, &followed).await;
    // Something came between: nothing is known of it, and the view is read.
    world.deliver(&letter("between"), INBOX).await;
    let seen = StoreFlags { flags: Flags::SEEN, ..flags };
    let stored = world.write(seen).await.unwrap();
    views.follow(account, inbox, &stored).await;
    assert_equal(&world, &open(&world, &views, inbox).await).await;
    let expunge = |numbers: [u32; 1]| Expunge {
        account,
        mailbox: inbox,
        uids: uids(numbers),
        only_deleted: false,
        now: world.now(),
    };
    world.write(expunge([3])).await.unwrap();
    world.deliver(&letter("new"), INBOX).await;
    let second = open(&world, &views, inbox).await;
    assert_equal(&world, &second).await;
    assert_eq!((empty.len(), first.len(), second.len()), (0, 4, 5), "old views stay");

    // What vanished is forgotten before the view asks.
    world.write(expunge([1])).await.unwrap();
    let what = Purgeable::EndedBefore(world.now());
    bulk::purge(engine, account, what, "retention", world.now()).await.unwrap();
    world.deliver(&letter("newer"), INBOX).await;
    assert_equal(&world, &open(&world, &views, inbox).await).await;

    let x = world.mailbox("x").await.id;
    let uids = uids([2, 5]);
    let now = world.now();
    let copy = CopyMessages { account, from: inbox, to: x, uids, mode: CopyMode::Move, now };
    world.write(copy).await.unwrap();
    assert_equal(&world, &open(&world, &views, inbox).await).await;
    assert_equal(&world, &open(&world, &views, x).await).await;

    let modseq = world.find(account, "x").await.unwrap().highest_modseq;
    world.write(DeleteMailbox { account, mailbox: x, now: world.now() }).await.unwrap();
    let modseq = posthorn_base::ModSeq::new(modseq.get() + 1).unwrap();
    views.publish(&[Change::Mailbox { account, mailbox: x, modseq }]);
    let gone = views.open(engine, account, x).await;
    assert!(matches!(gone, Err(StoreError::Missing { .. })), "{gone:?}");
}

pub(crate) async fn views_share_one_memory(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = world.inbox().await.id;
    let views = Views::new(20_000);
    let letters = vec![letter("x"); 100];
    world.write(world.append(inbox, &letters)).await.unwrap();
    let mut mailboxes = Vec::new();
    for number in 0..8 {
        let mailbox = world.mailbox(&format!("m{number}")).await.id;
        world.write(world.append(mailbox, &letters)).await.unwrap();
        mailboxes.push(mailbox);
    }
    for mailbox in &mailboxes {
        let view = open(&world, &views, *mailbox).await;
        assert_eq!(view.len(), 100);
        assert!(views.memory() <= 20_000, "{}", views.memory());
        assert!(views.memory() >= view.memory());
    }
}

pub(crate) async fn a_session_tells_differences_when_it_may(engine: &Engine) {
    let world = World::new(engine).await;
    let (account, inbox) = (world.alice, world.inbox().await.id);
    let views = Views::new(1 << 20);
    world.write(world.append(inbox, &vec![letter("x"); 3000])).await.unwrap();
    let shown = open(&world, &views, inbox).await;
    let numbers = uids([2, 2500]);
    let expunge =
        Expunge { account, mailbox: inbox, uids: numbers, only_deleted: false, now: world.now() };
    world.write(expunge).await.unwrap();
    world.deliver(&letter("new"), INBOX).await;

    let now = open(&world, &views, inbox).await;
    let kept = shown.keeping(&now);
    assert_eq!((shown.len(), now.len(), kept.len()), (3000, 2999, 3001));
    assert_eq!(kept.mailbox(), now.mailbox());
    let arrived: Vec<_> = shown.difference(&kept).collect();
    let [Difference::New { position: 3000, entry }] = *arrived else { panic!("{arrived:?}") };
    assert_eq!(entry.uid.get(), 3001);
    let gone: Vec<_> = kept
        .difference(&now)
        .map(|difference| match difference {
            Difference::Gone { position, entry } => (position, entry.uid.get()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(gone, [(1, 2), (2499, 2500)]);
    assert!(gone.iter().all(|(_, number)| kept.is_ghost(uids([*number])[0])));
}
