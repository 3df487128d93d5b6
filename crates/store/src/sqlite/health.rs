//! Whether the store still writes, and what it counted.

use crate::EngineError;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shared by the writer and those who ask.
#[derive(Debug, Default)]
pub(super) struct Health {
    poison: OnceLock<String>,
    commits: AtomicU64,
    operations: AtomicU64,
    reruns: AtomicU64,
    looks: AtomicU64,
}

/// What the writer did since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterCounts {
    /// Transactions committed.
    pub commits: u64,
    /// Operations in them, those that were refused by themselves included.
    pub operations: u64,
    /// Transactions that were lost around their members.
    pub reruns: u64,
    /// Times that the database was read anew, on a fresh connection, because SQLite called it
    /// malformed or a checkpoint failed.
    pub looks: u64,
}

impl Health {
    /// True for the first one to say so.
    pub(super) fn poison(&self, error: &EngineError) -> bool {
        self.poison.set(error.to_string()).is_ok()
    }

    /// What every write is refused with, once the store is poisoned.
    pub(super) fn poisoned(&self) -> Option<EngineError> {
        self.poison.get().map(|why| {
            EngineError::Unavailable(format!("it stopped after an error and must restart: {why}"))
        })
    }

    pub(super) fn count_commit(&self, operations: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        let operations = u64::try_from(operations).unwrap_or(u64::MAX);
        self.operations.fetch_add(operations, Ordering::Relaxed);
    }

    pub(super) fn count_rerun(&self) {
        self.reruns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_look(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> WriterCounts {
        WriterCounts {
            commits: self.commits.load(Ordering::Relaxed),
            operations: self.operations.load(Ordering::Relaxed),
            reruns: self.reruns.load(Ordering::Relaxed),
            looks: self.looks.load(Ordering::Relaxed),
        }
    }
}
