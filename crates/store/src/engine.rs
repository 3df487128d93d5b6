//! The engines under the seam, as the domain sees them: write an operation, read an operation.
//!
//! Invariants
//! * [`Engine::write`] answers success only after the commit is on stable storage.
//! * [`Host::publish`] is called after the commit and before the answer, on SQLite in commit order.
//! * After [`Host::fatal`] the engine writes nothing more: only a restart recovers.

use crate::postgres::Postgres;
use crate::seam::{Change, Operation};
use crate::sqlite::Sqlite;
use crate::{EngineError, StoreError};
use posthorn_base::{Random, Time};

/// What an engine tells its surroundings. Called from the engine's threads: it must not wait.
pub trait Host: Send + Sync + 'static {
    /// These changes are committed.
    fn publish(&self, changes: &[Change]);

    /// The store can no longer be trusted to write (a failed fsync, a panic): the process is to
    /// stop accepting, exit and be started again. Nothing that was acknowledged is lost.
    fn fatal(&self, error: &EngineError);
}

/// A host that nobody listens at: for commands that run without a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Host for Alone {
    fn publish(&self, _: &[Change]) {}
    fn fatal(&self, error: &EngineError) {
        tracing::error!(%error, "the store has stopped writing");
    }
}

/// What a new store is born with. An existing store keeps its own.
#[derive(Clone)]
pub struct Birth {
    pub(crate) created_at: Time,
    pub(crate) store_id: i64,
    pub(crate) secret: [u8; 32],
}

impl Birth {
    /// Draws the id and the secret of a store that may have to be made. `random` must be
    /// cryptographically strong.
    pub fn draw(now: Time, random: &mut dyn Random) -> Self {
        let mut secret = [0; 32];
        random.fill(&mut secret);
        let store_id = i64::try_from(random.u64() >> 1).unwrap_or(i64::MAX).max(1);
        Birth { created_at: now, store_id, secret }
    }
}

impl std::fmt::Debug for Birth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Birth").field("store_id", &self.store_id).finish_non_exhaustive()
    }
}

/// One of the engines.
#[derive(Debug)]
pub enum Engine {
    /// The embedded default.
    Sqlite(Sqlite),
    /// For several machines.
    Postgres(Postgres),
}

impl Engine {
    /// Runs the operation in a transaction and answers after its commit. When the caller stops
    /// waiting, the operation is carried out all the same.
    ///
    /// # Errors
    /// The operation's own, or [`StoreError::Engine`]; after any of them nothing was changed,
    /// except for [`EngineError::Ambiguous`], after which it is unknown.
    pub async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.write(operation).await,
            // Boxed: its state is ten times SQLite's, and would stand in every task that waits
            // here.
            Engine::Postgres(postgres) => Box::pin(postgres.write(operation)).await,
        }
    }

    /// Runs the operation on one consistent snapshot, which it cannot change.
    ///
    /// # Errors
    /// The operation's own, or [`StoreError::Engine`].
    pub async fn read<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.read(operation).await,
            Engine::Postgres(postgres) => Box::pin(postgres.read(operation)).await,
        }
    }

    /// False when free space is below the reserve: nothing new is to be accepted (452 4.3.1).
    pub fn has_room(&self) -> bool {
        match self {
            Engine::Sqlite(sqlite) => sqlite.has_room(),
            // The database's own affair: it refuses with EngineError::Full.
            Engine::Postgres(_) => true,
        }
    }

    /// Carries out what waits, then closes; later calls answer [`EngineError::Unavailable`].
    ///
    /// # Errors
    /// When the last checkpoint fails. What was acknowledged is safe all the same.
    pub async fn close(&self) -> Result<(), EngineError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => {
                postgres.close().await;
                Ok(())
            }
        }
    }
}
