//! The SQLite engine by itself: group commit, isolation of failures, faults, ownership, snapshots.

#![cfg(test)]

mod support;

use posthorn_base::limits::GROUP_OPERATIONS_MAX;
use posthorn_store::sqlite::{Faults, Options, Sqlite, rusqlite};
use posthorn_store::{Change, EngineError, Host, StoreError};
use rusqlite::ffi;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use support::{Count, Create, Get, Misbehave, Put, birth, options};

fn failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

fn open(dir: &std::path::Path, options: Options) -> Arc<Sqlite> {
    Arc::new(Sqlite::open(dir, options).unwrap())
}

/// Holds the writer at its first statement until told to go on.
struct Gate {
    reached: Mutex<mpsc::Sender<()>>,
    go: Mutex<mpsc::Receiver<()>>,
}

impl Gate {
    fn new() -> (Arc<Self>, mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (reached, is_reached) = mpsc::channel();
        let (let_go, go) = mpsc::channel();
        (Arc::new(Gate { reached: Mutex::new(reached), go: Mutex::new(go) }), is_reached, let_go)
    }
    fn hold(&self) {
        self.reached.lock().unwrap().send(()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
    }
}

/// A gate at the first statement, and a fault at a chosen one.
#[derive(Default)]
struct Script {
    gate: Option<Arc<Gate>>,
    fail_at: Option<u64>,
    fail_all_from: Option<u64>,
    rolls_back: bool,
    code: Option<i32>,
    fail_commit: Option<i32>,
    commits: Mutex<Vec<usize>>,
}

impl Faults for Script {
    fn before_statement(
        &self,
        connection: &rusqlite::Connection,
        nth: u64,
    ) -> rusqlite::Result<()> {
        if let (0, Some(gate)) = (nth, &self.gate) {
            gate.hold();
        }
        if self.fail_at == Some(nth) || self.fail_all_from.is_some_and(|from| nth >= from) {
            if self.rolls_back {
                connection.execute_batch("ROLLBACK").unwrap();
            }
            return Err(failure(self.code.unwrap_or(ffi::SQLITE_IOERR_WRITE)));
        }
        Ok(())
    }
    fn before_commit(&self, _: &rusqlite::Connection, operations: usize) -> rusqlite::Result<()> {
        self.commits.lock().unwrap().push(operations);
        match self.fail_commit {
            Some(code) if self.commits.lock().unwrap().len() > 1 => Err(failure(code)),
            _ => Ok(()),
        }
    }
}

/// Lets one operation through to a held writer and queues `others` behind it.
async fn behind_a_held_writer(
    script: Script,
    others: Vec<Put>,
) -> (tempfile::TempDir, Arc<Script>, Vec<Result<(), StoreError>>, Arc<Sqlite>) {
    let dir = tempfile::tempdir().unwrap();
    let (gate, reached, go) = Gate::new();
    let script = Arc::new(Script { gate: Some(gate), ..script });
    let store = open(dir.path(), Options { faults: Some(script.clone()), ..options() });
    let first = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.write(Put::new(0)).await }
    });
    tokio::task::spawn_blocking(move || reached.recv().unwrap()).await.unwrap();
    let mut waiting = Vec::new();
    for put in others {
        let store = Arc::clone(&store);
        let queued = store.clone();
        waiting.push(tokio::spawn(async move { queued.write(put).await }));
        // On this single-threaded runtime the task sends when we yield to it.
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    let mut results = Vec::new();
    for task in waiting {
        results.push(task.await.unwrap());
    }
    (dir, script, results, store)
}

#[tokio::test]
async fn all_that_wait_share_one_commit() {
    let puts = (1..=100).map(Put::new).collect();
    let (_dir, script, results, store) = behind_a_held_writer(Script::default(), puts).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(*script.commits.lock().unwrap(), [1, 100]);
    assert_eq!(store.counts().commits, 2);
    assert_eq!(store.read(&Count).await.unwrap(), 101);
}

