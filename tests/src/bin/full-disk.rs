//! `full-disk DIR`, where DIR is an empty file system of 32 MiB: fills a store on it until nothing
//! goes in any more, makes room, goes on; then once more with a reserve. Ends with success when
//! everything was as promised.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: a panic is how it fails"
)]

use posthorn_base::AccountId;
use posthorn_store::mail::{ListMessages, Purge, Purgeable};
use posthorn_store::sqlite::Options;
use posthorn_store::{EngineError, StoreError};
use posthorn_testkit::SimRandom;
use posthorn_tests::durability::load::Telling;
use posthorn_tests::durability::office::options;
use posthorn_tests::durability::{Expected, Letter, Line, Office};
use std::path::Path;
use std::sync::Arc;

/// What stands in the way until room is made.
const BALLAST_BYTES: usize = 8 << 20;
/// What is to stay free in the second half.
const RESERVE_BYTES: u64 = 12 << 20;
/// So often in a row a small message is refused before the disk counts as full.
const REFUSALS: u32 = 20;

struct World {
    office: Arc<Office>,
    host: Arc<Telling>,
    accounts: Vec<AccountId>,
    expected: Expected,
    random: SimRandom,
    refused: u32,
}

impl World {
    async fn open(dir: &Path, reserve_bytes: u64) -> Self {
        let host = Arc::new(Telling::default());
        let options =
            Options { host: host.clone(), reserve_bytes, checkpoint_pages: 200, ..options(0) };
        let office = Arc::new(Office::open(&dir.join("store"), 0, options).unwrap());
        let accounts = office.found(3).await.unwrap();
        let (expected, random) = (Expected::default(), SimRandom::from_seed(5));
        World { office, host, accounts, expected, random, refused: 0 }
    }

    /// Offers one message; false when it was refused because the disk is full.
    async fn offer(&mut self, letter: Letter, copies: usize) -> bool {
        let arrival = self.office.id();
        let accounts = self.accounts.iter().take(copies).copied().collect::<Vec<_>>();
        let offered = Line::Offered { arrival, letter, accounts: accounts.clone(), queued: 1 };
        self.expected.hear(&offered);
        match self.office.accept(arrival, letter, &accounts, 1).await {
            Ok(_) => {
                self.expected.hear(&Line::Accepted(arrival));
                true
            }
            Err(StoreError::Engine(error)) if error.is_temporary() => {
                // Of SQLite's shared memory a full disk is an error of input and output.
                assert!(matches!(error, EngineError::Full | EngineError::Io(_)), "{error:?}");
                self.expected.hear(&Line::Refused(arrival, true));
                self.refused += 1;
                false
            }
            Err(error) => panic!("{error:?} is not temporary"),
        }
    }

    /// Messages of all sizes until even small ones are refused.
    async fn fill(&mut self) {
        let mut in_a_row = 0;
        while in_a_row < REFUSALS {
            let mut letter = Letter::draw(&mut self.random);
            if in_a_row > 0 {
                letter.size = 2000;
            }
            in_a_row = if self.offer(letter, 2).await { 0 } else { in_a_row + 1 };
            assert!(!self.host.has_stopped(), "a full disk does not stop the store");
        }
    }

    async fn judge(&mut self) {
        let judged = self.expected.judge(&self.office).await;
        judged.unwrap_or_else(|why| panic!("{why}"));
    }

    /// Expunges and purges everything of the first account, or says why it cannot.
    async fn empty_first(&mut self) -> Result<usize, StoreError> {
        let (office, account) = (Arc::clone(&self.office), self.accounts.first().copied().unwrap());
        let mailbox = office.inbox(account).await?;
        let list = ListMessages { account, mailbox, after: None, limit: 10_000 };
        let messages = office.engine.read(&list).await?;
        let arrivals = self.expected.arrivals(account);
        for uids in messages.chunks(50) {
            let uids = uids.iter().map(|message| message.uid).collect();
            arrivals
                .iter()
                .for_each(|arrival| self.expected.hear(&Line::Ending(*arrival, account)));
            let now = office.now();
            let expunge =
                posthorn_store::mail::Expunge { account, mailbox, uids, only_deleted: false, now };
            office.engine.write(expunge).await?;
        }
        let now = office.now();
        let mut purged = 0;
        loop {
            let what = Purgeable::EndedBefore(now);
            let purge = Purge { account, what, limit: 50, reason: "retention".into(), now };
            let step = office.engine.write(purge).await?;
            purged += step;
            if step < 50 {
                return Ok(purged);
            }
        }
    }
}

/// No reserve: the disk itself says when it is full.
async fn without_reserve(dir: &Path) {
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; BALLAST_BYTES]).unwrap();
    let mut world = World::open(dir, 0).await;
    world.fill().await;
    let full_at = world.expected.acknowledged();
    assert!(full_at > 20, "{full_at} messages fit");
    world.judge().await;
    // On a disk without a byte left expunging may be refused, too, and then for a while only.
    let emptied = world.empty_first().await;
    assert!(
        emptied.as_ref().is_ok_and(|count| *count > 10)
            || matches!(&emptied, Err(StoreError::Engine(error)) if error.is_temporary()),
        "{emptied:?}"
    );
    assert!(!world.host.has_stopped());
    world.judge().await;
    std::fs::remove_file(&ballast).unwrap();
    for _ in 0..20 {
        let letter = Letter { seed: 5, size: 150_000 };
        assert!(world.offer(letter, 2).await, "there is room again");
    }
    world.judge().await;
    let refused = world.refused;
    println!("{full_at} messages until it was full, {refused} refused; emptying: {emptied:?}");
    world.office.engine.close().await.unwrap();
}

/// With a reserve nothing new is taken long before, and what frees space still works.
async fn with_reserve(dir: &Path) {
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; BALLAST_BYTES]).unwrap();
    let mut world = World::open(dir, RESERVE_BYTES).await;
    assert!(world.office.engine.has_room());
    world.fill().await;
    assert!(!world.office.engine.has_room());
    let free = nix::sys::statvfs::statvfs(dir).unwrap();
    let free = free.blocks_available() * free.fragment_size();
    assert!(free > RESERVE_BYTES / 2, "only {free} bytes are free: the reserve was eaten up");
    let full_at = world.expected.acknowledged();
    assert!(full_at > 5, "{full_at} messages fit");
    assert!(world.empty_first().await.unwrap() > 5, "expunging and purging work");
    world.judge().await;
    std::fs::remove_file(&ballast).unwrap();
    assert!(world.office.engine.has_room());
    assert!(world.offer(Letter { seed: 5, size: 150_000 }, 3).await, "there is room again");
    world.judge().await;
    println!("{full_at} messages until the reserve was reached, {} refused", world.refused);
    world.office.engine.close().await.unwrap();
}

fn main() {
    let dir = std::env::args_os().nth(1).expect("a directory");
    let dir = Path::new(&dir);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        without_reserve(dir).await;
        std::fs::remove_dir_all(dir.join("store")).unwrap();
        with_reserve(dir).await;
    });
}
