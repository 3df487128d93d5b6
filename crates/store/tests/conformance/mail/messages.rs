//! Flags, expunge, restore, purge, copy, move, changes since.

use super::world::{INBOX, Letter, World, letter, uid, uids};
use posthorn_base::{EmailId, Flags, Keyword, MailboxId, ModSeq, Time, ZonedTime, limits};
use posthorn_store::directory::ReadQuota;
use posthorn_store::mail::{
    ClaimRecent, CopyMessages, CopyMode, Cursor, DeleteMailbox, EndDeleted, Expunge,
    FindManyKeywords, FlagAction, FlagsStored, ListKeywords, ListRestorable, MailboxChanges,
    MailboxSums, Purge, Purgeable, ReadDates, ReadEmails, ReadSummaries, Recount, Restore,
    StoreFlags, SumMailbox, free_keywords,
};
use posthorn_store::{Engine, StoreError};

async fn filled(world: &World<'_>, messages: usize) -> MailboxId {
    let inbox = world.inbox().await.id;
    let letters = vec![letter("0123456789"); messages];
    world.write(world.append(inbox, &letters)).await.unwrap();
    inbox
}

fn store(world: &World<'_>, mailbox: MailboxId, list: &[u32], action: FlagAction) -> StoreFlags {
    StoreFlags {
        account: world.alice,
        mailbox,
        uids: uids(list.iter().copied()),
        action,
        flags: Flags::NONE,
        keywords: Vec::new(),
        unchanged_since: None,
    }
}

fn expunge(world: &World<'_>, mailbox: MailboxId, list: &[u32]) -> Expunge {
    Expunge {
        account: world.alice,
        mailbox,
        uids: uids(list.iter().copied()),
        only_deleted: false,
        now: world.now(),
    }
}

fn copy(
    world: &World<'_>,
    from: MailboxId,
    to: MailboxId,
    list: &[u32],
    mode: CopyMode,
) -> CopyMessages {
    let uids = uids(list.iter().copied());
    CopyMessages { account: world.alice, from, to, uids, mode, now: world.now() }
}

fn purge(world: &World<'_>, what: Purgeable, limit: u32) -> Purge {
    let reason = "retention".into();
    Purge { account: world.alice, what, limit, reason, now: world.now() }
}

pub(crate) async fn flags_and_counts(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 3).await;
    let seen = StoreFlags {
        flags: Flags::SEEN.with(Flags::DELETED),
        ..store(&world, inbox, &[1, 2, 9], FlagAction::Add)
    };
    let stored = world.write(seen.clone()).await.unwrap();
    assert_eq!(stored.changed.iter().map(|c| c.0.get()).collect::<Vec<_>>(), [1, 2]);
    let mailbox = world.inbox().await;
    assert_eq!((mailbox.counts.unseen, mailbox.counts.deleted), (1, 2));
    assert_eq!(Some(mailbox.highest_modseq), stored.modseq);
    assert_eq!(world.write(seen).await.unwrap(), FlagsStored::default(), "nothing changes");
    let removed =
        StoreFlags { flags: Flags::DELETED, ..store(&world, inbox, &[1], FlagAction::Remove) };
    world.write(removed).await.unwrap();
    let set = StoreFlags { flags: Flags::DRAFT, ..store(&world, inbox, &[2], FlagAction::Set) };
    world.write(set).await.unwrap();
    let messages = world.messages(inbox).await;
    let flags: Vec<_> = messages.iter().map(|message| message.flags).collect();
    assert_eq!(flags, [Flags::SEEN, Flags::DRAFT, Flags::NONE]);
    let counts = world.inbox().await.counts;
    assert_eq!((counts.total, counts.unseen, counts.deleted), (3, 2, 0));
}

pub(crate) async fn unchanged_since_leaves_newer_messages_alone(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 2).await;
    let before = world.inbox().await.highest_modseq;
    let first = StoreFlags { flags: Flags::SEEN, ..store(&world, inbox, &[1], FlagAction::Add) };
    world.write(first).await.unwrap();
    let second = StoreFlags {
        flags: Flags::FLAGGED,
        unchanged_since: Some(before.into()),
        ..store(&world, inbox, &[1, 2], FlagAction::Add)
    };
    let stored = world.write(second).await.unwrap();
    assert_eq!(stored.modified, [uid(1)]);
    assert_eq!(stored.changed.len(), 1);
}