#[tokio::test]
async fn a_group_is_bounded_in_operations_and_bytes() {
    let puts = (1..=300).map(Put::new).collect();
    let (_dir, script, results, _store) = behind_a_held_writer(Script::default(), puts).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(
        *script.commits.lock().unwrap(),
        [1, GROUP_OPERATIONS_MAX, 300 - GROUP_OPERATIONS_MAX]
    );

    let puts = (1..=3).map(|id| Put { bytes: 6 << 20, ..Put::new(id) }).collect();
    let (_dir, script, results, _store) = behind_a_held_writer(Script::default(), puts).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(*script.commits.lock().unwrap(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn one_that_fails_leaves_nothing_and_harms_nobody() {
    // The second of them writes its row and then refuses; the third meets a key that exists.
    let puts = vec![
        Put::new(1),
        Put { then_refuse: true, ..Put::new(2) },
        Put::new(0),
        Put::new(3),
        Put::new(2),
    ];
    let (_dir, script, results, store) = behind_a_held_writer(Script::default(), puts).await;
    assert!(matches!(results[1], Err(StoreError::Refused(_))));
    assert!(matches!(results[2], Err(StoreError::Exists { .. })));
    assert!([0, 3, 4].iter().all(|at| results[*at].is_ok()), "{results:?}");
    assert_eq!(*script.commits.lock().unwrap(), [1, 5]);
    assert_eq!(store.read(&Count).await.unwrap(), 4);
}

#[tokio::test]
async fn a_transaction_lost_around_its_members_runs_again_without_the_culprit() {
    // Statements: 0 is the first operation's, 1 to 5 the group's; the third of it meets the fault.
    let script = Script { fail_at: Some(3), rolls_back: true, ..Script::default() };
    let puts = (1..=5).map(Put::new).collect();
    let (_dir, script, results, store) = behind_a_held_writer(script, puts).await;
    assert!(matches!(results[2], Err(StoreError::Engine(EngineError::Io(_)))));
    assert!([0, 1, 3, 4].iter().all(|at| results[*at].is_ok()), "{results:?}");
    assert_eq!(*script.commits.lock().unwrap(), [1, 4]);
    assert_eq!(store.counts().reruns, 1);
    assert_eq!(store.read(&Count).await.unwrap(), 5);
}

#[tokio::test]
async fn a_fault_at_any_statement_refuses_one_and_keeps_the_rest() {
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_IOERR_READ, ffi::SQLITE_NOMEM] {
        for rolls_back in [false, true] {
            for at in 1..=4 {
                let script =
                    Script { fail_at: Some(at), code: Some(code), rolls_back, ..Script::default() };
                let puts = (1..=4).map(Put::new).collect();
                let (dir, _, results, store) = behind_a_held_writer(script, puts).await;
                for (index, result) in (1..).zip(&results) {
                    let told = matches!(result, Err(StoreError::Engine(error)) if index == at
                        && error.is_temporary());
                    assert!(told || (index != at && result.is_ok()), "{code} {at}: {results:?}");
                }
                assert_eq!(store.counts().reruns, u64::from(rolls_back));
                store.write(Put::new(50)).await.unwrap();
                store.close().await.unwrap();
                let store = open(dir.path(), options());
                assert_eq!(store.read(&Count).await.unwrap(), 5, "what was acknowledged is there");
            }
        }
    }
}

#[tokio::test]
async fn a_full_disk_at_commit_refuses_the_group_but_not_who_frees_space() {
    let script = Script { fail_commit: Some(ffi::SQLITE_FULL), ..Script::default() };
    let mut puts: Vec<Put> = (1..=4).map(Put::new).collect();
    puts[2].frees_space = true;
    let (_dir, script, results, store) = behind_a_held_writer(script, puts).await;
    assert!(
        results.iter().all(|result| matches!(result, Err(StoreError::Engine(EngineError::Full))))
    );
    // The group of four, then the one that frees space without the others; it met a full disk too.
    assert_eq!(*script.commits.lock().unwrap(), [1, 4, 1]);
    assert_eq!(store.read(&Count).await.unwrap(), 1);
}

#[tokio::test]
async fn when_everything_is_lost_each_is_refused_alone_and_the_store_goes_on() {
    let script = Script { fail_all_from: Some(3), rolls_back: true, ..Script::default() };
    let puts = (1..=5).map(Put::new).collect();
    let (dir, script, results, store) = behind_a_held_writer(script, puts).await;
    assert!(results.iter().all(Result::is_err), "{results:?}");
    assert_eq!(*script.commits.lock().unwrap(), [1]);
    assert_eq!(store.read(&Count).await.unwrap(), 1);
    store.close().await.unwrap();
    let store = open(dir.path(), options());
    store.write(Put::new(9)).await.unwrap();
    assert_eq!(store.read(&Count).await.unwrap(), 2);
}

/// Counts what the host hears.
#[derive(Default)]
struct Heard {
    changes: Mutex<Vec<Change>>,
    fatal: AtomicU64,
}

impl Host for Heard {
    fn publish(&self, changes: &[Change]) {
        self.changes.lock().unwrap().extend_from_slice(changes);
    }
    fn fatal(&self, _: &EngineError) {
        self.fatal.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_failed_fsync_at_commit_is_final() {
    let dir = tempfile::tempdir().unwrap();
    let host = Arc::new(Heard::default());
    let script =
        Arc::new(Script { fail_commit: Some(ffi::SQLITE_IOERR_FSYNC), ..Script::default() });
    let store =
        open(dir.path(), Options { host: host.clone(), faults: Some(script.clone()), ..options() });
    store.write(Put::new(1)).await.unwrap();
    let refused = store.write(Put::new(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Io(_))), "{refused:?}");
    let refused = store.write(Put::new(3)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Unavailable(_))), "{refused:?}");
    assert_eq!(script.commits.lock().unwrap().len(), 2, "it is not tried again");
    assert_eq!(host.fatal.load(Ordering::Relaxed), 1);
    assert_eq!(host.changes.lock().unwrap().len(), 1, "only what was committed is published");
    assert_eq!(store.read(&Count).await.unwrap(), 1, "reading goes on");
    assert!(store.close().await.is_err());
    let store = open(dir.path(), options());
    assert_eq!(store.read(&Count).await.unwrap(), 1);
    store.write(Put::new(2)).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_final_and_not_silent() {
    let dir = tempfile::tempdir().unwrap();
    let host = Arc::new(Heard::default());
    let store = open(dir.path(), Options { host: host.clone(), ..options() });
    store.write(Put::new(1)).await.unwrap();
    let refused = store.write(Misbehave::Panic).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Unavailable(_))), "{refused:?}");
    assert_eq!(host.fatal.load(Ordering::Relaxed), 1);
    assert!(store.write(Put::new(2)).await.is_err());
    assert!(store.close().await.is_err());
    let store = open(dir.path(), options());
    assert_eq!(store.read(&Count).await.unwrap(), 1);
}

