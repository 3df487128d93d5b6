//! Work that takes several transactions.

use super::world::{INBOX, World, letter, uid, uids};
use posthorn_base::limits::{BULK_STEP_MESSAGES, COPY_UID_GAP};
use posthorn_base::{Flags, MailboxId, MailboxName, Uid};
use posthorn_store::directory::{CloseAccount, ListClosing, RemoveAccount};
use posthorn_store::mail::stage::{BeginCopy, PublishCopy, StageCopy, Staged, Staging};
use posthorn_store::mail::{
    Accept, CopyMessages, CopyMode, CreateMailbox, DeleteMailbox, Expunge, FlagAction, StoreFlags,
    bulk,
};
use posthorn_store::{Engine, StoreError};

const MANY: usize = 2 * BULK_STEP_MESSAGES + 50;

async fn filled(world: &World<'_>, messages: usize) -> MailboxId {
    let inbox = world.inbox().await.id;
    for letters in vec![letter("0123456789"); messages].chunks(100) {
        world.write(world.append(inbox, letters)).await.unwrap();
    }
    inbox
}

fn all(messages: usize) -> Vec<Uid> {
    uids(1..=u32::try_from(messages).unwrap())
}

fn copy(world: &World<'_>, from: MailboxId, to: MailboxId, mode: CopyMode) -> CopyMessages {
    CopyMessages { account: world.alice, from, to, uids: all(MANY), mode, now: world.now() }
}

async fn begin(world: &World<'_>, to: MailboxId) -> Result<Staging, StoreError> {
    world.write(BeginCopy { account: world.alice, to, count: 100, now: world.now() }).await
}

async fn stage(
    world: &World<'_>,
    staging: Staging,
    from: MailboxId,
    numbers: std::ops::Range<u32>,
    offset: u32,
) -> Result<Staged, StoreError> {
    world.write(StageCopy { staging, from, uids: uids(numbers), offset, now: world.now() }).await
}

pub(crate) async fn a_large_copy_appears_at_once_and_nothing_before_it(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 5).await;
    let x = world.mailbox("x").await.id;
    let target = posthorn_store::mail::Target::Mailbox(x);
    let staging = begin(&world, x).await.unwrap();
    let mut staged = stage(&world, staging, inbox, 1..3, 0).await.unwrap();
    assert_eq!(world.uids(x).await, []);
    world.deliver(&letter("in between"), target).await;
    assert_eq!(world.uids(x).await, [1], "what arrives meanwhile is seen at once");
    staged.add(stage(&world, staging, inbox, 3..5, 2).await.unwrap());
    assert_eq!(world.findings().await, [], "while it is going on");
    assert!(begin(&world, inbox).await.is_err(), "one at a time");

    // An original may be expunged and purged meanwhile.
    let now = world.now();
    let expunge =
        Expunge { account: world.alice, mailbox: inbox, uids: uids([1]), only_deleted: false, now };
    world.write(expunge).await.unwrap();
    let what = posthorn_store::mail::Purgeable::EndedBefore(world.now());
    bulk::purge(engine, world.alice, what, "retention", world.now()).await.unwrap();

    let copied = world.write(PublishCopy { staging, staged }).await.unwrap();
    let base = 1 + COPY_UID_GAP;
    assert_eq!(world.uids(x).await, [1, base, base + 1, base + 2, base + 3]);
    assert_eq!(copied.uids[3], (uid(4), uid(base + 3)));
    let mailbox = world.find(world.alice, "x").await.unwrap();
    assert_eq!((mailbox.counts.total, mailbox.highest_modseq), (5, copied.modseq));
    world.deliver(&letter("afterwards"), target).await;
    assert_eq!(world.uids(x).await.last(), Some(&(base + 4)));
    assert_eq!(world.findings().await, []);
}

pub(crate) async fn a_copy_that_cannot_be_published_leaves_nothing(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, MANY).await;
    let quota = world.inbox().await.counts.bytes + 1000;
    let (account, bytes) = (world.alice, Some(quota));
    let limit = posthorn_store::directory::SetQuota { account, bytes, messages: None };
    world.write(limit).await.unwrap();
    let x = world.mailbox("x").await.id;
    let refused = bulk::copy(engine, copy(&world, inbox, x, CopyMode::Copy)).await;
    assert!(matches!(refused, Err(StoreError::OverQuota)), "{refused:?}");
    assert_eq!(world.uids(x).await, []);
    assert_eq!(world.count("SELECT COUNT(*) FROM job").await, 0);
    assert_eq!(world.findings().await, []);

    let staging = begin(&world, x).await.unwrap();
    let staged = stage(&world, staging, inbox, 1..9, 0).await.unwrap();
    let now = world.now();
    world.write(DeleteMailbox { account, mailbox: x, now }).await.unwrap();
    let refused = world.write(PublishCopy { staging, staged }).await;
    assert!(matches!(refused, Err(StoreError::Missing { .. })), "{refused:?}");
    bulk::abandon_copies(engine, world.now(), world.now()).await.unwrap();
    assert_eq!(world.findings().await, []);
}