pub(crate) async fn keywords(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 2).await;
    let keyword = |text: &str| Keyword::parse(text).unwrap();
    let add = StoreFlags {
        keywords: vec![keyword("Work"), keyword("todo")],
        ..store(&world, inbox, &[1, 2], FlagAction::Add)
    };
    world.write(add).await.unwrap();
    let remove = StoreFlags {
        keywords: vec![keyword("WORK"), keyword("never-seen")],
        ..store(&world, inbox, &[2], FlagAction::Remove)
    };
    world.write(remove).await.unwrap();
    let dictionary = world.read(ListKeywords(world.alice)).await;
    assert_eq!(dictionary.iter().map(|(_, k)| k.as_str()).collect::<Vec<_>>(), ["Work", "todo"]);
    let sets: Vec<Vec<u32>> =
        world.messages(inbox).await.iter().map(|m| m.keywords.iter().collect()).collect();
    assert_eq!(sets, [vec![1, 2], vec![2]]);

    let many = |numbers: std::ops::Range<usize>| StoreFlags {
        keywords: numbers.map(|n| keyword(&format!("k{n}"))).collect(),
        ..store(&world, inbox, &[1], FlagAction::Add)
    };
    world.write(many(2..limits::KEYWORDS_PER_ACCOUNT_MAX)).await.unwrap();
    let over =
        world.write(many(limits::KEYWORDS_PER_ACCOUNT_MAX..limits::KEYWORDS_PER_ACCOUNT_MAX + 1));
    assert!(matches!(over.await, Err(StoreError::Limit { .. })));
    // Accepting is not refused for it: the keyword is left out.
    let letter = Letter { keywords: vec![keyword("one-more"), keyword("k5")], ..letter("x") };
    world.deliver(&letter, INBOX).await;
    assert_eq!(world.messages(inbox).await[2].keywords.iter().count(), 1);
}

pub(crate) async fn keywords_that_no_message_carries_are_freed(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 3).await;
    let keyword = |text: &str| Keyword::parse(text).unwrap();
    let change = |list: &[u32], words: &[&str], action| StoreFlags {
        keywords: words.iter().map(|word| keyword(word)).collect(),
        ..store(&world, inbox, list, action)
    };
    let dictionary = async || {
        let list = world.read(ListKeywords(world.alice)).await;
        list.into_iter().map(|(n, k)| (n, k.as_str().to_owned())).collect::<Vec<_>>()
    };
    let named = |list: &[(u32, &str)]| -> Vec<(u32, String)> {
        list.iter().map(|(number, name)| (*number, (*name).to_owned())).collect()
    };
    let free = async || free_keywords(engine, world.alice).await.unwrap();
    assert_eq!(free().await, 0, "an empty dictionary");
    world.write(change(&[1], &["a", "b", "c", "d", "e"], FlagAction::Add)).await.unwrap();
    world.write(change(&[2], &["b"], FlagAction::Add)).await.unwrap();
    world.write(change(&[3], &["c"], FlagAction::Add)).await.unwrap();
    world.write(change(&[1], &["b", "c", "d", "e"], FlagAction::Remove)).await.unwrap();
    world.write(expunge(&world, inbox, &[3])).await.unwrap();
    // `c` is of a message that can be restored, `e` is the newest.
    assert_eq!(free().await, 1);
    assert_eq!(dictionary().await, named(&[(1, "a"), (2, "b"), (3, "c"), (5, "e")]));
    world.write(change(&[2], &["d"], FlagAction::Set)).await.unwrap();
    world.write(purge(&world, Purgeable::DownTo(0), 100)).await.unwrap();
    assert_eq!(free().await, 3);
    assert_eq!(dictionary().await, named(&[(1, "a"), (6, "d")]), "no number comes twice");
    let at_least = |at_least| FindManyKeywords { at_least, after: None, limit: 10 };
    assert_eq!(world.read(at_least(2)).await, [world.alice]);
    assert_eq!(world.read(at_least(3)).await, []);
    assert_eq!(world.findings().await, []);
}

