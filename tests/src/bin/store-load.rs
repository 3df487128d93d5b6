//! A process that opens a store and fills it until it is through, killed, or cut off.
//!
//! `store-load DIR [NAME=NUMBER ...]`: `day`, `seed`, `accounts`, `tasks`, `steps`,
//! `checkpoint_pages`; `die_at_statement`, `die_at_commit`, `die_at_checkpoint`: the process kills
//! itself before the n-th; `heap_limit`: bytes that SQLite may have from statement `heap_limit_at`
//! on; `arm_at`: tells the recorder to strike from the n-th statement or commit to the one behind
//! it, and writes `DIR.places`: how many there were, and whether one was struck; `cache`: bytes of
//! page cache; `synchronous`: 0 for the control that must fail; `close`: 1 to close the store at
//! the end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "test code: a panic is how it fails"
)]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use posthorn_store::sqlite::{Faults, Options, rusqlite};
use posthorn_tests::durability::load::{self, Load, Telling};
use posthorn_tests::durability::office::{Office, options};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The arguments behind the directory.
struct Settings(HashMap<String, u64>);

impl Settings {
    fn parse(words: impl Iterator<Item = String>) -> Self {
        Settings(
            words
                .map(|word| {
                    let (name, number) = word.split_once('=').expect("NAME=NUMBER");
                    (name.to_owned(), number.parse().expect("a number"))
                })
                .collect(),
        )
    }
    fn find(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }
    fn get(&self, name: &str, default: u64) -> u64 {
        self.find(name).unwrap_or(default)
    }
    fn size(&self, name: &str, default: usize) -> usize {
        self.find(name).map_or(default, |number| usize::try_from(number).unwrap())
    }
}

/// Kills the process at a chosen step of the writer.
struct Dying {
    statement: Option<u64>,
    commit: Option<u64>,
    checkpoint: Option<u64>,
    synchronous: Option<u64>,
    heap_limit: Option<(u64, u64)>,
    arm_at: Option<u64>,
    dir: PathBuf,
    places: AtomicU64,
    has_struck: AtomicBool,
    commits: AtomicU64,
    checkpoints: AtomicU64,
}

impl Dying {
    fn new(settings: &Settings, dir: PathBuf) -> Self {
        Dying {
            arm_at: settings.find("arm_at"),
            dir,
            places: AtomicU64::new(0),
            has_struck: AtomicBool::new(false),
            statement: settings.find("die_at_statement"),
            commit: settings.find("die_at_commit"),
            checkpoint: settings.find("die_at_checkpoint"),
            synchronous: settings.find("synchronous"),
            heap_limit: settings.find("heap_limit_at").zip(settings.find("heap_limit")),
            commits: AtomicU64::new(0),
            checkpoints: AtomicU64::new(0),
        }
    }

    /// The next statement, commit or checkpoint begins, or a fresh connection is opened.
    fn place(&self) {
        let Some(at) = self.arm_at else { return };
        let nth = self.places.fetch_add(1, Ordering::Relaxed);
        // There are no such files: the recorder hears the names.
        let say = |word: &str| std::fs::remove_file(self.dir.join(word)).is_ok();
        match nth.checked_sub(at) {
            Some(0) => drop(say("arm")),
            Some(1) => self.has_struck.store(say("disarm"), Ordering::Relaxed),
            _ => {}
        }
    }

    fn write_places(&self) {
        if self.arm_at.is_some() {
            let places = self.places.load(Ordering::Relaxed);
            let struck = u8::from(self.has_struck.load(Ordering::Relaxed));
            std::fs::write(self.dir.with_extension("places"), format!("{places} {struck}"))
                .unwrap();
        }
    }
}

fn die_if(is_time: bool) {
    if is_time {
        kill(Pid::this(), Signal::SIGKILL).unwrap();
    }
}

impl Faults for Dying {
    fn opened(&self, connection: &rusqlite::Connection) {
        if let Some(level) = self.synchronous {
            connection.pragma_update(None, "synchronous", i64::try_from(level).unwrap()).unwrap();
        }
    }
    fn before_statement(
        &self,
        connection: &rusqlite::Connection,
        nth: u64,
    ) -> rusqlite::Result<()> {
        if let Some((at, bytes)) = self.heap_limit
            && at == nth
        {
            // It can only be lowered, for the whole process: that is why this is a process.
            let bytes = i64::try_from(bytes).unwrap();
            connection.pragma_update_and_check(None, "hard_heap_limit", bytes, |_| Ok(()))?;
        }
        self.place();
        die_if(self.statement == Some(nth));
        Ok(())
    }
    fn before_commit(&self, _: &rusqlite::Connection, _: usize) -> rusqlite::Result<()> {
        self.place();
        die_if(self.commit == Some(self.commits.fetch_add(1, Ordering::Relaxed)));
        Ok(())
    }
    fn before_look(&self) {
        self.place();
    }
    fn before_checkpoint(&self, _: &rusqlite::Connection) -> rusqlite::Result<()> {
        self.place();
        die_if(self.checkpoint == Some(self.checkpoints.fetch_add(1, Ordering::Relaxed)));
        Ok(())
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().expect("the store's directory"));
    let settings = Settings::parse(arguments);
    let day = u32::try_from(settings.get("day", 0)).unwrap();
    let load = Load {
        seed: settings.get("seed", 1),
        accounts: settings.size("accounts", 4),
        tasks: settings.size("tasks", 6),
        steps: settings.size("steps", usize::MAX),
    };
    let host = Arc::new(Telling::default());
    let dying = Arc::new(Dying::new(&settings, dir.clone()));
    let defaults = options(day);
    let pages = settings.get("checkpoint_pages", u64::from(defaults.checkpoint_pages));
    let options = Options {
        host: host.clone(),
        faults: Some(dying.clone()),
        checkpoint_pages: u32::try_from(pages).unwrap(),
        cache_bytes: settings.get("cache", defaults.cache_bytes),
        ..defaults
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let office = Arc::new(Office::open(&dir, day, options).expect("the store opens"));
    runtime.block_on(async {
        load::run(Arc::clone(&office), host, load).await;
        if settings.get("close", 0) == 1
            && let Err(error) = office.engine.close().await
        {
            eprintln!("closing: {error}");
        }
    });
    dying.write_places();
    // As a killed process: nothing is tidied up.
    std::process::exit(0);
}
