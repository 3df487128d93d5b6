//! A database that SQLite calls malformed: once, as it does when a page cannot be read, and for
//! good.

#![cfg(test)]

mod support;

use posthorn_base::limits::STORE_LOOKS_MAX;
use posthorn_store::sqlite::{Faults, Options, Sqlite, rusqlite};
use posthorn_store::{EngineError, Host, StoreError};
use rusqlite::ffi;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use support::{Count, Put, options};

/// Where SQLite fails next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Statement,
    Commit,
    Checkpoint,
}

/// Fails at the place so many times, with this code.
struct Failure {
    place: Place,
    code: i32,
    times: u32,
    /// Not before so many commits: the checkpoint behind an earlier one may be still to come.
    commits: u32,
}

#[derive(Default)]
struct Failing(Mutex<Option<Failure>>);

impl Failing {
    fn pass(&self, place: Place) -> rusqlite::Result<()> {
        let mut next = self.0.lock().unwrap();
        let Some(failure) = &mut *next else { return Ok(()) };
        if failure.commits > 0 {
            failure.commits -= u32::from(place == Place::Commit);
        } else if failure.place == place && failure.times > 0 {
            failure.times -= 1;
            let error = ffi::Error::new(failure.code);
            return Err(rusqlite::Error::SqliteFailure(error, None));
        }
        Ok(())
    }

    fn strike(&self, place: Place, code: i32, times: u32) {
        let commits = u32::from(place == Place::Checkpoint);
        *self.0.lock().unwrap() = Some(Failure { place, code, times, commits });
    }
}

impl Faults for Failing {
    fn before_statement(&self, _: &rusqlite::Connection, _: u64) -> rusqlite::Result<()> {
        self.pass(Place::Statement)
    }
    fn before_commit(&self, _: &rusqlite::Connection, _: usize) -> rusqlite::Result<()> {
        self.pass(Place::Commit)
    }
    fn before_checkpoint(&self, _: &rusqlite::Connection) -> rusqlite::Result<()> {
        self.pass(Place::Checkpoint)
    }
}

/// Hears of the end.
#[derive(Default)]
struct Heard(AtomicU64, Mutex<String>);

impl Host for Heard {
    fn publish(&self, _: &[posthorn_store::Change]) {}
    fn fatal(&self, error: &EngineError) {
        self.0.fetch_add(1, Ordering::Relaxed);
        *self.1.lock().unwrap() = error.to_string();
    }
}

fn open(dir: &Path, failing: &Arc<Failing>, host: &Arc<Heard>) -> Sqlite {
    let options = Options {
        host: host.clone(),
        faults: Some(failing.clone() as Arc<dyn Faults>),
        checkpoint_pages: 1,
        ..options()
    };
    Sqlite::open(dir, options).unwrap()
}

#[tokio::test]
async fn what_fails_once_is_done_anew_on_a_fresh_connection() {
    for (place, code) in [
        (Place::Statement, ffi::SQLITE_CORRUPT),
        (Place::Statement, ffi::SQLITE_NOTADB),
        (Place::Commit, ffi::SQLITE_CORRUPT),
        (Place::Checkpoint, ffi::SQLITE_CORRUPT),
        (Place::Checkpoint, ffi::SQLITE_IOERR_READ),
        (Place::Checkpoint, ffi::SQLITE_IOERR_WRITE),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (failing, host) = (Arc::new(Failing::default()), Arc::new(Heard::default()));
        let store = open(dir.path(), &failing, &host);
        store.write(Put::new(1)).await.unwrap();
        failing.strike(place, code, 1);
        store.write(Put::new(2)).await.unwrap();
        for id in 3..10 {
            store.write(Put::new(id)).await.unwrap();
        }
        assert_eq!(store.counts().looks, 1, "{place:?} {code}");
        assert_eq!(host.0.load(Ordering::Relaxed), 0, "{place:?} {code}");
        assert_eq!(store.read(&Count).await.unwrap(), 9);
        store.close().await.unwrap();
        let store = open(dir.path(), &failing, &host);
        assert_eq!(store.read(&Count).await.unwrap(), 9, "{place:?} {code}");
    }
}