pub(crate) async fn expunged_mail_is_restored_under_a_new_uid(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 4).await;
    let delete =
        StoreFlags { flags: Flags::DELETED, ..store(&world, inbox, &[2, 3], FlagAction::Add) };
    world.write(delete).await.unwrap();
    let only_deleted = Expunge { only_deleted: true, ..expunge(&world, inbox, &[1, 2, 3]) };
    let expunged = world.write(only_deleted).await.unwrap();
    assert_eq!(expunged.uids, uids([2, 3]));
    assert_eq!(world.uids(inbox).await, [1, 4]);
    let quota = world.read(ReadQuota { account: world.alice }).await;
    assert_eq!((quota.used_messages, quota.ended_messages), (2, 2));
    assert_eq!(quota.used_bytes, quota.ended_bytes);

    let list = |after, limit| ListRestorable { account: world.alice, after, limit };
    let page = world.read(list(None, 1)).await;
    assert_eq!(page[0].uid, uid(3));
    let next = (page[0].ended_at, page[0].mailbox, page[0].uid);
    let page = world.read(list(Some(next), 9)).await;
    assert_eq!(page.iter().map(|one| one.uid).collect::<Vec<_>>(), uids([2]));

    let restore = Restore {
        account: world.alice,
        placements: vec![(inbox, uid(2)), (inbox, uid(1)), (inbox, uid(77))],
        now: world.now(),
    };
    let restored = world.write(restore.clone()).await.unwrap();
    assert_eq!(restored.iter().map(|one| one.to).collect::<Vec<_>>(), [(inbox, uid(5))]);
    assert!(world.write(restore).await.unwrap().is_empty(), "only once");
    let messages = world.messages(inbox).await;
    assert_eq!(messages[2].flags, Flags::NONE, "without \\Deleted");
    let counts = world.inbox().await.counts;
    assert_eq!((counts.total, counts.deleted), (3, 0));
    assert!(!world.write(Recount(world.alice)).await.unwrap(), "all sums were right");
}

pub(crate) async fn what_was_in_a_deleted_mailbox_is_restored_into_inbox(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 1).await;
    let x = world.mailbox("x").await.id;
    world.write(copy(&world, inbox, x, &[1], CopyMode::Move)).await.unwrap();
    let (account, now) = (world.alice, world.now());
    world.write(DeleteMailbox { account, mailbox: x, now }).await.unwrap();
    world.write(EndDeleted { account, mailbox: x, after: None, limit: 9, now }).await.unwrap();
    let list = world.read(ListRestorable { account, after: None, limit: 9 }).await;
    assert_eq!((list.len(), list[0].name.as_str()), (1, "x"), "the moved one is no second");
    let restore = Restore { account, placements: vec![(x, list[0].uid)], now };
    let restored = world.write(restore).await.unwrap();
    assert_eq!(restored[0].to, (inbox, uid(2)));
    assert!(!world.write(Recount(account)).await.unwrap());
}

pub(crate) async fn copies_share_the_email_and_moves_leave_nothing_to_restore(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 3).await;
    let x = world.mailbox("x").await.id;
    let copied = world.write(copy(&world, inbox, x, &[1, 3, 8], CopyMode::Copy)).await.unwrap();
    assert_eq!(copied.uids, [(uid(1), uid(1)), (uid(3), uid(2))]);
    let (a, b) = (world.messages(inbox).await, world.messages(x).await);
    assert_eq!((a[0].email, a[2].email), (b[0].email, b[1].email));
    let moved = world.write(copy(&world, inbox, x, &[1, 2], CopyMode::Move)).await.unwrap();
    assert_eq!(moved.uids, [(uid(1), uid(4)), (uid(2), uid(5))]);
    assert_eq!(world.uids(inbox).await, [3]);
    assert_eq!(world.uids(x).await, [1, 2, 4, 5]);
    let account = world.alice;
    assert!(world.read(ListRestorable { account, after: None, limit: 9 }).await.is_empty());
    let within = world.write(copy(&world, x, x, &[1], CopyMode::Copy)).await.unwrap();
    assert_eq!(within.uids, [(uid(1), uid(6))]);
    let quota = world.read(ReadQuota { account }).await;
    assert_eq!((quota.used_messages, quota.ended_messages), (6, 0));
    assert!(!world.write(Recount(account)).await.unwrap());
    let nowhere = copy(&world, inbox, world.id(), &[3], CopyMode::Copy);
    assert!(matches!(world.write(nowhere).await, Err(StoreError::Missing { .. })));
}

pub(crate) async fn purging_takes_emails_and_bodies_with_the_last_placement(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 3).await;
    let x = world.mailbox("x").await.id;
    world.write(copy(&world, inbox, x, &[1], CopyMode::Copy)).await.unwrap();
    let emails = super::world::emails(&world.messages(inbox).await);
    world.write(expunge(&world, inbox, &[1, 2])).await.unwrap();
    let before = Purgeable::EndedBefore(Time::from_millis(0));
    assert_eq!(world.write(purge(&world, before, 9)).await.unwrap(), 0);
    let all = Purgeable::EndedBefore(world.now());
    assert_eq!(world.write(purge(&world, all.clone(), 1)).await.unwrap(), 1);
    assert_eq!(world.write(purge(&world, all.clone(), 9)).await.unwrap(), 1);
    let left = world.read(ReadEmails { account: world.alice, emails: emails.clone() }).await;
    assert_eq!(left.len(), 2, "one is still held by x, one by INBOX");
    world.write(expunge(&world, x, &[1])).await.unwrap();
    let erase = Purgeable::Emails(vec![emails[0]]);
    assert_eq!(world.write(purge(&world, erase, 9)).await.unwrap(), 1);
    let left = world.read(ReadEmails { account: world.alice, emails }).await;
    assert_eq!(left.len(), 1);
    let bodies = world.count("SELECT COUNT(*) FROM body").await;
    assert_eq!(bodies, 1);
    assert!(!world.write(Recount(world.alice)).await.unwrap());
}

