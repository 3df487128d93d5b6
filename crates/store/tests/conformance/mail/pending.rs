//! Plans that are recorded first and applied account by account.

use super::world::{INBOX, Letter, World, letter};
use posthorn_base::{AccountId, Flags, Keyword, Role, Time};
use posthorn_store::directory::{CloseAccount, RemoveAccount};
use posthorn_store::mail::pending::{
    Applied, ApplyShare, FindPending, ForgetPlan, ReadPending, RecordPlan,
};
use posthorn_store::mail::{
    Accept, Accepted, FindAccepted, Plan, ReadEmails, ReadTexts, Target, bulk,
};
use posthorn_store::story::{ListStories, ReadStory};
use posthorn_store::{Engine, EngineError, StoreError};
use std::sync::Arc;

const LATER: Time = Time::from_millis(i64::MAX);

async fn record(world: &World<'_>, plan: &Plan) -> Vec<AccountId> {
    world.write(RecordPlan { plan: plan.clone() }).await.unwrap()
}

async fn share(world: &World<'_>, plan: &Plan, account: AccountId) -> ApplyShare {
    let plan = Arc::new(world.read(ReadPending(plan.arrival)).await.unwrap());
    ApplyShare { plan, account, now: world.now() }
}

async fn rows(world: &World<'_>) -> i64 {
    world.count("SELECT COUNT(*) FROM pending_plan").await
}