#[tokio::test]
async fn what_fails_twice_stops_the_store_with_what_was_acknowledged() {
    for (place, code, looks) in [
        (Place::Statement, ffi::SQLITE_CORRUPT, 1),
        (Place::Commit, ffi::SQLITE_CORRUPT, 1),
        (Place::Checkpoint, ffi::SQLITE_CORRUPT, 1),
        (Place::Checkpoint, ffi::SQLITE_IOERR_WRITE, 1),
        // A failed sync is final: no second look would tell what became of the pages.
        (Place::Checkpoint, ffi::SQLITE_IOERR_FSYNC, 0),
        (Place::Commit, ffi::SQLITE_IOERR_FSYNC, 0),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (failing, host) = (Arc::new(Failing::default()), Arc::new(Heard::default()));
        let store = open(dir.path(), &failing, &host);
        store.write(Put::new(1)).await.unwrap();
        failing.strike(place, code, 2);
        let second = store.write(Put::new(2)).await;
        // A checkpoint comes after the answer.
        assert_eq!(second.is_ok(), place == Place::Checkpoint, "{place:?} {code}: {second:?}");
        let is_temporary =
            |error: &StoreError| matches!(error, StoreError::Engine(error) if error.is_temporary());
        assert!(second.as_ref().err().is_none_or(is_temporary), "{second:?}");
        let third = store.write(Put::new(3)).await.unwrap_err();
        assert!(is_temporary(&third), "{third:?}");
        assert_eq!(store.counts().looks, looks, "{place:?} {code}");
        assert_eq!(host.0.load(Ordering::Relaxed), 1, "{place:?} {code}");
        let acknowledged = 1 + i64::from(second.is_ok());
        assert_eq!(store.read(&Count).await.unwrap(), acknowledged, "reading goes on");
        assert!(store.close().await.is_err());
        let store = open(dir.path(), &Arc::default(), &host);
        assert_eq!(store.read(&Count).await.unwrap(), acknowledged);
        store.write(Put::new(3)).await.unwrap();
    }
}

/// Writes garbage over these pages, counted from 1.
fn damage(dir: &Path, pages: impl Iterator<Item = u64>) {
    let file = std::fs::File::options().write(true).open(dir.join("store.db")).unwrap();
    pages.for_each(|page| file.write_all_at(&[0xa5; 4096], (page - 1) * 4096).unwrap());
}

fn assert_says_what_to_do(host: &Heard) {
    let said = host.1.lock().unwrap().clone();
    assert!(said.contains("posthorn store check") && said.contains("backup"), "{said}");
}

#[tokio::test]
async fn damage_stops_the_store_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (failing, host) = (Arc::new(Failing::default()), Arc::new(Heard::default()));
    let store = open(dir.path(), &failing, &host);
    store.write(Put { blob: 100_000, ..Put::new(1) }).await.unwrap();
    store.close().await.unwrap();
    let store = open(dir.path(), &failing, &host);
    let root = rusqlite::Connection::open(dir.path().join("store.db"))
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'operation'", [], |row| {
            row.get::<_, i64>(0)
        })
        .unwrap();
    damage(dir.path(), std::iter::once(root.unsigned_abs()));
    let refused = store.write(Put::new(2)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Engine(error) if error.is_temporary()), "{refused:?}");
    assert_eq!((store.counts().looks, host.0.load(Ordering::Relaxed)), (1, 1));
    assert_says_what_to_do(&host);
    let read = store.read(&Count).await.unwrap_err();
    assert!(matches!(read, StoreError::Engine(EngineError::Corrupt(_))), "{read:?}");
    assert!(store.write(Put::new(3)).await.is_err());
    assert!(store.close().await.is_err());
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_any_more_stops_the_store_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (failing, host) = (Arc::new(Failing::default()), Arc::new(Heard::default()));
    let store = open(dir.path(), &failing, &host);
    store.close().await.unwrap();
    let store = open(dir.path(), &failing, &host);
    let pages = std::fs::metadata(dir.path().join("store.db")).unwrap().len() / 4096;
    damage(dir.path(), 2..=pages);
    for tries in 1..=STORE_LOOKS_MAX {
        assert_eq!(host.0.load(Ordering::Relaxed), 0, "{tries}: a disk may come back");
        let refused = store.write(Put::new(2)).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Engine(e) if e.is_temporary()), "{refused:?}");
    }
    assert_eq!(host.0.load(Ordering::Relaxed), 1);
    assert_says_what_to_do(&host);
    assert!(store.close().await.is_err());
}