#[tokio::test]
async fn an_operation_must_not_wait_nor_go_on_after_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let refused = store.write(Misbehave::Wait).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Statement { .. })), "{refused:?}");
    store.write(Put::new(1)).await.unwrap();
    let refused = store.write(Misbehave::SwallowDuplicate).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Duplicate(_))), "{refused:?}");
    assert_eq!(store.read(&Count).await.unwrap(), 1);
}

/// Makes SQLite itself run out of pages, at the n-th statement.
struct FullDisk {
    at: u64,
}

impl Faults for FullDisk {
    fn before_statement(
        &self,
        connection: &rusqlite::Connection,
        nth: u64,
    ) -> rusqlite::Result<()> {
        let pages = if nth == self.at { 1 } else { i64::from(u32::MAX - 1) };
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
    }
}

#[tokio::test]
async fn a_full_disk_refuses_one_and_keeps_the_rest() {
    for at in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let faults = Some(Arc::new(FullDisk { at }) as Arc<dyn Faults>);
        let store = open(dir.path(), Options { faults, ..options() });
        let mut kept = 0;
        for id in 0..4 {
            match store.write(Put { blob: 20_000, ..Put::new(id) }).await {
                Ok(()) => kept += 1,
                Err(StoreError::Engine(EngineError::Full)) => assert_eq!(id, at as i64),
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(kept, 3);
        assert_eq!(store.read(&Count).await.unwrap(), 3);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn below_the_reserve_only_what_frees_space_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { reserve_bytes: u64::MAX, ..options() });
    assert!(!store.has_room());
    let refused = store.write(Put::new(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Full)), "{refused:?}");
    store.write(Put { frees_space: true, ..Put::new(1) }).await.unwrap();
}

