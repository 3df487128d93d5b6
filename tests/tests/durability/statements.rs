//! Failures of the engine at each statement and each commit of a group of operations: the culprit
//! is told to come again, the others are carried out, the store goes on.

use posthorn_base::{AccountId, ArrivalId, MailboxId, Random, Uid};
use posthorn_store::mail::{Accept, Accepted, Expunge};
use posthorn_store::sqlite::{Faults, Options, rusqlite};
use posthorn_store::{Operation, StoreError};
use posthorn_testkit::SimRandom;
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::load::Telling;
use posthorn_tests::durability::office::options;
use posthorn_tests::durability::{Expected, Letter, Line, Office};
use rusqlite::ffi;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use tokio::task::JoinHandle;

/// How SQLite fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    /// The database may not grow: SQLite itself runs out of pages.
    NoPages,
    /// This code, after the whole transaction was rolled back, as SQLite does for these.
    AndRollback(i32),
    /// This code; the transaction is still there.
    Code(i32),
}

/// Where it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Statement(u64),
    Commit(u64),
}

#[derive(Default)]
struct State {
    /// Told when the writer stands at its next statement, which then waits.
    hold: Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>,
    blow: Option<(Place, Blow)>,
    statements: u64,
    commits: u64,
    has_struck: bool,
}

/// Strikes once at the chosen place.
#[derive(Default)]
struct Striking(Mutex<State>);

impl Striking {
    fn strike(connection: &rusqlite::Connection, blow: Blow) -> rusqlite::Result<()> {
        let failure = |code| Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        match blow {
            Blow::NoPages => set_pages(connection, 1),
            Blow::AndRollback(code) => {
                connection.execute_batch("ROLLBACK")?;
                failure(code)
            }
            Blow::Code(code) => failure(code),
        }
    }

    fn pass(&self, connection: &rusqlite::Connection, place: Place) -> rusqlite::Result<()> {
        let mut state = self.0.lock().unwrap();
        match state.blow {
            Some((at, blow)) if at == place => {
                (state.blow, state.has_struck) = (None, true);
                Self::strike(connection, blow)
            }
            _ => set_pages(connection, i64::from(u32::MAX - 1)),
        }
    }
}

fn set_pages(connection: &rusqlite::Connection, pages: i64) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

impl Faults for Striking {
    fn before_statement(&self, connection: &rusqlite::Connection, _: u64) -> rusqlite::Result<()> {
        let hold = self.0.lock().unwrap().hold.take();
        if let Some((reached, go)) = hold {
            reached.send(()).unwrap();
            go.recv().unwrap();
            return Ok(());
        }
        let mut state = self.0.lock().unwrap();
        let nth = state.statements;
        state.statements += 1;
        drop(state);
        self.pass(connection, Place::Statement(nth))
    }
    fn before_commit(&self, connection: &rusqlite::Connection, _: usize) -> rusqlite::Result<()> {
        let mut state = self.0.lock().unwrap();
        let nth = state.commits;
        state.commits += 1;
        drop(state);
        self.pass(connection, Place::Commit(nth))
    }
}

/// A message of which the copy in the first account can be expunged.
#[derive(Clone, Copy)]
struct Old {
    arrival: ArrivalId,
    account: AccountId,
    mailbox: MailboxId,
    uid: Uid,
}

struct World {
    office: Arc<Office>,
    striking: Arc<Striking>,
    host: Arc<Telling>,
    accounts: Vec<AccountId>,
    expected: Expected,
    random: SimRandom,
    old: Vec<Old>,
}

impl World {
    async fn open(dir: &Path, day: u32, expected: Expected) -> Self {
        let (striking, host) = (Arc::new(Striking::default()), Arc::new(Telling::default()));
        let faults = Some(striking.clone() as Arc<dyn Faults>);
        let options = Options { faults, host: host.clone(), checkpoint_pages: 100, ..options(day) };
        let office = Arc::new(Office::open(dir, day, options).unwrap());
        let accounts = office.found(3).await.unwrap();
        let random = SimRandom::from_seed(u64::from(day));
        World { office, striking, host, accounts, expected, random, old: Vec::new() }
    }

    /// Encodes a message and sends its plan to the writer.
    async fn offer(&mut self, size: usize, copies: usize, queued: u32) -> Offered {
        let letter = Letter { seed: self.random.u64() | 1, size };
        let body = self.office.encode(self.office.id(), letter).await.unwrap();
        let (arrival, accounts) = (self.office.id(), self.accounts[..copies].to_vec());
        let plan = self.office.plan(arrival, body, &accounts, queued);
        self.expected.hear(&Line::Offered { arrival, letter, accounts, queued });
        Offered { arrival, task: self.send(Accept { plan }).await }
    }

    async fn send<O: Operation>(&self, operation: O) -> JoinHandle<Result<O::Output, StoreError>> {
        let office = Arc::clone(&self.office);
        let task = tokio::spawn(async move { office.engine.write(operation).await });
        // On this single-threaded runtime the task sends when we yield to it.
        tokio::task::yield_now().await;
        task
    }

    async fn settle(&mut self, offered: Offered) {
        let arrival = offered.arrival;
        match offered.task.await.unwrap() {
            Ok(accepted) => {
                self.expected.hear(&Line::Accepted(arrival));
                self.remember(arrival, &accepted);
            }
            Err(StoreError::Engine(error)) if error.is_temporary() => {
                self.expected.hear(&Line::Refused(arrival, true));
            }
            Err(error) => panic!("{arrival}: {error:?} is not temporary"),
        }
    }

