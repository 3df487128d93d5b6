//! How fast the embedded engine commits, and what an operation costs: `cargo run --release
//! --example store_commit [SUBMITTERS] [SECONDS] [BODY_BYTES]`.
//!
//! Each operation writes what one accepted message writes: two batches, nine statements, a body
//! that is encoded on the submitting side. It prints figures of this machine and asserts nothing.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for people")]

use bytes::Bytes;
use posthorn_base::{BodyId, Random, Time};
use posthorn_store::bodies::{BodyFiles, BodyWriter};
use posthorn_store::mail::{Location, NewBody};
use posthorn_store::sqlite::{Options, Sqlite};
use posthorn_store::{Birth, Operation, StoreError, Tx, stmt};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Setup;

impl Operation for Setup {
    type Output = ();
    const NAME: &'static str = "setup";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.run(vec![stmt!(
            "INSERT INTO mailbox (account_id, mailbox_id, name, role, uidvalidity, uidnext, \
                   recent_from, highest_modseq, modseq, created_modseq, vanished_floor, total, \
                   unseen, deleted, bytes, created_at) \
                   VALUES (1, 1, ?1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0)",
            "INBOX"
        )])
        .await?;
        Ok(())
    }
}

struct Accept {
    id: i64,
    body: NewBody,
}

impl Operation for Accept {
    type Output = i64;
    const NAME: &'static str = "accept";

    fn bytes(&self) -> usize {
        match &self.body.location {
            Location::Inline(data) => data.len() + 1024,
            Location::File(_) | Location::Object(_) => 1024,
        }
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let rows = tx
            .one(stmt!(
                "UPDATE mailbox SET uidnext = uidnext + 1, highest_modseq = highest_modseq + 1, \
                 total = total + 1, unseen = unseen + 1, bytes = bytes + ?1 \
                 WHERE account_id = 1 AND mailbox_id = 1 RETURNING uidnext, highest_modseq",
                self.body.size as i64
            ))
            .await?;
        let row = rows.first().ok_or_else(|| StoreError::missing("mailbox", 1))?;
        let (uid, modseq): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (data, name) = match &self.body.location {
            Location::Inline(data) => (Some(data.clone()), None),
            Location::File(name) | Location::Object(name) => (None, Some(name.as_str())),
        };
        let small = Bytes::from_static(&[7; 200]);
        tx.run(vec![
            stmt!(
                "INSERT INTO body (body_id, arrival_id, prefix, size, hash, codec, key_id, \
                 location, frames, data, name, refs, created_at) \
                 VALUES (?1, ?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, 1, 0)",
                self.id,
                self.body.prefix.clone(),
                self.body.size as i64,
                self.body.hash.as_slice(),
                self.body.codec,
                i64::from(data.is_none()),
                self.body.frames.clone(),
                data,
                name
            ),
            stmt!(
                "INSERT INTO email (account_id, email_id, body_id, arrival_id, thread_id, size, \
                 received_at, received_zone, created_modseq, map_version, part_map, \
                 envelope) VALUES (1, ?1, ?1, ?1, ?1, ?2, ?3, 0, ?4, 1, ?5, ?6)",
                self.id,
                self.body.size as i64,
                Time::EPOCH,
                modseq,
                small.clone(),
                small.clone()
            ),
            stmt!(
                "INSERT INTO placement (account_id, mailbox_id, uid, email_id, modseq, \
                 created_modseq, flags, size, saved_at) VALUES (1, 1, ?1, ?2, ?3, ?3, 0, ?4, 0)",
                uid,
                self.id,
                modseq,
                self.body.size as i64
            ),
            stmt!(
                "INSERT INTO email_text (account_id, email_id, version, codec, key_id, size, data) \
                 VALUES (1, ?1, 1, 1, 0, 200, ?2)",
                self.id,
                small.clone()
            ),
            stmt!(
                "INSERT INTO thread_ref (account_id, hash, thread_id, seen_at) \
                 VALUES (1, ?1, ?2, 0)",
                self.id.wrapping_mul(0x5851_F42D_4C95_7F2D),
                self.id
            ),
            stmt!(
                "INSERT INTO story (arrival_id, day, at, kind, size, data) \
                 VALUES (?1, 1, 1, 1, 200, ?2)",
                self.id,
                small
            ),
            stmt!(
                "INSERT INTO story_pointer (account_id, arrival_id, role) VALUES (1, ?1, 2)",
                self.id
            ),
        ])
        .await?;
        Ok(uid)
    }
}

