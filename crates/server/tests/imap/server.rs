//! The server, on threads of its own, and what tests do behind its back.

use crate::support;
use posthorn_base::{
    AccountId, ArrivalId, Flags, Keyword, MailboxId, MailboxName, Role, ZonedTime, limits,
};
use posthorn_server::facts::email_facts;
use posthorn_server::node::Node;
use posthorn_server::run::{Running, ServiceKind, Settings};
use posthorn_store::bodies::BodyWriter;
use posthorn_store::mail::{
    Append, CreateMailbox, FindMailbox, ListKeywords, ListMessages, Mailbox, NewMessage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Runtime;

pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) running: Option<Running>,
    pub(crate) alice: AccountId,
    pub(crate) bob: AccountId,
    pub(crate) dir: tempfile::TempDir,
}

/// A message's flags and keywords, in lower case.
pub(crate) type Names = BTreeSet<String>;

impl Server {
    pub(crate) fn start() -> Server {
        Server::start_with(|_| ())
    }

    /// With settings that `change` has changed.
    pub(crate) fn start_with(change: impl FnOnce(&mut Settings)) -> Server {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut settings = support::settings(dir.path());
        change(&mut settings);
        let start = support::start(dir.path(), settings);
        let (running, [alice, bob]) = runtime.block_on(start);
        Server { runtime, running: Some(running), alice, bob, dir }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        self.running().node()
    }

    /// Where IMAP is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address_of(ServiceKind::Imap)
    }

    pub(crate) fn address_of(&self, service: ServiceKind) -> SocketAddr {
        let addresses = self.running().addresses();
        addresses.iter().find(|(kind, _)| *kind == service).unwrap().1
    }

    /// From now on the store fails where it is to change flags, as with a full disk.
    pub(crate) fn break_flags(&self) {
        let store = rusqlite::Connection::open(self.dir.path().join("store.db")).unwrap();
        let trigger = "CREATE TRIGGER full BEFORE UPDATE OF flags ON placement \
                       BEGIN SELECT RAISE(ABORT, 'no room'); END";
        store.execute_batch(trigger).unwrap();
    }

    pub(crate) fn find(&self, name: &str) -> Option<Mailbox> {
        let find = FindMailbox::Name(self.alice, MailboxName::parse(name).unwrap());
        self.runtime.block_on(self.node().engine.read(&find)).unwrap()
    }

    pub(crate) fn create(&self, name: &str) {
        let node = self.node();
        let new = CreateMailbox {
            account: self.alice,
            name: MailboxName::parse(name).unwrap(),
            role: None::<Role>,
            ids: (0..4).map(|_| node.next_id()).collect(),
            subscribe: false,
            now: node.now(),
        };
        self.runtime.block_on(node.engine.write(new)).unwrap();
    }

    /// Puts a message into a mailbox, as a delivery does.
    pub(crate) fn deliver(&self, mailbox: MailboxId, message: &[u8], keywords: &[&str]) {
        let node = self.node();
        let parsed = posthorn_message::parse(message);
        let body =
            BodyWriter::encode(&node.files, node.next_id(), message, bytes::Bytes::new()).unwrap();
        let now = node.now();
        let new = NewMessage {
            arrival: node.next_id::<ArrivalId>(),
            email: node.next_id(),
            body,
            facts: email_facts(&parsed, b"", message).unwrap(),
            received: ZonedTime { time: now, offset_minutes: 0 },
            flags: Flags::NONE,
            keywords: keywords.iter().map(|word| Keyword::parse(word).unwrap()).collect(),
            story: None,
        };
        let messages = vec![new];
        let append = Append { account: self.alice, mailbox, messages, now, within_quota: true };
        self.runtime.block_on(node.engine.write(append)).unwrap();
    }

    /// What a mailbox holds: UIDs, flags and keywords. `None` when there is no such mailbox.
    pub(crate) fn content(&self, mailbox: MailboxId) -> Option<Vec<(u32, Names)>> {
        let (account, engine) = (self.alice, &self.node().engine);
        let limit = u32::try_from(limits::BULK_STEP_MESSAGES * 100).unwrap();
        let list = ListMessages { account, mailbox, after: None, limit };
        let messages = self.runtime.block_on(engine.read(&list)).ok()?;
        let words = self.runtime.block_on(engine.read(&ListKeywords(account))).unwrap();
        let words: BTreeMap<u32, String> =
            words.into_iter().map(|(number, word)| (number, word.key())).collect();
        let names = |flags: Flags| flags.names().map(str::to_ascii_lowercase);
        let all = messages.into_iter().map(|message| {
            let keywords = message.keywords.iter().map(|number| words[&number].clone());
            (message.uid.get(), names(message.flags).chain(keywords).collect())
        });
        Some(all.collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}
