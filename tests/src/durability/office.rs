//! An open store, with the clock and the ids that a test has to bring.

use super::Letter;
use bytes::Bytes;
use posthorn_base::id::RawId;
use posthorn_base::{
    AccountId, Address, ArrivalId, BodyId, Domain, Flags, IdSource, MailboxId, MailboxName, Role,
    Time, ZonedTime,
};
use posthorn_store::bodies::{BodyFiles, BodyWriter};
use posthorn_store::directory::{Account, CreateAccount, CreateDomain, ListAccounts, NewAccount};
use posthorn_store::mail::{
    Accept, Accepted, Delivery, EmailFacts, FindMailbox, NewBody, NewPlacement, Plan, SearchText,
    Target, ThreadKeys,
};
use posthorn_store::queue::{Needs, NewQueueRow, Notify, Ret};
use posthorn_store::sqlite::{Options, Sqlite};
use posthorn_store::story::{Event, Kind, NewStory, StoryKind};
use posthorn_store::{Birth, Engine, EngineError, StoreError};
use posthorn_testkit::SimRandom;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Seconds since 1970 of the day on which a store's first process runs.
const FIRST_DAY: i64 = 1_795_425_540;
/// The trace fields of every message.
pub const PREFIX: &[u8] = b"Return-Path: <sender@example.net>\r\n";

/// An open store.
#[derive(Debug)]
pub struct Office {
    /// The engine.
    pub engine: Engine,
    /// Its files.
    pub files: BodyFiles,
    ids: Mutex<(IdSource, SimRandom)>,
    millis: AtomicI64,
}

/// The options of a store that is opened on a day, without a reserve: test machines may be tight.
pub fn options(day: u32) -> Options {
    let mut random = SimRandom::from_seed(u64::from(day));
    let birth = Birth::draw(Time::from_seconds(FIRST_DAY), &mut random);
    Options { reserve_bytes: 0, ..Options::new(birth) }
}

impl Office {
    /// Opens the store in `dir`. Each process that opens it does so on another day, so that ids are
    /// never made twice.
    ///
    /// # Errors
    /// As the store says.
    pub fn open(dir: &Path, day: u32, options: Options) -> Result<Self, EngineError> {
        let start = Time::from_seconds(FIRST_DAY) + Duration::from_secs(u64::from(day) * 86_400);
        let engine = Engine::Sqlite(Sqlite::open(dir, options)?);
        let files = BodyFiles::open(dir)?;
        let ids = Mutex::new((IdSource::new(), SimRandom::from_seed(u64::from(day))));
        Ok(Office { engine, files, ids, millis: AtomicI64::new(start.millis()) })
    }

    /// Time passes with every look at the clock.
    pub fn now(&self) -> Time {
        Time::from_millis(self.millis.fetch_add(1, Ordering::Relaxed))
    }

    /// A fresh id.
    pub fn id<T: From<RawId>>(&self) -> T {
        let mut ids = self.ids.lock().unwrap();
        let (source, random) = &mut *ids;
        source.next(Time::from_millis(self.millis.load(Ordering::Relaxed)), random)
    }

    /// All accounts.
    pub async fn accounts(&self) -> Result<Vec<AccountId>, StoreError> {
        let list: Vec<Account> =
            self.engine.read(&ListAccounts { after: None, limit: 100 }).await?;
        Ok(list.into_iter().map(|account| account.id).collect())
    }