struct ReadOne(i64);

impl Operation for ReadOne {
    type Output = Option<Bytes>;
    const NAME: &'static str = "read one";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Bytes>, StoreError> {
        let rows = tx.one(stmt!("SELECT data FROM body WHERE body_id = ?1", self.0)).await?;
        Ok(rows.first().ok_or_else(|| StoreError::missing("body", self.0))?.get(0)?)
    }
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let ticks: u64 =
        behind.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Words of all lengths: compresses about as mail does.
fn text(size: usize, seed: i64) -> Vec<u8> {
    let mut state = seed.unsigned_abs() | 1;
    let mut out = Vec::with_capacity(size);
    while out.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = (state % 5000) * 7_919;
        out.extend_from_slice(format!("{word:x} ").as_bytes());
    }
    out.truncate(size);
    out
}

#[tokio::main]
async fn main() {
    let arguments: Vec<u64> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let argument = |at: usize, default: u64| arguments.get(at).copied().unwrap_or(default);
    let submitters = argument(0, 32);
    let seconds = argument(1, 3);
    let size = usize::try_from(argument(2, 4096)).expect("a size");
    let dir = tempfile::tempdir().expect("a directory");
    let options =
        Options { reserve_bytes: 0, ..Options::new(Birth::draw(Time::EPOCH, &mut Zeros)) };
    let store = Arc::new(Sqlite::open(dir.path(), options).expect("a store"));
    let files = BodyFiles::open(dir.path()).expect("a folder").with_inline_max(usize::MAX);
    store.write(Setup).await.expect("a mailbox");

    let before = cpu();
    let rounds = 20_000;
    let octets = text(size, 1);
    for round in 1..=rounds {
        let id = BodyId::new((1 << 40) + round).expect("positive");
        let mut writer = BodyWriter::new(&files, id);
        writer.push(&octets).expect("encoded");
        std::hint::black_box(writer.finish(Bytes::new()).expect("encoded"));
    }
    let encode = (cpu() - before) / u32::try_from(rounds).expect("few");
    println!("encode: {encode:?} CPU per body of {size} bytes");

    let next = Arc::new(AtomicI64::new(1));
    let end = Instant::now() + Duration::from_secs(seconds);
    let (before, start) = (cpu(), Instant::now());
    let mut tasks = Vec::new();
    for _ in 0..submitters {
        let (store, files, next) = (Arc::clone(&store), files.clone(), Arc::clone(&next));
        let octets = text(size, 1);
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                let id = next.fetch_add(1, Ordering::Relaxed);
                let body = BodyId::new(id).expect("positive");
                let body =
                    BodyWriter::encode(&files, body, &octets, Bytes::new()).expect("encoded");
                store.write(Accept { id, body }).await.expect("accepted");
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let (took, used) = (start.elapsed(), cpu() - before);
    let done = next.load(Ordering::Relaxed) - 1;
    let counts = store.counts();
    println!(
        "accept: {:.0} operations/s, {:.1} operations a commit, {:.0} us CPU each",
        done as f64 / took.as_secs_f64(),
        counts.operations as f64 / counts.commits as f64,
        used.as_secs_f64() * 1e6 / done as f64,
    );

    let before = cpu();
    for round in 0..rounds {
        store.read(&ReadOne(1 + round * 7919 % done)).await.expect("read");
    }
    let read = (cpu() - before) / u32::try_from(rounds).expect("few");
    println!("read: {read:?} CPU each");
    store.close().await.expect("closed");
}
