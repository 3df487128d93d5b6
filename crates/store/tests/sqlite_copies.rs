//! Copies of a store that serves, questions of operators, and body files that nobody knows.

#![cfg(test)]

mod support;

use bytes::Bytes;
use posthorn_base::limits::BODY_FILE_GRACE;
use posthorn_base::{ArrivalId, BodyId, IdSource, Time};
use posthorn_store::bodies::{BodyFiles, BodyWriter, sweep_orphans};
use posthorn_store::mail::{Location, NewBody, ReadQueuedBody};
use posthorn_store::sqlite::{Cell, Sqlite};
use posthorn_store::{Engine, EngineError, Operation, StoreError, Tx, stmt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Count, Put, Seeded, options};

const DAY: Time = Time::from_seconds(1_795_425_540);

/// Writes the row of a body, or the name of its file into the list of those that wait.
struct Keep {
    body: NewBody,
    row: bool,
}

impl Operation for Keep {
    type Output = ();
    const NAME: &'static str = "keep";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let Location::File(name) = &self.body.location else { panic!("a file") };
        let statement = if self.row {
            stmt!(
                "INSERT INTO body (body_id, arrival_id, prefix, size, hash, codec, key_id, \
                 location, frames, name, refs, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 1, ?7, ?8, 1, 0)",
                self.body.id,
                ArrivalId::new(1).unwrap(),
                self.body.prefix.clone(),
                i64::try_from(self.body.size).unwrap(),
                self.body.hash.as_slice(),
                self.body.codec,
                self.body.frames.clone(),
                name.as_str()
            )
        } else {
            stmt!(
                "INSERT INTO body_sweep (name, location, due_at) VALUES (?1, 1, 0)",
                name.as_str()
            )
        };
        tx.one(statement).await?;
        Ok(())
    }
}

struct Forget(BodyId);

impl Operation for Forget {
    type Output = ();
    const NAME: &'static str = "forget";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!("DELETE FROM body WHERE body_id = ?1", self.0)).await?;
        Ok(())
    }
}

fn body(files: &BodyFiles, ids: &mut IdSource, at: Time) -> NewBody {
    let id = ids.next(at, &mut Seeded(3));
    BodyWriter::encode(files, id, &vec![7; 200_000], Bytes::from_static(b"x: y\r\n")).unwrap()
}

#[tokio::test]
async fn a_snapshot_while_writing_is_a_whole_store() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Arc::new(Sqlite::open(dir.path(), options()).unwrap());
    let files = BodyFiles::open(dir.path()).unwrap();
    let mut ids = IdSource::new();
    let (kept, gone) = (body(&files, &mut ids, DAY), body(&files, &mut ids, DAY));
    for body in [&kept, &gone] {
        store.write(Keep { body: body.clone(), row: true }).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut id = 0;
            while !stop.load(Ordering::Relaxed) {
                store.write(Put { blob: 5000, ..Put::new(id) }).await.unwrap();
                id += 1;
            }
            id
        }
    });
    while store.counts().commits < 50 {
        tokio::task::yield_now().await;
    }
    let first = store.snapshot(&files, to.path()).await.unwrap();
    assert_eq!((first.files_copied, first.files_kept, first.files_removed), (2, 0, 0));
    store.write(Forget(gone.id)).await.unwrap();
    let second = store.snapshot(&files, to.path()).await.unwrap();
    assert_eq!((second.files_copied, second.files_kept, second.files_removed), (0, 1, 1));
    stop.store(true, Ordering::Relaxed);
    let written = writing.await.unwrap();

    let mode = to.path().join("store.db").metadata().unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);

    // In use it is never written over.
    let refused = store.snapshot(&files, dir.path()).await.unwrap_err();
    assert!(matches!(refused, EngineError::Owned(_)), "{refused:?}");

    let copy = Engine::Sqlite(Sqlite::open(to.path(), options()).unwrap());
    let count = copy.read(&Count).await.unwrap();
    assert!((40..=written).contains(&count), "{count} of {written}");
    let meta = copy.read(&posthorn_store::meta::ReadMeta).await.unwrap();
    assert_eq!(meta.restores, 1);
    let body = copy.read(&ReadQueuedBody(kept.id)).await.unwrap();
    let files = BodyFiles::open(to.path()).unwrap();
    let reader = posthorn_store::bodies::BodyReader::open(&body, &files).unwrap();
    reader.verify(&body.prefix, &body.hash).unwrap();
}