pub(crate) async fn the_cap_takes_the_oldest(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 4).await;
    for number in 1..=4 {
        world.write(expunge(&world, inbox, &[number])).await.unwrap();
    }
    let size =
        world.read(ListRestorable { account: world.alice, after: None, limit: 1 }).await[0].size;
    let cap = Purgeable::DownTo(2 * size + 1);
    assert_eq!(world.write(purge(&world, cap.clone(), 9)).await.unwrap(), 2);
    assert_eq!(world.write(purge(&world, cap, 9)).await.unwrap(), 0);
    let left = world.read(ListRestorable { account: world.alice, after: None, limit: 9 }).await;
    assert_eq!(left.iter().map(|one| one.uid).collect::<Vec<_>>(), uids([4, 3]));
}

pub(crate) async fn changes_since(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 3).await;
    let since = |cursor, limit| MailboxChanges {
        account: world.alice,
        mailbox: inbox,
        since: cursor,
        limit,
    };
    let start = world.read(since(Cursor::after(ModSeq::ZERO), 2)).await;
    assert_eq!(start.messages.len(), 2);
    let rest = world.read(since(start.next.unwrap(), 2)).await;
    assert_eq!((rest.messages[0].uid, rest.next), (uid(3), None));

    let known = Cursor::after(world.inbox().await.highest_modseq);
    let seen = StoreFlags { flags: Flags::SEEN, ..store(&world, inbox, &[2], FlagAction::Add) };
    world.write(seen).await.unwrap();
    world.write(expunge(&world, inbox, &[1])).await.unwrap();
    world.deliver(&letter("new"), INBOX).await;
    let changes = world.read(since(known, 100)).await;
    assert_eq!(changes.messages.iter().map(|m| m.uid).collect::<Vec<_>>(), uids([2, 4]));
    assert_eq!(changes.vanished, uids([1]));
    assert!(changes.vanished_is_complete);

    let all = Purgeable::EndedBefore(world.now());
    world.write(purge(&world, all, 9)).await.unwrap();
    let changes = world.read(since(known, 100)).await;
    assert!(changes.vanished.is_empty() && !changes.vanished_is_complete);
    let now = Cursor::after(world.inbox().await.highest_modseq);
    assert!(world.read(since(now, 100)).await.vanished_is_complete);
}

pub(crate) async fn summaries_are_of_what_is_there_and_not_too_large(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = filled(&world, 40).await;
    let emails: Vec<_> = world.messages(inbox).await.iter().map(|m| m.email).collect();
    let read = |emails: &[EmailId], (envelope, part_map), octets_max| {
        let (account, emails) = (world.alice, emails.to_vec());
        world.read(ReadSummaries { account, emails, envelope, part_map, octets_max })
    };
    // All, every second, and so few that they are looked up one by one.
    for step in [1, 2, 13] {
        let some: Vec<_> = emails.iter().copied().step_by(step).collect();
        let summaries = read(&some, (true, true), 100).await;
        assert_eq!(summaries.iter().map(|s| s.email).collect::<Vec<_>>(), some);
        let whole = world.read(ReadEmails { account: world.alice, emails: some }).await;
        for (summary, email) in summaries.iter().zip(whole) {
            assert_eq!(summary.envelope.as_ref(), Some(&email.envelope));
            assert_eq!(summary.part_map.as_ref(), Some(&email.part_map));
            assert_eq!((summary.received, summary.thread), (email.received, email.thread));
        }
    }
    // Their envelopes have 8 octets, their maps 3.
    for (asked, octets_max, want) in [
        ((false, false), 100, (false, false)),
        ((true, false), 8, (true, false)),
        ((true, true), 7, (false, true)),
        ((false, true), 3, (false, true)),
        ((false, true), 2, (false, false)),
    ] {
        let got = read(&emails[..1], asked, octets_max).await;
        assert_eq!((got[0].envelope.is_some(), got[0].part_map.is_some()), want, "{asked:?}");
    }
    let unknown = EmailId::new(1).unwrap();
    let found = read(&[unknown, emails[0], emails[39]], (true, true), 100).await;
    assert_eq!(found.iter().map(|s| s.email).collect::<Vec<_>>(), [emails[0], emails[39]]);
    assert!(read(&[], (true, true), 100).await.is_empty());
}

