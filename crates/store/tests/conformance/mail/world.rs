//! A store with accounts in it, and short words for what tests do with it.

use bytes::Bytes;
use posthorn_base::{
    AccountId, Address, ArrivalId, Domain, EmailId, Flags, IdSource, Keyword, MailboxId,
    MailboxName, Random, Role, Time, Uid, ZonedTime,
};
use posthorn_store::bodies::{BodyFiles, BodyWriter};
use posthorn_store::check::{Finding, check};
use posthorn_store::directory::{CreateAccount, CreateDomain, NewAccount};
use posthorn_store::mail::{
    Accept, Accepted, Append, CopyMessages, CopyMode, CreateMailbox, Delivery, EmailFacts, Expunge,
    FindMailbox, FlagAction, ListMessages, Mailbox, Message, NewMessage, NewPlacement, Plan, Purge,
    Purgeable, Restore, SearchText, SetUniqueIds, StoreFlags, Target, ThreadKeys,
};
use posthorn_store::queue::{Needs, NewQueueRow, Notify, Ret};
use posthorn_store::story::{Event, Kind, NewStory, StoryKind};
use posthorn_store::{Engine, Operation, StoreError, Tx, stmt};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

pub(crate) struct Seeded(pub(crate) u64);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

pub(crate) struct World<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) files: BodyFiles,
    pub(crate) alice: AccountId,
    pub(crate) bob: AccountId,
    ids: Mutex<(IdSource, Seeded)>,
    millis: AtomicI64,
    _dir: TempDir,
}

/// A message in a few words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letter {
    pub(crate) text: String,
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<Keyword>,
    pub(crate) thread: ThreadKeys,
}

pub(crate) fn letter(text: &str) -> Letter {
    Letter { text: text.into(), ..Letter::default() }
}

impl<'a> World<'a> {
    pub(crate) async fn new(engine: &'a Engine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = Time::from_seconds(1_795_425_540);
        let files = BodyFiles::open(dir.path()).unwrap();
        let mut world = World {
            engine,
            files,
            alice: AccountId::new(1).unwrap(),
            bob: AccountId::new(1).unwrap(),
            ids: Mutex::new((IdSource::new(), Seeded(7))),
            millis: AtomicI64::new(now.millis()),
            _dir: dir,
        };
        let domain = Domain::parse("example.com").unwrap();
        world.write(CreateDomain { domain, now }).await.unwrap();
        world.alice = world.account("alice@example.com", None).await;
        world.bob = world.account("bob@example.com", None).await;
        world
    }

