//! Making, renaming, deleting and listing mailboxes.

use super::world::{INBOX, World, letter, uid};
use posthorn_base::{MailboxName, Role, limits};
use posthorn_store::mail::{
    AccountChanges, ClaimRecent, ClaimedRecent, DeleteMailbox, EndDeleted, FindDeleted,
    ListMailboxes, ListSubscriptions, Mailbox, RenameMailbox, SetRole, SetSubscribed, Target,
};
use posthorn_store::{Engine, StoreError};

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}

async fn names(world: &World<'_>) -> Vec<String> {
    let list = world.read(ListMailboxes(world.alice)).await;
    list.iter().map(|mailbox| mailbox.name.to_string()).collect()
}

async fn rename(world: &World<'_>, mailbox: &Mailbox, to: &str) -> Result<(), StoreError> {
    let to = name(to);
    let ids = to.as_str().split('/').map(|_| world.id()).collect();
    let (account, from, now) = (world.alice, mailbox.name.clone(), world.now());
    world.write(RenameMailbox { account, from, to, ids, now }).await
}

async fn delete(world: &World<'_>, mailbox: &Mailbox) -> Result<(), StoreError> {
    let (account, mailbox, now) = (world.alice, mailbox.id, world.now());
    world.write(DeleteMailbox { account, mailbox, now }).await
}

pub(crate) async fn a_new_account_has_a_mailbox_for_each_role(engine: &Engine) {
    let world = World::new(engine).await;
    let list = world.read(ListMailboxes(world.alice)).await;
    assert_eq!(names(&world).await, ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]);
    let mut roles: Vec<_> = list.iter().map(|mailbox| mailbox.role.unwrap()).collect();
    roles.sort();
    assert_eq!(roles, {
        let mut all = Role::ALL;
        all.sort();
        all
    });
    let mut validities: Vec<_> = list.iter().map(|mailbox| mailbox.uidvalidity).collect();
    validities.sort();
    validities.dedup();
    assert_eq!(validities.len(), list.len());
    assert!(list.iter().all(|mailbox| mailbox.is_subscribed && mailbox.uidnext == uid(1)));
}

pub(crate) async fn creating_makes_what_is_above(engine: &Engine) {
    let world = World::new(engine).await;
    let made = world.mailbox("a/b/c").await;
    assert_eq!(made.name, name("a/b/c"));
    assert!(!made.is_subscribed);
    let all = names(&world).await;
    assert!(["a", "a/b", "a/b/c"].iter().all(|name| all.contains(&name.to_string())), "{all:?}");
    let again = world.create("a/b").await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    world.mailbox("inbox/below").await;
    assert!(world.find(world.alice, "INBOX/below").await.is_some());
}

pub(crate) async fn a_name_that_comes_back_has_another_uidvalidity(engine: &Engine) {
    let world = World::new(engine).await;
    let first = world.mailbox("x").await;
    delete(&world, &first).await.unwrap();
    let second = world.mailbox("x").await;
    assert!(second.uidvalidity > first.uidvalidity);
    assert_ne!(second.id, first.id);
}

pub(crate) async fn renaming_takes_those_below_along(engine: &Engine) {
    let world = World::new(engine).await;
    let below = world.mailbox("a/b/c").await;
    world.deliver(&letter("x"), Target::Mailbox(below.id)).await;
    let a = world.find(world.alice, "a").await.unwrap();
    world.mailbox("ab").await;
    rename(&world, &a, "new/place").await.unwrap();
    let moved = world.find(world.alice, "new/place/b/c").await.unwrap();
    assert_eq!((moved.id, moved.uidvalidity), (below.id, below.uidvalidity));
    assert_eq!(moved.counts.total, 1);
    let all = names(&world).await;
    assert!(all.contains(&"new".into()) && all.contains(&"ab".into()), "{all:?}");
    assert!(!all.contains(&"a/b".into()), "{all:?}");

    // One level up, where a child takes the name that its parent leaves, and others that of one
    // that comes behind them in the alphabet.
    world.mailbox("p/q/q").await;
    let leaves = world.mailbox("p/q/r").await;
    let takes = world.mailbox("p/q/q/r").await;
    let q = world.find(world.alice, "p/q").await.unwrap();
    let p = world.find(world.alice, "p").await.unwrap();
    delete(&world, &p).await.unwrap();
    rename(&world, &q, "p").await.unwrap();
    assert_eq!(world.find(world.alice, "p").await.unwrap().id, q.id);
    assert!(world.find(world.alice, "p/q").await.is_some());
    assert_eq!(world.find(world.alice, "p/r").await.unwrap().id, leaves.id);
    assert_eq!(world.find(world.alice, "p/q/r").await.unwrap().id, takes.id);

    // RFC 3501 6.3.5, the example: of a name that only stands above others, these move.
    let below = world.mailbox("foo/bar").await;
    let foo = world.find(world.alice, "foo").await.unwrap();
    delete(&world, &foo).await.unwrap();
    rename(&world, &foo, "zowie").await.unwrap();
    assert_eq!(world.find(world.alice, "zowie/bar").await.unwrap().id, below.id);
    assert!(world.find(world.alice, "zowie").await.is_none());
    let missing = rename(&world, &foo, "again").await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
}