pub(crate) async fn dates_are_read_until_a_message_is_purged(engine: &Engine) {
    let world = World::new(engine).await;
    let (account, inbox) = (world.alice, world.inbox().await.id);
    let mut append = world.append(inbox, &[letter("a"), letter("b"), letter("c")]);
    let sent = Some(ZonedTime { time: Time::from_seconds(1_000_000_000), offset_minutes: 765 });
    append.messages[1].facts.sent = sent;
    append.messages[1].received.offset_minutes = -90;
    let received: Vec<ZonedTime> = append.messages.iter().map(|one| one.received).collect();
    let saved_at = append.now;
    world.write(append).await.unwrap();
    let read = |account, list: &[u32]| {
        let uids = uids(list.iter().copied());
        world.read(ReadDates { account, mailbox: inbox, uids })
    };
    let dates = read(account, &[3, 1, 99, 2]).await;
    assert_eq!(dates.iter().map(|one| one.uid).collect::<Vec<_>>(), uids([1, 2, 3]));
    assert_eq!(dates.iter().map(|one| one.received).collect::<Vec<_>>(), received);
    assert_eq!(dates.iter().map(|one| one.sent).collect::<Vec<_>>(), [None, sent, None]);
    let emails = world.messages(inbox).await.iter().map(|one| one.email).collect();
    let emails = world.read(ReadEmails { account, emails }).await;
    for (one, email) in dates.iter().zip(&emails) {
        assert_eq!((one.thread, one.saved_at), (email.thread, saved_at));
    }
    assert_eq!(read(account, &[]).await, []);
    assert_eq!(read(world.bob, &[1, 2, 3]).await, [], "it is not Bob's mailbox");
    let now = world.now();
    let expunge = Expunge { account, mailbox: inbox, uids: uids([1, 3]), only_deleted: false, now };
    world.write(expunge).await.unwrap();
    assert_eq!(read(account, &[1, 2, 3]).await, dates, "it can be restored");
    let what = Purgeable::EndedBefore(world.now());
    let purge = Purge { account, what, limit: 9, reason: "retention".into(), now: world.now() };
    world.write(purge).await.unwrap();
    assert_eq!(read(account, &[1, 2, 3]).await, dates[1..2]);
}

pub(crate) async fn sums_are_of_the_messages_that_are_there(engine: &Engine) {
    let world = World::new(engine).await;
    let (account, inbox) = (world.alice, world.inbox().await.id);
    let sum = |mailbox| world.read(SumMailbox { account, mailbox });
    assert_eq!(sum(inbox).await, MailboxSums::default(), "an empty mailbox");
    let letters = ["a", "some", "more words"].map(letter);
    world.write(world.append(inbox, &letters)).await.unwrap();
    let sizes: Vec<u64> = world.messages(inbox).await.iter().map(|one| one.size).collect();
    assert_eq!(sum(inbox).await, MailboxSums { recent: 3, deleted_bytes: 0 });
    let x = world.mailbox("x").await.id;
    let now = world.now();
    let mode = CopyMode::Copy;
    let copy = CopyMessages { account, from: inbox, to: x, uids: uids([2]), mode, now };
    world.write(copy).await.unwrap();
    let mut deleted = store(&world, inbox, &[1, 3], FlagAction::Add);
    deleted.flags = Flags::DELETED;
    world.write(deleted).await.unwrap();
    let deleted_bytes = sizes[0] + sizes[2];
    assert_eq!(sum(inbox).await, MailboxSums { recent: 3, deleted_bytes });
    assert_eq!(sum(x).await, MailboxSums { recent: 1, deleted_bytes: 0 });
    let expunge = Expunge { account, mailbox: inbox, uids: uids([1]), only_deleted: true, now };
    world.write(expunge).await.unwrap();
    assert_eq!(sum(inbox).await, MailboxSums { recent: 2, deleted_bytes: sizes[2] });
    world.write(ClaimRecent { account, mailbox: inbox }).await.unwrap();
    assert_eq!(sum(inbox).await, MailboxSums { recent: 0, deleted_bytes: sizes[2] });
    world.write(DeleteMailbox { account, mailbox: x, now }).await.unwrap();
    assert_eq!(sum(x).await, MailboxSums::default(), "it is no more");
}