    pub(crate) async fn account(&self, address: &str, quota_bytes: Option<u64>) -> AccountId {
        let id = self.id();
        let account = NewAccount {
            id,
            address: Address::parse(address).unwrap(),
            display_name: String::new(),
            quota_bytes,
            quota_messages: None,
            logins: Vec::new(),
            credentials: Vec::new(),
            now: self.now(),
        };
        let mailboxes = std::array::from_fn(|_| self.id());
        self.write(CreateAccount { account, mailboxes }).await.unwrap();
        id
    }

    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        self.engine.write(operation).await
    }
    pub(crate) async fn read<O: Operation>(&self, operation: O) -> O::Output {
        self.engine.read(&operation).await.unwrap()
    }

    /// Time passes with every look at the clock.
    pub(crate) fn now(&self) -> Time {
        Time::from_millis(self.millis.fetch_add(1, Ordering::Relaxed))
    }
    pub(crate) fn id<T: From<posthorn_base::id::RawId>>(&self) -> T {
        let mut ids = self.ids.lock().unwrap();
        let (source, random) = &mut *ids;
        source.next(Time::from_millis(self.millis.load(Ordering::Relaxed)), random)
    }

    fn facts(letter: &Letter) -> EmailFacts {
        EmailFacts {
            map_version: 1,
            part_map: Bytes::from_static(b"map"),
            envelope: Bytes::from_static(b"envelope"),
            sent: None,
            text: (!letter.text.is_empty()).then(|| SearchText {
                version: 1,
                codec: 0,
                size: letter.text.len() as u64,
                data: letter.text.clone().into_bytes().into(),
            }),
            thread: letter.thread.clone(),
        }
    }

    pub(crate) fn plan(&self, letter: &Letter, to: &[(AccountId, &[Target])]) -> Plan {
        let arrival: ArrivalId = self.id();
        let now = self.now();
        let prefix = Bytes::from_static(b"Return-Path: <>\r\n");
        let body = BodyWriter::encode(&self.files, self.id(), letter.text.as_bytes(), prefix);
        let place = |target: &Target| NewPlacement {
            target: *target,
            flags: letter.flags,
            keywords: letter.keywords.clone(),
        };
        Plan {
            arrival,
            received: ZonedTime { time: now, offset_minutes: 60 },
            body: body.unwrap(),
            facts: Self::facts(letter),
            deliveries: to
                .iter()
                .map(|(account, targets)| Delivery {
                    account: *account,
                    email: self.id(),
                    placements: targets.iter().map(place).collect(),
                })
                .collect(),
            queue: Vec::new(),
            story: NewStory {
                arrival,
                at: now,
                kind: StoryKind::Accepted,
                events: to
                    .iter()
                    .map(|(account, _)| Event::new(now, Kind::Placed).of(*account))
                    .collect(),
            },
        }
    }

    /// Delivers into a mailbox of Alice's.
    pub(crate) async fn deliver(&self, letter: &Letter, target: Target) -> Accepted {
        let plan = self.plan(letter, &[(self.alice, &[target])]);
        self.write(Accept { plan }).await.unwrap()
    }

    pub(crate) fn message(&self, letter: &Letter) -> NewMessage {
        let plan = self.plan(letter, &[]);
        NewMessage {
            arrival: plan.arrival,
            email: self.id(),
            body: plan.body,
            facts: plan.facts,
            received: plan.received,
            flags: letter.flags,
            keywords: letter.keywords.clone(),
            story: Some(NewStory { kind: StoryKind::Appended, ..plan.story }),
        }
    }

    pub(crate) fn append(&self, mailbox: MailboxId, letters: &[Letter]) -> Append {
        Append {
            account: self.alice,
            mailbox,
            messages: letters.iter().map(|letter| self.message(letter)).collect(),
            now: self.now(),
            within_quota: true,
        }
    }

    /// A new mailbox of Alice's.
    pub(crate) async fn mailbox(&self, name: &str) -> Mailbox {
        self.create(name).await.unwrap()
    }
    pub(crate) async fn create(&self, name: &str) -> Result<Mailbox, StoreError> {
        let name = MailboxName::parse(name).unwrap();
        let ids = name.as_str().split('/').map(|_| self.id()).collect();
        let account = self.alice;
        let now = self.now();
        self.write(CreateMailbox { account, name, role: None, ids, subscribe: false, now }).await
    }
    pub(crate) async fn find(&self, account: AccountId, name: &str) -> Option<Mailbox> {
        self.read(FindMailbox::Name(account, MailboxName::parse(name).unwrap())).await
    }
    pub(crate) async fn inbox(&self) -> Mailbox {
        self.find(self.alice, "INBOX").await.unwrap()
    }
    pub(crate) async fn messages(&self, mailbox: MailboxId) -> Vec<Message> {
        self.read(ListMessages { account: self.alice, mailbox, after: None, limit: 10_000 }).await
    }
    pub(crate) async fn uids(&self, mailbox: MailboxId) -> Vec<u32> {
        self.messages(mailbox).await.iter().map(|message| message.uid.get()).collect()
    }
    /// Something of everything: live, copied, moved, expunged, restored and purged messages,
    /// keywords, a conversation, a body in a file, rows that wait in the queue.
    pub(crate) async fn fill(&self) {
        let inbox = self.inbox().await.id;
        let thread = ThreadKeys { message_id: Some(1), references: vec![2], base_subject: 3 };
        let keywords = vec![Keyword::parse("todo").unwrap()];
        for number in 0..6 {
            let text = format!("message {number}\r\n");
            let (thread, keywords) = (thread.clone(), keywords.clone());
            let letter = Letter { text, thread, keywords, flags: Flags::NONE };
            self.deliver(&letter, INBOX).await;
        }
        let ids = vec![(uid(1), "known-before".into())];
        self.write(SetUniqueIds { account: self.alice, mailbox: inbox, ids }).await.unwrap();
        let large = "a line that is in a file\r\n".repeat(8000);
        let mut plan = self.plan(&letter(&large), &[(self.alice, &[INBOX]), (self.bob, &[INBOX])]);
        for next_hop in ["a.example", "a.example", "b.example"] {
            plan.queue.push(NewQueueRow {
                id: self.id(),
                account: Some(self.alice),
                recipient: format!("somebody@{next_hop}"),
                final_address: format!("somebody@{next_hop}"),
                orcpt: None,
                notify: Notify::NONE,
                ret: Ret::Unsaid,
                envid: None,
                return_path: "alice@example.com".into(),
                next_hop: next_hop.into(),
                needs: Needs::NONE,
                priority: 0,
                due_at: self.now(),
                expires_at: self.now(),
            });
        }
        self.write(Accept { plan }).await.unwrap();
        let account = self.alice;
        let copy = |from, to, numbers: std::ops::Range<u32>, mode| CopyMessages {
            account,
            from,
            to,
            uids: uids(numbers),
            mode,
            now: self.now(),
        };
        let x = self.mailbox("x/y").await.id;
        self.write(copy(inbox, x, 1..3, CopyMode::Copy)).await.unwrap();
        self.write(copy(inbox, x, 2..4, CopyMode::Move)).await.unwrap();
        let expunge = |numbers| Expunge {
            account,
            mailbox: inbox,
            uids: uids(numbers),
            only_deleted: false,
            now: self.now(),
        };
        self.write(expunge(4..5)).await.unwrap();
        let what = Purgeable::EndedBefore(self.now());
        let reason = "retention".into();
        self.write(Purge { account, what, limit: 9, reason, now: self.now() }).await.unwrap();
        self.write(expunge(5..7)).await.unwrap();
        let placements = vec![(inbox, uid(5))];
        self.write(Restore { account, placements, now: self.now() }).await.unwrap();
        let flags = StoreFlags {
            account,
            mailbox: x,
            uids: uids(1..4),
            action: FlagAction::Add,
            flags: Flags::SEEN.with(Flags::DELETED),
            keywords: vec![Keyword::parse("done").unwrap()],
            unchanged_since: None,
        };
        self.write(flags).await.unwrap();
        // The tombstones that the purge took with it are replaced.
        self.write(copy(x, inbox, 1..2, CopyMode::Move)).await.unwrap();
    }

    /// What a deep check finds.
    /// Fails unless every rule of the store holds.
    pub(crate) async fn clean(&self) {
        assert_eq!(self.findings().await, []);
    }
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut found = |finding| findings.push(finding);
        check(self.engine, &self.files, true, &mut found).await.unwrap();
        findings
    }

    /// Counts rows, past all operations.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        self.read(Count(sql)).await
    }
}

struct Count(&'static str);

impl Operation for Count {
    type Output = i64;
    const NAME: &'static str = "count rows";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let rows = tx.one(stmt!(self.0)).await?;
        Ok(rows.first().unwrap().get(0)?)
    }
}

pub(crate) const INBOX: Target = Target::Role(Role::Inbox);

pub(crate) fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}
pub(crate) fn uids(numbers: impl IntoIterator<Item = u32>) -> Vec<Uid> {
    numbers.into_iter().map(uid).collect()
}
pub(crate) fn emails(messages: &[Message]) -> Vec<EmailId> {
    messages.iter().map(|message| message.email).collect()
}