#[tokio::test]
async fn one_process_owns_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    let refused = Sqlite::open(dir.path(), options()).unwrap_err();
    assert!(matches!(&refused, EngineError::Owned(path) if path == dir.path()));
    assert!(refused.to_string().contains(dir.path().to_str().unwrap()));
    store.close().await.unwrap();
    assert!(matches!(store.write(Put::new(1)).await, Err(StoreError::Engine(_))));
    assert!(matches!(store.read(&Count).await, Err(StoreError::Engine(_))));
    store.close().await.unwrap();
    open(dir.path(), options());
}

#[tokio::test]
async fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("mail");
    let store = open(&dir, options());
    store.write(Put::new(1)).await.unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let mut seen = 0;
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 4, "database, log, shared memory, lock");
}

#[tokio::test]
async fn a_store_that_needs_a_newer_release_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), options()).close().await.unwrap();
    let set = |sql: &str| {
        rusqlite::Connection::open(dir.path().join("store.db"))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    };
    set("UPDATE meta SET schema = 99, min_reader = 1, min_writer = 98");
    let refused = Sqlite::open(dir.path(), options()).unwrap_err();
    assert!(matches!(refused, EngineError::TooNew { schema: 99, needs: 98, .. }), "{refused:?}");
    // A newer release that demands no more than we know: we go on as we are.
    set("UPDATE meta SET min_writer = 1");
    open(dir.path(), options()).close().await.unwrap();
    set("DROP TABLE meta");
    let refused = Sqlite::open(dir.path(), options()).unwrap_err();
    assert!(matches!(refused, EngineError::Corrupt(_)), "{refused:?}");
}

#[tokio::test]
async fn the_secret_is_drawn_once() {
    let dir = tempfile::tempdir().unwrap();
    let secret = || {
        rusqlite::Connection::open(dir.path().join("store.db"))
            .unwrap()
            .query_row("SELECT secret FROM meta", [], |row| row.get::<_, Vec<u8>>(0))
            .unwrap()
    };
    open(dir.path(), Options::new(birth(7))).close().await.unwrap();
    let first = secret();
    assert_eq!(first.len(), 32);
    open(dir.path(), Options::new(birth(8))).close().await.unwrap();
    assert_eq!(secret(), first);
}

#[tokio::test]
async fn a_read_sees_one_snapshot_and_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    store.write(Put::new(1)).await.unwrap();
    let refused = store.read(&Put::new(2)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(_)), "{refused:?}");
    assert_eq!(store.read(&Count).await.unwrap(), 1);

    // A read that counts, waits until another row is committed, and counts again.
    let (between, at) = mpsc::channel();
    let (go_on, going) = mpsc::channel();
    let reading = std::thread::spawn({
        let store = Arc::clone(&store);
        move || {
            let twice = support::CountTwice::new(between, going);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(store.read(&twice)).unwrap()
        }
    });
    tokio::task::spawn_blocking(move || at.recv().unwrap()).await.unwrap();
    store.write(Put::new(2)).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reading.join().unwrap(), (1, 1));
    assert_eq!(store.read(&Count).await.unwrap(), 2);
}