pub(crate) async fn renames_that_are_refused(engine: &Engine) {
    let world = World::new(engine).await;
    let a = world.mailbox("a").await;
    world.mailbox("b").await;
    world.mailbox("a/x").await;
    world.mailbox("c/x").await;
    let c = world.find(world.alice, "c").await.unwrap();
    delete(&world, &c).await.unwrap();
    for to in ["a", "b", "a/below", "c"] {
        let error = rename(&world, &a, to).await;
        assert!(error.is_err(), "{to}");
    }
    let inbox = world.inbox().await;
    assert!(matches!(rename(&world, &inbox, "z").await, Err(StoreError::Refused(_))));
    let long = "l".repeat(limits::MAILBOX_NAME_BYTES_MAX);
    let error = rename(&world, &a, &long).await;
    assert!(
        matches!(error, Err(StoreError::Refused(_))),
        "the child's name is too long: {error:?}"
    );
    assert_eq!(world.find(world.alice, "a/x").await.unwrap().name, name("a/x"));
    assert!(world.find(world.alice, &long).await.is_none());
}

pub(crate) async fn deleting_ends_the_messages_step_by_step_and_spares_those_below(
    engine: &Engine,
) {
    let world = World::new(engine).await;
    let x = world.mailbox("x").await;
    world.mailbox("x/y").await;
    for _ in 0..5 {
        world.deliver(&letter("m"), Target::Mailbox(x.id)).await;
    }
    delete(&world, &x).await.unwrap();
    assert!(world.find(world.alice, "x").await.is_none());
    assert!(world.find(world.alice, "x/y").await.is_some());
    assert_eq!(world.read(FindDeleted { limit: 9 }).await, [(world.alice, x.id)]);
    let (account, mailbox) = (world.alice, x.id);
    let (mut after, mut steps) = (None, Vec::new());
    loop {
        let end = EndDeleted { account, mailbox, after, limit: 2, now: world.now() };
        after = world.write(end).await.unwrap();
        let Some(last) = after else { break };
        steps.push(last.get());
    }
    assert_eq!(steps, [2, 4, 5]);
    assert!(world.read(FindDeleted { limit: 9 }).await.is_empty());
    let inbox = world.inbox().await;
    assert!(matches!(delete(&world, &inbox).await, Err(StoreError::Refused(_))));
    assert!(matches!(delete(&world, &x).await, Err(StoreError::Missing { .. })));
}

pub(crate) async fn roles_are_unique(engine: &Engine) {
    let world = World::new(engine).await;
    let bin = world.mailbox("Bin").await;
    let (account, mailbox) = (world.alice, bin.id);
    world.write(SetRole { account, mailbox, role: Some(Role::Trash) }).await.unwrap();
    assert_eq!(world.find(account, "Bin").await.unwrap().role, Some(Role::Trash));
    assert_eq!(world.find(account, "Trash").await.unwrap().role, None);
    world.write(SetRole { account, mailbox, role: None }).await.unwrap();
    assert_eq!(world.find(account, "Bin").await.unwrap().role, None);
    let inbox = world.inbox().await.id;
    for (mailbox, role) in [(inbox, None), (inbox, Some(Role::Junk)), (mailbox, Some(Role::Inbox))]
    {
        assert!(world.write(SetRole { account, mailbox, role }).await.is_err(), "{role:?}");
    }
    assert_eq!(world.inbox().await.role, Some(Role::Inbox));
    assert_eq!(world.find(account, "Junk").await.unwrap().role, Some(Role::Junk));
}

pub(crate) async fn subscriptions_are_of_names(engine: &Engine) {
    let world = World::new(engine).await;
    let account = world.alice;
    for subscribed in [true, true] {
        let name = name("nowhere");
        world.write(SetSubscribed { account, name, subscribed }).await.unwrap();
    }
    assert!(world.read(ListSubscriptions(account)).await.contains(&name("nowhere")));
    world.mailbox("nowhere").await;
    assert!(world.find(account, "nowhere").await.unwrap().is_subscribed);
    world.write(SetSubscribed { account, name: name("nowhere"), subscribed: false }).await.unwrap();
    assert_eq!(world.read(ListSubscriptions(account)).await.len(), Role::ALL.len());
}

pub(crate) async fn recent_is_claimed_once(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = world.inbox().await;
    let claim = ClaimRecent { account: world.alice, mailbox: inbox.id };
    world.deliver(&letter("x"), INBOX).await;
    let claimed = |from, to| ClaimedRecent { from: uid(from), to: uid(to) };
    assert_eq!(world.write(claim.clone()).await.unwrap(), claimed(1, 2));
    world.deliver(&letter("x"), INBOX).await;
    assert_eq!(world.write(claim.clone()).await.unwrap(), claimed(2, 3));
    assert_eq!(world.write(claim).await.unwrap(), claimed(3, 3), "nothing is left");
}

pub(crate) async fn account_changes_name_the_mailboxes(engine: &Engine) {
    let world = World::new(engine).await;
    let changes = |since| AccountChanges { account: world.alice, since };
    let start = world.read(changes(posthorn_base::ModSeq::ZERO)).await;
    assert_eq!(start.mailboxes.len(), Role::ALL.len());
    let x = world.mailbox("x").await;
    world.deliver(&letter("m"), INBOX).await;
    let after = world.read(changes(start.modseq)).await;
    let changed: Vec<_> = after.mailboxes.iter().map(|m| m.name.to_string()).collect();
    assert_eq!(changed, ["INBOX", "x"]);
    delete(&world, &x).await.unwrap();
    let last = world.read(changes(after.modseq)).await;
    assert_eq!((last.mailboxes.len(), last.deleted), (0, vec![x.id]));
}