    /// Makes what is missing of so many accounts.
    ///
    /// # Errors
    /// As the store says.
    pub async fn found(&self, accounts: usize) -> Result<Vec<AccountId>, StoreError> {
        let mut list = self.accounts().await?;
        if list.is_empty() {
            let domain = Domain::parse("example.com").unwrap();
            match self.engine.write(CreateDomain { domain, now: self.now() }).await {
                Ok(()) | Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        while list.len() < accounts {
            let id = self.id();
            let account = NewAccount {
                id,
                address: Address::parse(&format!("user{}@example.com", list.len())).unwrap(),
                display_name: String::new(),
                quota_bytes: None,
                quota_messages: None,
                logins: Vec::new(),
                credentials: Vec::new(),
                now: self.now(),
            };
            let mailboxes = std::array::from_fn(|_| self.id());
            self.engine.write(CreateAccount { account, mailboxes }).await?;
            list.push(id);
        }
        Ok(list)
    }

    /// The INBOX of an account.
    ///
    /// # Errors
    /// As the store says.
    pub async fn inbox(&self, account: AccountId) -> Result<MailboxId, StoreError> {
        let inbox = FindMailbox::Name(account, MailboxName::inbox());
        match self.engine.read(&inbox).await? {
            Some(mailbox) => Ok(mailbox.id),
            None => Err(StoreError::missing("mailbox", "INBOX")),
        }
    }

    /// Encodes a body, on a thread that may wait for the disk.
    ///
    /// # Errors
    /// As the files say.
    pub async fn encode(&self, id: BodyId, letter: Letter) -> Result<NewBody, EngineError> {
        let files = self.files.clone();
        let encode = move || {
            let prefix = Bytes::from_static(PREFIX);
            let octets = letter.octets();
            if letter.seed.is_multiple_of(3) {
                return BodyWriter::encode(&files, id, &octets, prefix);
            }
            let mut writer = BodyWriter::new(&files, id);
            for chunk in octets.chunks(8000) {
                writer.push(chunk)?;
            }
            writer.finish(prefix)
        };
        tokio::task::spawn_blocking(encode).await.unwrap()
    }

    /// A plan for a body that is encoded.
    pub fn plan(
        &self,
        arrival: ArrivalId,
        body: NewBody,
        accounts: &[AccountId],
        queued: u32,
    ) -> Plan {
        let now = self.now();
        let placement = || NewPlacement {
            target: Target::Role(Role::Inbox),
            flags: Flags::NONE,
            keywords: Vec::new(),
        };
        let delivery = |account: &AccountId| Delivery {
            account: *account,
            email: self.id(),
            placements: vec![placement()],
        };
        let placed = |account: &AccountId| Event::new(now, Kind::Placed).of(*account);
        Plan {
            arrival,
            received: ZonedTime { time: now, offset_minutes: 60 },
            body,
            facts: facts(arrival),
            deliveries: accounts.iter().map(delivery).collect(),
            queue: (0..queued).map(|number| self.queue_row(number)).collect(),
            story: NewStory {
                arrival,
                at: now,
                kind: StoryKind::Accepted,
                events: accounts.iter().map(placed).collect(),
            },
        }
    }

    fn queue_row(&self, number: u32) -> NewQueueRow {
        NewQueueRow {
            id: self.id(),
            account: None,
            recipient: format!("somebody{number}@elsewhere.example"),
            final_address: format!("somebody{number}@elsewhere.example"),
            orcpt: None,
            notify: Notify::NONE,
            ret: Ret::Unsaid,
            envid: None,
            return_path: "sender@example.net".into(),
            next_hop: "elsewhere.example".into(),
            needs: Needs::NONE,
            priority: 0,
            due_at: self.now(),
            expires_at: self.now(),
        }
    }

    /// Encodes and accepts a message.
    ///
    /// # Errors
    /// As the store says.
    pub async fn accept(
        &self,
        arrival: ArrivalId,
        letter: Letter,
        accounts: &[AccountId],
        queued: u32,
    ) -> Result<Accepted, StoreError> {
        let body = self.encode(self.id(), letter).await?;
        let plan = self.plan(arrival, body, accounts, queued);
        self.engine.write(Accept { plan }).await
    }
}

fn facts(arrival: ArrivalId) -> EmailFacts {
    let text = format!("words of {arrival}").into_bytes();
    EmailFacts {
        map_version: 1,
        part_map: Bytes::from_static(b"map"),
        envelope: Bytes::from_static(b"envelope"),
        sent: None,
        text: Some(SearchText { version: 1, codec: 0, size: text.len() as u64, data: text.into() }),
        // A few conversations that all messages belong to.
        thread: ThreadKeys {
            message_id: Some(arrival.get()),
            references: vec![arrival.get() % 7],
            base_subject: 3,
        },
    }
}
