//! INBOX as POP3 shows it.

use super::world::{World, letter, uid, uids};
use posthorn_base::{AccountId, MailboxId, Time, Uid};
use posthorn_store::mail::{
    CopyMessages, CopyMode, Expunge, ListMaildrop, MaildropPage, Purge, Purgeable,
    ReadMaildropMessage, SetUniqueIds,
};
use posthorn_store::{Engine, StoreError};

/// The prefix of [`World`]'s messages.
const PREFIX: u64 = 17;

async fn list(world: &World<'_>, after: Option<u32>, limit: u32) -> MaildropPage {
    let after = after.and_then(Uid::new);
    world.read(ListMaildrop { account: world.alice, after, limit }).await
}

fn set(world: &World<'_>, mailbox: MailboxId, ids: &[(u32, &str)]) -> SetUniqueIds {
    let ids = ids.iter().map(|(number, text)| (uid(*number), (*text).to_owned())).collect();
    SetUniqueIds { account: world.alice, mailbox, ids }
}

fn expunge(world: &World<'_>, mailbox: MailboxId, list: &[u32]) -> Expunge {
    let uids = uids(list.iter().copied());
    Expunge { account: world.alice, mailbox, uids, only_deleted: false, now: world.now() }
}

fn purge(world: &World<'_>) -> Purge {
    let what = Purgeable::EndedBefore(Time::from_millis(i64::MAX));
    Purge { account: world.alice, what, limit: 100, reason: "test".into(), now: world.now() }
}

pub(crate) async fn sizes_are_those_of_crlf_line_ends(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = world.inbox().await;
    let texts = ["a\r\nb\r\n", "a\nb\n", "a\r\nb", ""];
    let append = world.append(inbox.id, &texts.map(letter));
    world.write(append).await.unwrap();
    let page = list(&world, None, 10).await;
    assert_eq!((page.mailbox, page.uidvalidity, page.total), (inbox.id, inbox.uidvalidity, 4));
    let octets = |page: &MaildropPage| -> Vec<u64> {
        page.messages.iter().map(|message| message.octets - PREFIX).collect()
    };
    assert_eq!(octets(&page), [6, 6, 6, 0]);
    assert_eq!(page.messages[0].uid, uid(1));

    let (from, to) = (inbox.id, inbox.id);
    let copy = CopyMessages {
        account: world.alice,
        from,
        to,
        uids: uids([2]),
        mode: CopyMode::Copy,
        now: world.now(),
    };
    world.write(copy).await.unwrap();
    let second = list(&world, Some(2), 2).await;
    assert_eq!((second.total, octets(&second)), (5, vec![6, 0]), "a page");
    assert_eq!(octets(&list(&world, Some(4), 2).await), [6], "a copy keeps its size");
    let nobody = ListMaildrop { account: AccountId::new(99).unwrap(), after: None, limit: 1 };
    assert!(matches!(engine.read(&nobody).await, Err(StoreError::Missing { .. })));
}

pub(crate) async fn unique_ids_come_and_go_with_their_messages(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = world.inbox().await.id;
    world.write(world.append(inbox, &vec![letter("x"); 4])).await.unwrap();
    let given = set(&world, inbox, &[(1, "one"), (2, "two"), (3, "one"), (9, "nobody")]);
    assert_eq!(world.write(given).await.unwrap(), 2, "a text is given once, and to what is there");
    assert_eq!(world.write(set(&world, inbox, &[(1, "other")])).await.unwrap(), 0);
    for wrong in ["", "a b", "é", &"x".repeat(71)] {
        let refused = world.write(set(&world, inbox, &[(4, wrong)])).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{wrong:?}");
    }
    let ids = |page: MaildropPage| -> Vec<Option<String>> {
        page.messages.into_iter().map(|message| message.unique_id).collect()
    };
    let (one, two) = (Some("one".to_owned()), Some("two".to_owned()));
    assert_eq!(ids(list(&world, None, 10).await), [one, two.clone(), None, None]);

    world.write(expunge(&world, inbox, &[1])).await.unwrap();
    assert_eq!(ids(list(&world, None, 10).await), [two, None, None]);
    assert_eq!(world.count("SELECT COUNT(*) FROM pop3_unique_id").await, 2);
    assert_eq!(world.write(purge(&world)).await.unwrap(), 1);
    assert_eq!(world.count("SELECT COUNT(*) FROM pop3_unique_id").await, 1);
}

pub(crate) async fn a_maildrop_can_be_read_until_its_messages_are_purged(engine: &Engine) {
    let world = World::new(engine).await;
    let inbox = world.inbox().await.id;
    world.write(world.append(inbox, &[letter("first"), letter("second")])).await.unwrap();
    let read = |number| {
        let uid = uid(number);
        world.read(ReadMaildropMessage { account: world.alice, mailbox: inbox, uid })
    };
    assert_eq!(read(2).await.unwrap().size, 6);
    assert!(read(3).await.is_none());
    world.write(expunge(&world, inbox, &[2])).await.unwrap();
    assert_eq!(read(2).await.unwrap().size, 6, "others expunged it, the snapshot has it");
    world.write(purge(&world)).await.unwrap();
    assert!(read(2).await.is_none());
    assert_eq!(read(1).await.unwrap().size, 5);
}
