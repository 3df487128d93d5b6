//! The embedded engine: SQLite in WAL mode with `synchronous=FULL`, one writer thread that commits
//! in groups, a small pool of readers.
//!
//! Invariants
//! * One process owns the directory, by a lock that the system releases when it dies.
//! * Only the writer thread writes and checkpoints.
//! * A read never waits for a write, nor a write for a read.

mod connection;
mod directory;
mod doubt;
mod error;
mod fault;
mod health;
mod housekeeping;
mod job;
mod migrate;
mod query;
mod readers;
mod session;
mod set;
mod snapshot;
mod space;
mod writer;

pub use fault::Faults;
pub use health::WriterCounts;
pub use query::{Cell, Table};
/// For those who implement [`Faults`].
pub use rusqlite;
pub use snapshot::Snapshot;

use crate::bodies::BodyFiles;
use crate::engine::{Alone, Birth, Host};
use crate::schema::MIGRATIONS;
use crate::seam::Operation;
use crate::{EngineError, StoreError};
use connection::CacheSizes;
use doubt::Looking;
use health::Health;
use housekeeping::Housekeeping;
use job::Write;
use posthorn_base::limits::{
    CHECKPOINT_PAGES, DISK_RESERVE_BYTES, GROUP_OPERATIONS_MAX, SQLITE_CACHE_BYTES, STORE_READERS,
};
use readers::Readers;
use session::Session;
use space::Space;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use writer::{Message, Writer};

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// What a new store is born with.
    pub birth: Birth,
    /// Who hears of commits and of the end.
    pub host: Arc<dyn Host>,
    /// Connections that read.
    pub readers: u32,
    /// Free space below which nothing new is accepted.
    pub reserve_bytes: u64,
    /// Memory for pages of the database, all connections together.
    pub cache_bytes: u64,
    /// By how many pages the log grows between checkpoints.
    pub checkpoint_pages: u32,
    /// Faults to provoke; none in production.
    pub faults: Option<Arc<dyn Faults>>,
}

impl Options {
    /// The defaults, with nobody listening.
    pub fn new(birth: Birth) -> Self {
        Options {
            birth,
            host: Arc::new(Alone),
            readers: STORE_READERS,
            reserve_bytes: DISK_RESERVE_BYTES,
            cache_bytes: SQLITE_CACHE_BYTES,
            checkpoint_pages: CHECKPOINT_PAGES,
            faults: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("readers", &self.readers)
            .field("reserve_bytes", &self.reserve_bytes)
            .finish_non_exhaustive()
    }
}

/// An open store. Close it with [`Sqlite::close`]; dropped, it closes by itself a little later.
#[derive(Debug)]
pub struct Sqlite {
    dir: PathBuf,
    to_writer: mpsc::Sender<Message>,
    readers: Readers,
    health: Arc<Health>,
    space: Arc<Space>,
}

impl Sqlite {
    /// Opens the store in `dir`, makes it if there is none, brings its schema up to date.
    ///
    /// # Errors
    /// [`EngineError::Owned`] when another process has it, [`EngineError::TooNew`] when it needs a
    /// newer release, or what the system says.
    pub fn open(dir: &Path, options: Options) -> Result<Self, EngineError> {
        let lock = directory::own(dir)?;
        let path = directory::database(dir);
        let readers = options.readers.max(1);
        let caches = CacheSizes::of(options.cache_bytes, readers).for_file(&path);
        let mut connection = connection::writer(&path, caches.writer)?;
        migrate::migrate(&mut connection, dir, MIGRATIONS, &options.birth)?;
        let housekeeping = Housekeeping::install(&mut connection, options.checkpoint_pages)
            .map_err(|error| error::engine_error(error, "open"))?;
        if let Some(faults) = &options.faults {
            faults.opened(&connection);
        }
        let readers = Readers::open(&path, readers, caches.reader)?;
        let health = Arc::new(Health::default());
        let space = Arc::new(Space { dir: dir.to_owned(), reserve_bytes: options.reserve_bytes });
        // Twice a group may wait; more would only hold memory.
        let (to_writer, inbox) = mpsc::channel(2 * GROUP_OPERATIONS_MAX);
        let writer = Writer {
            session: Session::new(connection, options.faults),
            inbox,
            host: options.host,
            health: Arc::clone(&health),
            space: Arc::clone(&space),
            housekeeping,
            looking: Looking {
                path,
                cache: caches.writer,
                checkpoint_pages: options.checkpoint_pages,
                is_second: false,
                in_vain: 0,
            },
            lock,
        };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(|| writer.serve())
            .map_err(|error| EngineError::Io(format!("the writer's thread: {error}")))?;
        Ok(Sqlite { dir: dir.to_owned(), to_writer, readers, health, space })
    }

    /// The store's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// See [`Engine::write`](crate::Engine::write).
    ///
    /// # Errors
    /// As there.
    pub async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        if let Some(error) = self.health.poisoned() {
            return Err(error.into());
        }
        let gone = || match self.health.poisoned() {
            Some(error) => error,
            None => EngineError::Unavailable("the store is closed".into()),
        };
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write::new(operation, reply));
        self.to_writer.send(Message::Run(job)).await.map_err(|_| gone())?;
        match answer.await {
            Ok(result) => result,
            Err(_) => Err(gone().into()),
        }
    }

    /// See [`Engine::read`](crate::Engine::read).
    ///
    /// # Errors
    /// As there.
    pub async fn read<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        self.readers.read(operation).await
    }

    /// See [`Engine::has_room`](crate::Engine::has_room).
    pub fn has_room(&self) -> bool {
        self.space.has_room()
    }

    /// Answers an operator's question: one statement that reads. Secrets read as NULL.
    ///
    /// # Errors
    /// [`EngineError::Statement`] when it is no statement that reads, [`EngineError::Unavailable`]
    /// when it runs too long.
    pub async fn sql(&self, query: String) -> Result<Table, EngineError> {
        let path = directory::database(&self.dir);
        blocking(move || query::ask(&path, &query)).await
    }

    /// Copies the store to a directory while it serves. An earlier copy there is brought up to
    /// date.
    ///
    /// # Errors
    /// [`EngineError::Owned`] when the directory is a store in use, [`EngineError::Corrupt`] when a
    /// body file is missing, [`EngineError::Io`], [`EngineError::Full`].
    pub async fn snapshot(&self, files: &BodyFiles, to: &Path) -> Result<Snapshot, EngineError> {
        let (from, files, to) = (self.dir.clone(), files.clone(), to.to_owned());
        blocking(move || snapshot::copy(&from, &files, &to)).await
    }

    /// What the writer counted.
    pub fn counts(&self) -> WriterCounts {
        self.health.counts()
    }

    /// See [`Engine::close`](crate::Engine::close). The directory is free for another process when
    /// it returns.
    ///
    /// # Errors
    /// As there.
    pub async fn close(&self) -> Result<(), EngineError> {
        self.readers.close().await;
        let (reply, answer) = oneshot::channel();
        if self.to_writer.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(run)
        .await
        .unwrap_or_else(|error| Err(EngineError::Unavailable(error.to_string())))
}
