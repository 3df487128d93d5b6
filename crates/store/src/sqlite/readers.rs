//! A small pool of connections that only read.
//!
//! A read runs where it is asked for, without a thread of its own: the typical one takes ten
//! microseconds, less than handing it to another thread and back. Waiting happens before a
//! connection is taken, never while it is held, so no client can keep a snapshot open, and with it
//! the log.
//!
//! When SQLite calls the database malformed, the read is made once more on a fresh connection: it
//! says the same of a page that the disk did not give (see [`super::doubt`]).

use super::connection;
use super::session::{Running, Session};
use crate::seam::{Operation, drive};
use crate::{EngineError, StoreError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;

pub(super) struct Readers {
    permits: Semaphore,
    path: PathBuf,
    cache: u64,
    count: u32,
    idle: Mutex<Vec<Session>>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: u32, cache: u64) -> Result<Self, EngineError> {
        let idle = (0..count)
            .map(|_| {
                connection::reader(path, cache).map(|connection| Session::new(connection, None))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let permits = Semaphore::new(idle.len());
        let path = path.to_owned();
        Ok(Readers { permits, path, cache, count, idle: Mutex::new(idle) })
    }

    /// Runs the operation on one snapshot.
    pub(super) async fn read<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        let _permit = self.permits.acquire().await.map_err(|_| closed())?;
        self.read_now(operation)
    }

    fn read_now<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        let session = self.idle().pop().ok_or_else(closed)?;
        let mut lent = Lent { readers: self, session: Some(session) };
        let Some(session) = lent.session.as_mut() else { return Err(closed().into()) };
        if !session.is_in_doubt() {
            let result = Self::read_on(session, operation);
            if !session.is_in_doubt() {
                return result;
            }
            tracing::warn!("SQLite calls the database malformed: what was asked is read anew");
        }
        session.replace(connection::reader(&self.path, self.cache)?);
        Self::read_on(session, operation)
    }

    fn read_on<O: Operation>(
        session: &mut Session,
        operation: &O,
    ) -> Result<O::Output, StoreError> {
        session.begin("BEGIN")?;
        let mut running = Running::new(session);
        let (result, _) = drive(operation, &mut running);
        match running.into_failure() {
            Some(error) if result.is_ok() => Err(error.into()),
            _ => result,
        }
    }

    /// Waits for the readers that run, then closes all.
    pub(super) async fn close(&self) {
        // Fails only when it was closed before.
        if let Ok(all) = self.permits.acquire_many(self.count).await {
            self.permits.close();
            self.idle().clear();
            drop(all);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("count", &self.count).finish_non_exhaustive()
    }
}

fn closed() -> EngineError {
    EngineError::Unavailable("the store is closed".into())
}

/// A connection on loan: comes back with its snapshot ended, whatever happened to the borrower.
struct Lent<'a> {
    readers: &'a Readers,
    session: Option<Session>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.rollback();
            self.readers.idle().push(session);
        }
    }
}
