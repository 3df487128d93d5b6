//! What the writer does after it has answered: checkpoints, and giving free pages back.
//!
//! Checkpoints run here and nowhere else (`wal_autocheckpoint=0`, none on close), so none happens
//! inside a commit and no two connections ever checkpoint at once.

use super::session::Session;
use crate::EngineError;
use posthorn_base::limits::WAL_BYTES_MAX;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes of a page in the log: the page and its header.
const WAL_FRAME_BYTES: u64 = super::connection::PAGE_BYTES as u64 + 24;
/// Pages that one step gives back: 2,000 at once took up to 0.6 s.
const VACUUM_STEP_PAGES: u32 = 200;
/// Free pages that stay for the next messages.
const FREE_PAGES_KEPT: i64 = 4096;

/// Counts the log's pages through SQLite's hook.
pub(super) struct Housekeeping {
    wal_pages: Arc<AtomicU32>,
    /// By how many pages the log grows between checkpoints.
    checkpoint_pages: u32,
    /// The log's pages at the last checkpoint.
    done_at: u32,
    /// Set when something may have been deleted since the last look at the free list.
    look: bool,
}

impl Housekeeping {
    pub(super) fn install(
        connection: &mut Connection,
        checkpoint_pages: u32,
    ) -> rusqlite::Result<Self> {
        let wal_pages = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&wal_pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            count.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Housekeeping { wal_pages, checkpoint_pages, done_at: 0, look: true })
    }

    /// Checkpoints when the log has grown by so many pages since the last time.
    ///
    /// # Errors
    /// Only those after which the store must not simply go on: I/O failed, or the file is damaged.
    pub(super) fn after_commit(&mut self, session: &Session) -> Result<(), EngineError> {
        self.look = true;
        let pages = self.wal_pages.load(Ordering::Relaxed);
        if pages < self.done_at {
            // The log started again from its beginning.
            self.done_at = 0;
        }
        if pages.saturating_sub(self.done_at) < self.checkpoint_pages {
            return Ok(());
        }
        self.done_at = pages;
        let mode = if u64::from(pages) * WAL_FRAME_BYTES > WAL_BYTES_MAX {
            CheckpointMode::TRUNCATE
        } else {
            CheckpointMode::PASSIVE
        };
        checkpoint(session, mode)
    }

    /// Gives back some free pages; true when there may be more to do.
    ///
    /// # Errors
    /// As [`Housekeeping::after_commit`].
    pub(super) fn idle_step(&mut self, session: &Session) -> Result<bool, EngineError> {
        if !self.look {
            return Ok(false);
        }
        self.look = false;
        const SQL: &str = "PRAGMA freelist_count";
        let free: i64 = session
            .connection
            .prepare_cached(SQL)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| session.failed(error, SQL))
            .or_else(tolerate)?;
        if free <= FREE_PAGES_KEPT {
            return Ok(false);
        }
        vacuum_step(session).map_err(|error| session.failed(error, "vacuum")).or_else(tolerate)?;
        self.after_commit(session)?;
        Ok(true)
    }

    /// Checkpoints, however much there is to do.
    ///
    /// # Errors
    /// As [`Housekeeping::after_commit`].
    pub(super) fn checkpoint_now(session: &Session) -> Result<(), EngineError> {
        checkpoint(session, CheckpointMode::PASSIVE)
    }

    /// Moves the whole log into the database and empties it: at the end.
    pub(super) fn truncate(session: &Session) -> Result<(), EngineError> {
        checkpoint(session, CheckpointMode::TRUNCATE)
    }
}

/// The statement answers a row for each page, and stops when nobody asks for the next one.
fn vacuum_step(session: &Session) -> rusqlite::Result<()> {
    let sql = format!("PRAGMA incremental_vacuum({VACUUM_STEP_PAGES})");
    let mut statement = session.connection.prepare_cached(&sql)?;
    let mut pages = statement.raw_query();
    while pages.next()?.is_some() {}
    Ok(())
}

fn checkpoint(session: &Session, mode: CheckpointMode) -> Result<(), EngineError> {
    session.checkpoint(mode).or_else(tolerate)
}

/// A reader in the way or a full disk: the log stays as it is, and the next time may do.
fn tolerate<T: Default>(error: EngineError) -> Result<T, EngineError> {
    match error {
        EngineError::Io(_) | EngineError::Corrupt(_) => Err(error),
        EngineError::Retry => {
            tracing::debug!("a reader is in the way of a checkpoint");
            Ok(T::default())
        }
        error => {
            tracing::warn!(%error, "housekeeping put off");
            Ok(T::default())
        }
    }
}