#[tokio::test]
async fn more_reads_than_readers_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options { readers: 1, ..options() });
    store.write(Put::new(1)).await.unwrap();
    // A panic or an error while reading gives the connection back.
    assert!(store.read(&Misbehave::SwallowDuplicate).await.is_err());
    let panicked = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.read(&Misbehave::Panic).await }
    });
    assert!(panicked.await.is_err());
    for _ in 0..20 {
        assert_eq!(store.read(&Count).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn the_log_is_moved_into_the_database_and_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    for id in 0..400 {
        store.write(Put { blob: 60_000, ..Put::new(id) }).await.unwrap();
    }
    // 400 times 15 pages are four checkpoints' worth; without one the log would hold 24 MB.
    let wal = dir.path().join("store.db-wal").metadata().unwrap().len();
    assert!(wal < 12 << 20, "{wal}");
    store.close().await.unwrap();
    let left = dir.path().join("store.db-wal").metadata().map(|meta| meta.len()).unwrap_or(0);
    assert_eq!(left, 0);
    let store = open(dir.path(), options());
    assert_eq!(store.read(&Count).await.unwrap(), 400);
}

#[tokio::test]
async fn a_long_reader_stops_neither_writers_nor_the_checkpoints_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    store.write(Put::new(1000)).await.unwrap();
    let reader = rusqlite::Connection::open(dir.path().join("store.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM operation").unwrap();
    let log = || dir.path().join("store.db-wal").metadata().unwrap().len();
    for id in 0..80 {
        store.write(Put { blob: 1 << 20, ..Put::new(id) }).await.unwrap();
    }
    assert!(log() > 70 << 20, "the reader's snapshot keeps the log");
    reader.execute_batch("COMMIT").unwrap();
    for id in 100..110 {
        store.write(Put { blob: 1 << 20, ..Put::new(id) }).await.unwrap();
    }
    store.write(Put::new(2000)).await.unwrap();
    assert!(log() < 30 << 20, "{} bytes: it was truncated", log());
    assert_eq!(store.read(&Count).await.unwrap(), 92);
}

#[tokio::test]
async fn free_pages_go_back_while_there_is_nothing_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    for id in 0..60 {
        store.write(Put { blob: 1 << 20, ..Put::new(id) }).await.unwrap();
    }
    store.write(support::Clear).await.unwrap();
    let database = rusqlite::Connection::open(dir.path().join("store.db")).unwrap();
    let pragma =
        |name| -> i64 { database.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    // 15,000 pages became free; what the next messages will need stays. The test ends by its time
    // limit, should they never go.
    while pragma("freelist_count") > 5000 {
        tokio::task::yield_now().await;
    }
    assert!(pragma("page_count") < 6000, "given back, not only listed");
    drop(database);
    store.close().await.unwrap();
    let bytes = dir.path().join("store.db").metadata().unwrap().len();
    assert!(bytes < 6000 * 4096, "{bytes}");
}

#[tokio::test]
async fn values_come_back_as_they_went_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), options());
    for (id, blob) in [(1, 0), (2, 1), (3, 300_000)] {
        store.write(Put { blob, ..Put::new(id) }).await.unwrap();
    }
    for (id, blob) in [(1, 0), (2, 1), (3, 300_000)] {
        assert_eq!(store.read(&Get(vec![id, 77])).await.unwrap(), [(id, blob)]);
    }
    assert_eq!(store.read(&Get(vec![3, 1])).await.unwrap(), [(1, 0), (3, 300_000)]);
    assert_eq!(store.read(&Get(vec![])).await.unwrap(), []);
    assert_eq!(store.write(Create).await.unwrap(), 1, "one row was changed");
}

#[tokio::test]
async fn the_writer_has_three_quarters_of_the_cache() {
    #[derive(Default)]
    struct Look(Mutex<Option<i64>>);
    impl Faults for Look {
        fn opened(&self, connection: &rusqlite::Connection) {
            let kib = connection.query_row("PRAGMA cache_size", [], |row| row.get(0));
            *self.0.lock().unwrap() = Some(kib.unwrap());
        }
    }
    let (dir, look) = (tempfile::tempdir().unwrap(), Arc::new(Look::default()));
    let faults = Some(Arc::clone(&look) as Arc<dyn Faults>);
    let store = open(dir.path(), Options { cache_bytes: 8 << 20, faults, ..options() });
    assert_eq!(*look.0.lock().unwrap(), Some(-6 * 1024));
    store.close().await.unwrap();
}
