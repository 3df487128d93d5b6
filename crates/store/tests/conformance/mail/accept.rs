//! Accepting plans, appending, conversations.

use super::world::{INBOX, Letter, World, letter, uid};
use posthorn_base::{EmailId, Flags, Keyword, Role, ZonedTime};
use posthorn_store::bodies::BodyReader;
use posthorn_store::directory::ReadQuota;
use posthorn_store::mail::{
    Accept, Accepted, Append, FindAccepted, ListKeywords, ReadBodies, ReadBody, ReadEmails,
    ReadTexts, Target, ThreadKeys,
};
use posthorn_store::story::ReadStory;
use posthorn_store::{Engine, EngineError, StoreError};

pub(crate) async fn what_was_accepted_is_there(engine: &Engine) {
    let world = World::new(engine).await;
    let plan = world.plan(
        &Letter { flags: Flags::FLAGGED, ..letter("Hello\r\n") },
        &[(world.alice, &[INBOX]), (world.bob, &[Target::Role(Role::Junk)])],
    );
    let accepted = world.write(Accept { plan: plan.clone() }).await.unwrap();
    assert_eq!(accepted.placed.len(), 2);
    assert!(accepted.gone.is_empty());

    let inbox = world.inbox().await;
    assert_eq!((inbox.counts.total, inbox.counts.unseen, inbox.uidnext), (1, 1, uid(2)));
    let size = plan.body.message_size();
    assert_eq!(inbox.counts.bytes, size);
    let junk = world.find(world.bob, "Junk").await.unwrap();
    assert_eq!(junk.counts.total, 1);
    let messages = world.messages(inbox.id).await;
    assert_eq!(messages[0].flags, Flags::FLAGGED);
    assert_eq!(messages[0].size, size);
    assert_eq!(messages[0].modseq, inbox.highest_modseq);

    let account = world.alice;
    let quota = world.read(ReadQuota { account }).await;
    assert_eq!((quota.used_bytes, quota.used_messages), (size, 1));
    let ids = vec![messages[0].email];
    let emails = world.read(ReadEmails { account, emails: ids.clone() }).await;
    let received = ZonedTime { time: plan.received.time, offset_minutes: 60 };
    assert_eq!(emails[0].received, received);
    assert_eq!((&emails[0].part_map[..], &emails[0].envelope[..]), (&b"map"[..], &b"envelope"[..]));
    let texts = world.read(ReadTexts { account, emails: ids }).await;
    assert_eq!(&texts[0].1.data[..], b"Hello\r\n");
    let body = world.read(ReadBody { account, email: messages[0].email }).await.unwrap();
    let (known, unknown) = (messages[0].email, EmailId::new(i64::MAX).unwrap());
    let bodies = world.read(ReadBodies { account, emails: vec![known, unknown, known] }).await;
    let ids: Vec<_> = bodies.into_iter().map(|body| body.unwrap().map(|body| body.id)).collect();
    assert_eq!(ids, [Some(body.id), None, Some(body.id)]);
    let octets = BodyReader::open(&body, &world.files).unwrap().read_all().unwrap();
    assert_eq!((&body.prefix[..], &octets[..]), (&b"Return-Path: <>\r\n"[..], &b"Hello\r\n"[..]));
    let story = world.read(ReadStory { arrival: plan.arrival, account: None }).await;
    assert!(story.is_some());
}

pub(crate) async fn a_plan_is_carried_out_once(engine: &Engine) {
    let world = World::new(engine).await;
    let plan = world.plan(&letter("once"), &[(world.alice, &[INBOX])]);
    assert_eq!(world.read(FindAccepted::of(&plan)).await, None);
    let first = world.write(Accept { plan: plan.clone() }).await.unwrap();
    let again = world.write(Accept { plan: plan.clone() }).await;
    assert!(matches!(again, Err(StoreError::Engine(EngineError::Duplicate(_)))), "{again:?}");
    assert_eq!(world.read(FindAccepted::of(&plan)).await, Some(first));
    assert_eq!(world.inbox().await.counts.total, 1);
}

pub(crate) async fn a_thousand_recipients_are_one_transaction(engine: &Engine) {
    let world = World::new(engine).await;
    let mut accounts = Vec::new();
    for number in 0..1000 {
        accounts.push(world.account(&format!("user{number}@example.com"), None).await);
    }
    let targets: Vec<(_, &[Target])> = accounts.iter().map(|id| (*id, &[INBOX][..])).collect();
    let plan = world.plan(&letter("to all"), &targets);
    let accepted = world.write(Accept { plan }).await.unwrap();
    assert_eq!(accepted.placed.len(), 1000);
    for account in accounts {
        assert_eq!(world.find(account, "INBOX").await.unwrap().counts.total, 1);
    }
}

