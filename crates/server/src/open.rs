//! Opening the store: for the server, and for commands that find none running.

use crate::hub::Hub;
use crate::system::SystemRandom;
use posthorn_base::{Clock, limits};
use posthorn_store::backup::AfterRestore;
use posthorn_store::bodies::BodyFiles;
use posthorn_store::engine::Birth;
use posthorn_store::meta::{Meta, ReadMeta};
use posthorn_store::{Engine, postgres, sqlite};
pub use posthorn_store::{EngineError, StoreError};
use std::path::PathBuf;
use std::sync::Arc;

/// Which engine keeps the tables.
#[derive(Clone, PartialEq, Eq)]
pub enum EngineSettings {
    /// The embedded default.
    Sqlite {
        /// Free space below which nothing new is accepted.
        reserve_bytes: u64,
        /// Memory for pages of the database.
        cache_bytes: u64,
    },
    /// A PostgreSQL server. Its address may hold a password.
    Postgres {
        /// `postgres://...`
        address: String,
        /// Connections kept.
        connections: usize,
        /// Up to which schema the database may be changed, because a backup was made.
        migrate_to: i64,
    },
}

impl EngineSettings {
    /// The embedded engine with the defaults but for its reserve.
    pub fn sqlite(reserve_bytes: u64) -> Self {
        EngineSettings::Sqlite { reserve_bytes, cache_bytes: limits::SQLITE_CACHE_BYTES }
    }
}

impl std::fmt::Debug for EngineSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EngineSettings::Sqlite { .. } => f.write_str("Sqlite"),
            EngineSettings::Postgres { .. } => f.write_str("Postgres"),
        }
    }
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Its directory: database, body files, lock, control socket.
    pub dir: PathBuf,
    /// Its engine.
    pub engine: EngineSettings,
    /// Bodies of more octets than this go to files.
    pub inline_bytes_max: usize,
    /// Memory for mailboxes in use.
    pub views_memory: usize,
}

impl StoreSettings {
    /// A store in `dir`, with the defaults for all else.
    pub fn new(dir: PathBuf, engine: EngineSettings) -> Self {
        StoreSettings {
            dir,
            engine,
            inline_bytes_max: limits::INLINE_BODY_BYTES_MAX,
            views_memory: limits::VIEWS_BYTES_MAX,
        }
    }
}

/// A store that is open, by this process alone.
#[derive(Debug, Clone)]
pub struct OpenStore {
    /// The tables.
    pub engine: Arc<Engine>,
    /// The files of large bodies.
    pub files: BodyFiles,
    /// What the store says of itself.
    pub meta: Meta,
    /// Where its changes arrive.
    pub hub: Arc<Hub>,
}

impl OpenStore {
    /// Opens the store, makes it if there is none, brings its schema up to date.
    ///
    /// # Errors
    /// [`EngineError::Owned`] when another process has it, and whatever else is wrong with it.
    pub async fn open(settings: &StoreSettings, clock: &dyn Clock) -> Result<Self, StoreError> {
        let hub = Arc::new(Hub::new(settings.views_memory));
        let birth = Birth::draw(clock.now(), &mut SystemRandom);
        let engine = match &settings.engine {
            EngineSettings::Sqlite { reserve_bytes, cache_bytes } => {
                let mut options = sqlite::Options::new(birth);
                options.host = Arc::clone(&hub) as _;
                options.reserve_bytes = *reserve_bytes;
                options.cache_bytes = *cache_bytes;
                Engine::Sqlite(sqlite::Sqlite::open(&settings.dir, options)?)
            }
            EngineSettings::Postgres { address, connections, migrate_to } => {
                let mut options = postgres::Options::new(birth);
                options.host = Arc::clone(&hub) as _;
                options.connections = *connections;
                options.migrate_to = *migrate_to;
                Engine::Postgres(postgres::Postgres::open(address, options).await?)
            }
        };
        if engine.write(AfterRestore { now: clock.now() }).await? {
            tracing::warn!("this store came back from a backup: clients will read everything anew");
        }
        let files = BodyFiles::open(&settings.dir)?.with_inline_max(settings.inline_bytes_max);
        let meta = engine.read(&ReadMeta).await?;
        Ok(OpenStore { engine: Arc::new(engine), files, meta, hub })
    }

    /// Closes it. What was acknowledged is safe whether this succeeds or not.
    ///
    /// # Errors
    /// When the last checkpoint fails.
    pub async fn close(&self) -> Result<(), EngineError> {
        self.engine.close().await
    }
}

#[cfg(test)]
mod tests;