fn to_both<'a>(world: &World<'_>) -> [(AccountId, &'a [Target]); 2] {
    [(world.alice, &[INBOX]), (world.bob, &[Target::Role(Role::Junk)])]
}

pub(crate) async fn a_recorded_plan_is_applied_share_by_share(engine: &Engine) {
    let world = World::new(engine).await;
    let keywords = vec![Keyword::parse("todo").unwrap()];
    let written = Letter { keywords, flags: Flags::FLAGGED, ..letter("Hello\n") };
    let plan = world.plan(&written, &to_both(&world));
    assert!(record(&world, &plan).await.is_empty());
    world.clean().await;
    let mut both = vec![world.alice, world.bob];
    both.sort();
    let find = FindAccepted::of(&plan);
    let mut known = world.read(find.clone()).await.unwrap();
    known.pending.sort();
    assert_eq!(known, Accepted { pending: both, ..Accepted::default() });
    let stories =
        world.read(ListStories { account: Some(world.bob), before: None, limit: 9 }).await;
    assert!(stories.is_empty(), "a share brings its pointer along");

    let share = share(&world, &plan, world.bob).await;
    let Applied::Placed(placed) = world.write(share.clone()).await.unwrap() else { panic!() };
    assert_eq!(world.write(share).await.unwrap(), Applied::Before);
    world.clean().await;
    let known = world.read(find.clone()).await.unwrap();
    assert_eq!((&known.placed, &known.pending), (&placed, &vec![world.alice]));
    assert!(!world.write(ForgetPlan(plan.arrival)).await.unwrap(), "Alice waits");

    assert_eq!(bulk::apply_pending(engine, LATER, world.now()).await.unwrap(), 0);
    assert_eq!(rows(&world).await, 0);
    world.clean().await;
    let known = world.read(find).await.unwrap();
    assert_eq!((known.placed.len(), known.pending.len(), known.gone.len()), (2, 0, 0));

    // It is what one transaction would have written.
    let alone = world.plan(&written, &to_both(&world));
    world.write(Accept { plan: alone.clone() }).await.unwrap();
    let messages = world.messages(world.inbox().await.id).await;
    let [applied, accepted] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((applied.flags, &applied.keywords), (accepted.flags, &accepted.keywords));
    assert_eq!(applied.size, accepted.size);
    let ids = vec![applied.email, accepted.email];
    let emails = world.read(ReadEmails { account: world.alice, emails: ids.clone() }).await;
    assert_eq!(emails[0].received, plan.received);
    assert_eq!(
        (&emails[0].part_map, &emails[0].envelope),
        (&emails[1].part_map, &emails[1].envelope)
    );
    assert_eq!(world.read(ReadTexts { account: world.alice, emails: ids }).await.len(), 2);
    let added = "SELECT COUNT(*) FROM placement WHERE crlf_added = 1";
    assert_eq!(world.count(added).await, 4);
    let stories =
        world.read(ListStories { account: Some(world.bob), before: None, limit: 9 }).await;
    assert_eq!(stories.len(), 2);
}

pub(crate) async fn what_a_crash_leaves_is_found(engine: &Engine) {
    let world = World::new(engine).await;
    let plans = [1, 2, 3].map(|_| world.plan(&letter("x"), &to_both(&world)));
    for plan in &plans {
        record(&world, plan).await;
    }
    // The second died after its shares, before it was forgotten.
    for account in [world.alice, world.bob] {
        let share = share(&world, &plans[1], account).await;
        world.write(share).await.unwrap();
    }
    world.clean().await;
    let before = plans[2].received.time;
    let limit = 1;
    let first = world.read(FindPending { after: None, before, limit }).await;
    assert_eq!(first, [plans[0].arrival]);
    let after = Some(plans[1].arrival);
    assert!(world.read(FindPending { after, before, limit }).await.is_empty(), "too young");

    let now = world.now();
    let (one, other) = tokio::join!(
        bulk::apply_pending(engine, LATER, now),
        bulk::apply_pending(engine, LATER, now)
    );
    assert_eq!((one.unwrap(), other.unwrap()), (0, 0));
    assert_eq!(rows(&world).await, 0);
    assert_eq!(world.inbox().await.counts.total, 3, "each once, though two did it");
    world.clean().await;
}

pub(crate) async fn shares_of_accounts_that_go_are_given_up(engine: &Engine) {
    let world = World::new(engine).await;
    let nobody: AccountId = world.id();
    let large = "in a file\r\n".repeat(20_000);
    let to: [(_, &[_]); 3] = [(world.alice, &[INBOX]), (nobody, &[INBOX]), (world.bob, &[INBOX])];
    let plan = world.plan(&letter(&large), &to);
    assert_eq!(record(&world, &plan).await, [nobody]);
    world.clean().await;
    for account in [world.alice, world.bob] {
        let now = world.now();
        world.write(CloseAccount { account, now }).await.unwrap();
        bulk::erase_mail(engine, account, "account removed", now).await.unwrap();
    }
    // One row is still there, without a mailbox, the other is not.
    world.write(RemoveAccount { account: world.bob }).await.unwrap();
    world.clean().await;
    assert_eq!(bulk::apply_pending(engine, LATER, world.now()).await.unwrap(), 0);
    world.clean().await;
    for table in ["SELECT COUNT(*) FROM body", "SELECT COUNT(*) FROM pending_plan"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.count("SELECT COUNT(*) FROM body_sweep").await, 1);
    let known = world.read(FindAccepted::of(&plan)).await.unwrap();
    assert_eq!(known.gone.len(), 3);
}

pub(crate) async fn nobody_left_is_refused_and_twice_is_once(engine: &Engine) {
    let world = World::new(engine).await;
    let strangers: [(AccountId, &[Target]); 2] = [(world.id(), &[INBOX]), (world.id(), &[INBOX])];
    let plan = world.plan(&letter("x"), &strangers);
    let refused = world.write(RecordPlan { plan }).await.unwrap_err();
    assert!(matches!(refused, StoreError::Missing { .. }), "{refused:?}");
    assert_eq!(rows(&world).await, 0);

    let plan = world.plan(&letter("x"), &to_both(&world));
    record(&world, &plan).await;
    let again = world.write(RecordPlan { plan: plan.clone() }).await;
    assert!(matches!(again, Err(StoreError::Engine(EngineError::Duplicate(_)))), "{again:?}");
    // The door that the server uses: found in doubt, carried out, answered with its placements.
    let accepted = bulk::accept(engine, plan.clone()).await.unwrap();
    let known = world.read(FindAccepted::of(&plan)).await.unwrap();
    assert_eq!(accepted, known);
    bulk::apply_pending(engine, LATER, world.now()).await.unwrap();
    assert_eq!(world.inbox().await.counts.total, 1);
    world.clean().await;
}

pub(crate) async fn a_plan_for_many_is_answered_with_all_its_copies(engine: &Engine) {
    let world = World::new(engine).await;
    let mut accounts = Vec::new();
    for number in 0..50 {
        accounts.push(world.account(&format!("user{number}@example.com"), None).await);
    }
    let targets: Vec<(_, &[Target])> = accounts.iter().map(|id| (*id, &[INBOX][..])).collect();
    let plan = world.plan(&letter("to all"), &targets);
    let accepted = bulk::accept(engine, plan.clone()).await.unwrap();
    assert_eq!((accepted.placed.len(), accepted.pending.len()), (50, 0));
    assert_eq!(rows(&world).await, 0);
    world.clean().await;
    let story = world.read(ReadStory { arrival: plan.arrival, account: Some(accounts[7]) }).await;
    assert!(story.is_some());
}
