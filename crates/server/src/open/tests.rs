use super::*;
use crate::system::{Ids, SystemClock};
use crate::test_accounts::create_alice;
use bytes::Bytes;
use posthorn_base::{AccountId, MailboxId, MailboxName};
use posthorn_store::bodies::BodyWriter;
use posthorn_store::mail::{FindMailbox, Location, RenameMailbox};

async fn open(dir: &tempfile::TempDir, change: impl FnOnce(&mut StoreSettings)) -> OpenStore {
    let engine = EngineSettings::sqlite(0);
    let mut settings = StoreSettings::new(dir.path().to_owned(), engine);
    change(&mut settings);
    OpenStore::open(&settings, &SystemClock::new()).await.unwrap()
}

async fn account(store: &OpenStore, ids: &Ids) -> AccountId {
    let now = SystemClock::new().now();
    let id: AccountId = ids.next(now);
    create_alice(&store.engine, ids, id, Vec::new(), now).await;
    id
}

#[tokio::test]
async fn views_hear_of_every_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, |_| ()).await;
    let ids = Ids::new();
    let account = account(&store, &ids).await;
    let name = MailboxName::parse("Drafts").unwrap();
    let drafts = store.engine.read(&FindMailbox::Name(account, name)).await.unwrap().unwrap();
    let views = store.hub.views();
    let view = async || views.open(&store.engine, account, drafts.id).await.unwrap();
    let before = view().await;
    assert!(Arc::ptr_eq(&before, &view().await), "nothing changed, nothing is read");

    let now = SystemClock::new().now();
    let to = MailboxName::parse("Unfinished").unwrap();
    let level: MailboxId = ids.next(now);
    let (from, ids) = (drafts.name.clone(), vec![level]);
    let rename = RenameMailbox { account, from, to: to.clone(), ids, now };
    store.engine.write(rename).await.unwrap();
    assert_eq!(view().await.mailbox().name, to);
}

#[tokio::test]
async fn views_keep_to_their_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, |settings| settings.views_memory = 100).await;
    let account = account(&store, &Ids::new()).await;
    let inbox = FindMailbox::Name(account, MailboxName::inbox());
    let inbox = store.engine.read(&inbox).await.unwrap().unwrap();
    let views = store.hub.views();
    let view = views.open(&store.engine, account, inbox.id).await.unwrap();
    assert!(view.memory() > 100, "an empty view already takes more");
    assert_eq!(views.memory(), 0, "so it is not kept");
}

#[tokio::test]
async fn the_limit_of_inline_bodies_is_the_one_that_was_set() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir, |settings| settings.inline_bytes_max = 4096).await;
    let (ids, now) = (Ids::new(), SystemClock::new().now());
    let is_inline = |size: usize| {
        let body = BodyWriter::encode(&store.files, ids.next(now), &vec![0; size], Bytes::new());
        matches!(body.unwrap().location, Location::Inline(_))
    };
    assert!(is_inline(4096));
    assert!(!is_inline(4097));
}