    fn remember(&mut self, arrival: ArrivalId, accepted: &Accepted) {
        let placed = accepted.placed[0];
        let (account, mailbox, uid) = (placed.account, placed.mailbox, placed.uid);
        self.old.push(Old { arrival, account, mailbox, uid });
    }

    /// One operation holds the writer, four wait behind it and share a transaction. True when the
    /// blow fell.
    async fn round(&mut self, place: Place, blow: Blow) -> bool {
        let (reached, is_reached) = mpsc::channel();
        let (go, going) = mpsc::channel();
        *self.striking.0.lock().unwrap() =
            State { hold: Some((reached, going)), blow: Some((place, blow)), ..State::default() };
        let mut offered = vec![self.offer(1_500, 1, 0).await];
        tokio::task::spawn_blocking(move || is_reached.recv().unwrap()).await.unwrap();
        for (size, copies, queued) in [(3_000, 1, 0), (140_000, 3, 2)] {
            offered.push(self.offer(size, copies, queued).await);
        }
        let expunged = match self.old.pop() {
            Some(old) => {
                self.expected.hear(&Line::Ending(old.arrival, old.account));
                let expunge = Expunge {
                    account: old.account,
                    mailbox: old.mailbox,
                    uids: vec![old.uid],
                    only_deleted: false,
                    now: self.office.now(),
                };
                Some((old, self.send(expunge).await))
            }
            None => None,
        };
        offered.push(self.offer(60_000, 2, 0).await);
        go.send(()).unwrap();
        for one in offered {
            self.settle(one).await;
        }
        if let Some((old, task)) = expunged {
            match task.await.unwrap() {
                Ok(_) => self.expected.hear(&Line::Ended(old.arrival, old.account)),
                Err(StoreError::Engine(error)) if error.is_temporary() => {}
                Err(error) => panic!("expunge: {error:?} is not temporary"),
            }
        }
        self.striking.0.lock().unwrap().has_struck
    }

    async fn judge(&mut self) {
        let judged = self.expected.judge(&self.office).await;
        judged.unwrap_or_else(|why| panic!("{why}"));
    }
}

struct Offered {
    arrival: ArrivalId,
    task: JoinHandle<Result<Accepted, StoreError>>,
}

#[tokio::test]
async fn a_failure_at_any_statement_harms_its_operation_only() {
    for blow in [
        Blow::NoPages,
        Blow::AndRollback(ffi::SQLITE_FULL),
        Blow::AndRollback(ffi::SQLITE_IOERR_WRITE),
        Blow::AndRollback(ffi::SQLITE_NOMEM),
        Blow::Code(ffi::SQLITE_NOMEM),
        Blow::Code(ffi::SQLITE_IOERR_READ),
        // How SQLite calls a page that the disk does not give.
        Blow::Code(ffi::SQLITE_CORRUPT),
        Blow::AndRollback(ffi::SQLITE_CORRUPT),
    ] {
        let dir = temp_dir();
        let mut world = World::open(dir.path(), 0, Expected::default()).await;
        let mut nth = 0;
        while world.round(Place::Statement(nth), blow).await {
            nth += 1;
            assert!(!world.host.has_stopped(), "{blow:?} at {nth}");
        }
        assert!(nth > 20, "a group has more statements than {nth}");
        world.judge().await;
        let acknowledged = world.expected.acknowledged() as u64;
        assert!(acknowledged > 3 * nth, "most of four a round were carried out: {acknowledged}");
    }
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_all_of_its_group_and_the_store_goes_on() {
    let dir = temp_dir();
    let mut world = World::open(dir.path(), 0, Expected::default()).await;
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_NOMEM, ffi::SQLITE_CORRUPT]
    {
        for nth in 0..2 {
            assert!(world.round(Place::Commit(nth), Blow::Code(code)).await);
            assert!(!world.host.has_stopped(), "{code} at {nth}");
        }
        world.judge().await;
    }
    let before = world.expected.acknowledged();
    assert!(!world.round(Place::Commit(u64::MAX), Blow::NoPages).await);
    assert_eq!(world.expected.acknowledged(), before + 4, "the store goes on");
}

#[tokio::test]
async fn a_sync_that_fails_stops_the_store_and_loses_nothing() {
    for place in [Place::Commit(0), Place::Commit(1), Place::Statement(12)] {
        let dir = temp_dir();
        let mut world = World::open(dir.path(), 0, Expected::default()).await;
        for _ in 0..3 {
            world.round(Place::Commit(u64::MAX), Blow::NoPages).await;
        }
        assert!(world.round(place, Blow::Code(ffi::SQLITE_IOERR_FSYNC)).await);
        assert!(world.host.has_stopped(), "{place:?}");
        let before = world.expected.acknowledged();
        let offered = world.offer(1_000, 1, 0).await;
        world.settle(offered).await;
        assert_eq!(world.expected.acknowledged(), before, "it takes nothing more");
        assert!(world.office.engine.close().await.is_err());
        let mut world = World::open(dir.path(), 1, world.expected).await;
        world.judge().await;
        let offered = world.offer(200_000, 2, 0).await;
        world.settle(offered).await;
        world.judge().await;
        assert_eq!(world.expected.acknowledged(), before + 1);
    }
}