pub(crate) async fn targets_that_are_gone_mean_inbox_and_one_mailbox_gets_one_copy(
    engine: &Engine,
) {
    let world = World::new(engine).await;
    let work = world.mailbox("Work").await;
    let (account, mailbox, now) = (world.alice, work.id, world.now());
    world.write(posthorn_store::mail::DeleteMailbox { account, mailbox, now }).await.unwrap();
    let inbox = world.inbox().await;
    let todo = Keyword::parse("Todo").unwrap();
    let letter = Letter { keywords: vec![todo.clone()], ..letter("x") };
    let targets =
        [Target::Mailbox(work.id), INBOX, Target::Mailbox(inbox.id), Target::Role(Role::Archive)];
    let plan = world.plan(&letter, &[(world.alice, &targets)]);
    let accepted = world.write(Accept { plan }).await.unwrap();
    assert_eq!(accepted.placed.len(), 2, "INBOX once, Archive once");
    assert_eq!(world.inbox().await.counts.total, 1);
    let keywords = world.read(ListKeywords(world.alice)).await;
    assert_eq!(keywords.len(), 1);
    assert_eq!(keywords[0].1, todo);
    let message = &world.messages(inbox.id).await[0];
    assert!(message.keywords.contains(keywords[0].0));
}

pub(crate) async fn plans_that_break_the_rules_are_refused_whole(engine: &Engine) {
    let world = World::new(engine).await;
    #[track_caller]
    fn refused(result: Result<posthorn_store::mail::Accepted, StoreError>, why: &str) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let targets: &[Target] = &[INBOX];
    for (to, why) in [
        (vec![(world.alice, targets), (world.alice, targets)], "an account twice"),
        (vec![(world.alice, &[][..])], "into no mailbox"),
        (vec![(world.alice, &[INBOX, INBOX][..])], "twice into a mailbox"),
    ] {
        let plan = world.plan(&letter("x"), &to);
        refused(world.write(Accept { plan }).await, why);
    }
    // Thrown away by a rule: accepted, and only its story is kept.
    let plan = world.plan(&letter("x"), &[]);
    assert_eq!(world.write(Accept { plan }).await.unwrap(), Accepted::default());
    world.clean().await;
    let nobody = world.id();
    let plan = world.plan(&letter("x"), &[(nobody, targets)]);
    refused(world.write(Accept { plan }).await, "there is no account");
    assert_eq!(world.inbox().await.uidnext, uid(1));
}

pub(crate) async fn an_account_that_is_gone_does_not_stop_the_others(engine: &Engine) {
    let world = World::new(engine).await;
    let nobody = world.id();
    let plan = world.plan(&letter("x"), &[(nobody, &[INBOX]), (world.bob, &[INBOX])]);
    let accepted = world.write(Accept { plan }).await.unwrap();
    assert_eq!((accepted.placed.len(), accepted.gone), (1, vec![nobody]));
}

pub(crate) async fn conversations(engine: &Engine) {
    let world = World::new(engine).await;
    let keyed = |id: i64, references: &[i64], base_subject| Letter {
        thread: ThreadKeys { message_id: Some(id), references: references.into(), base_subject },
        ..letter("x")
    };
    world.deliver(&keyed(1, &[], 5), INBOX).await;
    world.deliver(&keyed(2, &[1], 5), INBOX).await;
    world.deliver(&keyed(3, &[1, 2], 6), INBOX).await;
    let inbox = world.inbox().await;
    let batch = [keyed(4, &[3], 6), keyed(5, &[4, 1], 6), keyed(6, &[], 7)];
    world.write(world.append(inbox.id, &batch)).await.unwrap();
    let emails = super::world::emails(&world.messages(inbox.id).await);
    let emails = world.read(ReadEmails { account: world.alice, emails }).await;
    let threads: Vec<_> = emails.iter().map(|email| email.thread).collect();
    assert_eq!(threads[0], threads[1]);
    assert_ne!(threads[1], threads[2], "a new subject");
    assert_eq!([threads[2]; 2], [threads[3], threads[4]]);
    assert_ne!(threads[4], threads[5]);
}

pub(crate) async fn appended_messages_keep_what_they_were_given(engine: &Engine) {
    let world = World::new(engine).await;
    let drafts = world.find(world.alice, "Drafts").await.unwrap();
    let keywords = vec![Keyword::parse("a").unwrap(), Keyword::parse("A").unwrap()];
    let letters = [
        Letter { flags: Flags::DRAFT.with(Flags::SEEN), ..letter("one") },
        Letter { flags: Flags::DELETED, keywords, ..letter("two") },
    ];
    let appended = world.write(world.append(drafts.id, &letters)).await.unwrap();
    assert_eq!(appended.uids, [uid(1), uid(2)]);
    assert_eq!(appended.uidvalidity, drafts.uidvalidity);
    let counts = world.find(world.alice, "Drafts").await.unwrap().counts;
    assert_eq!((counts.total, counts.unseen, counts.deleted), (2, 1, 1));
    assert_eq!(world.read(ListKeywords(world.alice)).await.len(), 1, "case does not matter");
}

pub(crate) async fn appending_is_all_or_nothing_within_the_quota(engine: &Engine) {
    let world = World::new(engine).await;
    let account = world.account("small@example.com", Some(100)).await;
    let inbox = world.find(account, "INBOX").await.unwrap();
    let append = |within_quota| Append {
        account,
        within_quota,
        ..world.append(inbox.id, &[letter("0123456789"), letter(&"x".repeat(90))])
    };
    let refused = world.write(append(true)).await;
    assert!(matches!(refused, Err(StoreError::OverQuota)), "{refused:?}");
    assert_eq!(world.find(account, "INBOX").await.unwrap().uidnext, uid(1));
    world.write(append(false)).await.unwrap();
    let missing = Append { mailbox: world.id(), ..append(false) };
    let refused = world.write(missing).await;
    assert!(matches!(refused, Err(StoreError::Missing { .. })), "{refused:?}");
}