#[tokio::test]
async fn a_missing_file_is_no_silent_gap_in_a_snapshot() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Sqlite::open(dir.path(), options()).unwrap();
    let files = BodyFiles::open(dir.path()).unwrap();
    let lost = body(&files, &mut IdSource::new(), DAY);
    store.write(Keep { body: lost.clone(), row: true }).await.unwrap();
    files.remove(&BodyFiles::name(lost.id)).unwrap();
    let refused = store.snapshot(&files, to.path()).await.unwrap_err();
    assert!(matches!(refused, EngineError::Corrupt(what) if what.contains("missing")));
}

#[tokio::test]
async fn the_sweep_takes_only_what_nobody_can_need() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::Sqlite(Sqlite::open(dir.path(), options()).unwrap());
    let files = BodyFiles::open(dir.path()).unwrap();
    let mut ids = IdSource::new();
    let [with_row, waiting, orphan, young] = [
        body(&files, &mut ids, DAY),
        body(&files, &mut ids, DAY),
        body(&files, &mut ids, DAY),
        body(&files, &mut ids, DAY + BODY_FILE_GRACE),
    ];
    engine.write(Keep { body: with_row.clone(), row: true }).await.unwrap();
    engine.write(Keep { body: waiting.clone(), row: false }).await.unwrap();
    let now = DAY + BODY_FILE_GRACE + std::time::Duration::from_secs(1);
    assert_eq!(sweep_orphans(&engine, &files, DAY + BODY_FILE_GRACE).await.unwrap(), 0);
    let hold = files.hold();
    assert_eq!(sweep_orphans(&engine, &files, now).await.unwrap(), 0, "a backup runs");
    drop(hold);
    assert_eq!(sweep_orphans(&engine, &files, now).await.unwrap(), 1);
    let mut left = files.list().unwrap();
    left.sort_unstable();
    assert_eq!(left, [with_row.id, waiting.id, young.id]);
    assert!(!left.contains(&orphan.id));
}

#[tokio::test]
async fn questions_read_and_only_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path(), options()).unwrap();
    store.write(Put { blob: 3, ..Put::new(5) }).await.unwrap();
    let ask = async |sql: &str| store.sql(sql.into()).await;
    let table =
        ask("SELECT operation_id AS id, result, at / 2.0, 'x' FROM operation").await.unwrap();
    assert_eq!(table.columns, ["id", "result", "at / 2.0", "'x'"]);
    let row = [Cell::Int(5), Cell::Bytes(vec![7; 3]), Cell::Real(0.0), Cell::Text("x".into())];
    assert_eq!(table.rows, [row]);
    assert!(!table.cut);
    let table = ask("SELECT secret, schema FROM meta").await.unwrap();
    assert_eq!(table.rows, [[Cell::Null, Cell::Int(1)]], "secrets are not shown");
    assert_eq!(ask("PRAGMA table_info(job)").await.unwrap().rows.len(), 3);
    for refused in [
        "DELETE FROM operation",
        "UPDATE meta SET schema = 2",
        "CREATE TEMP TABLE t (a)",
        "ATTACH 'other.db' AS other",
        "PRAGMA query_only = 0",
        "PRAGMA wal_checkpoint",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "BEGIN",
        "SELECT 1; SELECT 2",
        "no words of ours",
    ] {
        let error = ask(refused).await.unwrap_err();
        assert!(matches!(error, EngineError::Statement { .. }), "{refused}: {error:?}");
    }
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    let table = ask(endless).await.unwrap();
    assert!(table.cut && table.rows.len() == posthorn_base::limits::SQL_ROWS_MAX);
    assert_eq!(store.read(&Count).await.unwrap(), 1);
}