pub(crate) async fn a_copy_that_was_cut_off_is_taken_back(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 9).await;
    let x = world.mailbox("x").await.id;
    let before = world.now();
    let staging = begin(&world, x).await.unwrap();
    stage(&world, staging, inbox, 1..9, 0).await.unwrap();
    bulk::abandon_copies(engine, before, world.now()).await.unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM job").await, 1, "somebody is at it");
    bulk::abandon_copies(engine, world.now(), world.now()).await.unwrap();
    assert_eq!(world.count("SELECT COUNT(*) FROM job").await, 0);
    assert_eq!(world.count("SELECT COUNT(*) FROM placement").await, 9);
    assert!(stage(&world, staging, inbox, 1..9, 0).await.is_err(), "too late");
    assert_eq!(world.findings().await, []);
}

pub(crate) async fn large_sets_are_done_in_steps(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, MANY).await;
    let x = world.mailbox("x").await.id;
    let copied = bulk::copy(engine, copy(&world, inbox, x, CopyMode::Copy)).await.unwrap();
    assert_eq!(copied.uids.len(), MANY);
    assert_eq!(world.uids(x).await.len(), MANY);
    let (account, now) = (world.alice, world.now());
    let flags = StoreFlags {
        account,
        mailbox: inbox,
        uids: all(MANY),
        action: FlagAction::Add,
        flags: Flags::SEEN,
        keywords: Vec::new(),
        unchanged_since: Some(world.inbox().await.highest_modseq.into()),
    };
    let stored = bulk::store_flags(engine, flags).await.unwrap();
    assert_eq!((stored.changed.len(), stored.modified.len()), (MANY, 0));
    let moved = bulk::copy(engine, copy(&world, inbox, x, CopyMode::Move)).await.unwrap();
    assert_eq!(moved.uids.len(), MANY);
    assert!(world.uids(inbox).await.is_empty());
    let uids = uids(world.uids(x).await);
    let expunge = Expunge { account, mailbox: x, uids, only_deleted: false, now };
    assert_eq!(bulk::expunge(engine, expunge).await.unwrap().uids.len(), 2 * MANY);
    assert_eq!(world.findings().await, []);
}

pub(crate) async fn renaming_inbox_moves_its_messages(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 3).await;
    world.mailbox("INBOX/child").await;
    let create = CreateMailbox {
        account: world.alice,
        name: MailboxName::parse("old/mail").unwrap(),
        role: None,
        ids: vec![world.id(), world.id()],
        subscribe: false,
        now: world.now(),
    };
    bulk::rename_inbox(engine, inbox, create).await.unwrap();
    assert_eq!(world.inbox().await.counts.total, 0);
    assert_eq!(world.find(world.alice, "old/mail").await.unwrap().counts.total, 3);
    assert!(world.find(world.alice, "INBOX/child").await.is_some());
    assert_eq!(world.findings().await, []);
}

pub(crate) async fn an_account_is_erased(engine: &Engine) {
    let world = World::new(engine).await;
    world.fill().await;
    let (account, now) = (world.alice, world.now());
    world.write(CloseAccount { account, now }).await.unwrap();
    bulk::erase_mail(engine, account, "account removed", now).await.unwrap();
    bulk::erase_mail(engine, account, "account removed", now).await.unwrap();
    world.write(RemoveAccount { account }).await.unwrap();
    assert_eq!(world.read(ListClosing).await, [], "nothing is left to be done");
    assert_eq!(world.findings().await, []);
    assert_eq!(world.count("SELECT COUNT(*) FROM email").await, 1, "Bob's");
    assert_eq!(world.count("SELECT COUNT(*) FROM body").await, 1, "Bob's");
    let plan = world.plan(&letter("late"), &[(account, &[INBOX])]);
    assert!(world.write(Accept { plan }).await.is_err());
}

pub(crate) async fn an_accept_in_doubt_is_looked_up(engine: &Engine) {
    let world = World::new(engine).await;
    let plan = world.plan(&letter("once"), &[(world.alice, &[INBOX])]);
    let first = bulk::accept(engine, plan.clone()).await.unwrap();
    let again = bulk::accept(engine, plan).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.inbox().await.counts.total, 1);
}
