//! The engine for those who outgrow one machine: PostgreSQL, and what speaks like it.
//!
//! A batch is sent as a whole before the first answer is awaited (pipelining), BEGIN travels with
//! the first batch, and statements stay prepared, so an operation costs as many round trips as it
//! has batches, and one for COMMIT.
//!
//! Invariants
//! * A connection whose transaction was not seen to end is closed, never lent again.
//! * A transaction that lost a race (40001, 40P01) runs again from its beginning, a bounded number
//!   of times; a COMMIT whose answer was lost is [`EngineError::Ambiguous`] and is never repeated
//!   here: whether it happened is looked up by the operation's id.
//! * What was committed here is told to the other nodes, and what they tell is published: soon, but
//!   not surely (see `notices`). Nothing is right only because of it.
//! * Reads are one REPEATABLE READ, READ ONLY transaction: one snapshot.

mod address;
mod error;
mod migrate;
mod notices;
mod session;
mod tls;
mod value;

use crate::engine::{Birth, Host};
use crate::seam::{Change, Operation, Tx};
use crate::{EngineError, StoreError};
use address::Address;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use error::{connect_error, engine_error};
use notices::Notices;
use posthorn_base::limits::{POSTGRES_CONNECTIONS, POSTGRES_WAIT_MAX, TRANSACTION_TRIES_MAX};
use session::{Jitter, Lent, Running, Texts};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How strictly concurrent writes are kept apart. Operations are correct under both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// The default: operations lock the rows that they decide by.
    #[default]
    ReadCommitted,
    /// For engines that know nothing else.
    Serializable,
}

impl Isolation {
    const fn begin(self) -> &'static str {
        match self {
            Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }
}

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What other nodes are still to be told when the store is closed is given up after this.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Every connection gets these: a node that hangs must not keep rows locked.
const SESSION_SETTINGS: &str = "SET idle_in_transaction_session_timeout = '30s'; \
     SET statement_timeout = '60s'; SET lock_timeout = '20s'; SET client_min_messages = warning";

/// How a cluster is opened.
#[derive(Clone)]
pub struct Options {
    /// What a new store is born with.
    pub birth: Birth,
    /// Who hears of commits.
    pub host: Arc<dyn Host>,
    /// Connections at most.
    pub connections: usize,
    /// How writes are kept apart.
    pub isolation: Isolation,
    /// Up to which schema a database that exists may be brought: somebody has made a backup of it.
    pub migrate_to: i64,
}

impl Options {
    /// The defaults, with nobody listening.
    pub fn new(birth: Birth) -> Self {
        Options {
            birth,
            host: Arc::new(crate::engine::Alone),
            connections: POSTGRES_CONNECTIONS,
            isolation: Isolation::default(),
            migrate_to: 0,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("connections", &self.connections)
            .field("isolation", &self.isolation)
            .finish_non_exhaustive()
    }
}

/// An open cluster.
#[derive(Clone)]
pub struct Postgres(Arc<Inner>);

struct Inner {
    pool: Pool,
    host: Arc<dyn Host>,
    isolation: Isolation,
    texts: Texts,
    jitter: Jitter,
    notices: Arc<Notices>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("isolation", &self.0.isolation).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects (`host=/run/postgresql dbname=posthorn`, or a URL), and brings the schema up to
    /// date. `sslmode` and `sslrootcert` are those of libpq, but that beyond this machine
    /// `verify-full` is the default.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] with what to do about it, [`EngineError::TooNew`] when the
    /// store needs a newer release.
    pub async fn open(address: &str, options: Options) -> Result<Self, EngineError> {
        let address = Address::parse(address)?;
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(
            address.config.clone(),
            address.tls.clone(),
            settings,
        ))
        .max_size(options.connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POSTGRES_WAIT_MAX))
        .create_timeout(Some(POSTGRES_WAIT_MAX))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                client.batch_execute(SESSION_SETTINGS).await.map_err(HookError::Backend)
            })
        }))
        .build()
        .map_err(|error| EngineError::Unavailable(error.to_string()))?;
        let inner = Inner {
            pool,
            host: options.host,
            isolation: options.isolation,
            texts: Texts::default(),
            jitter: Jitter::new(&options.birth),
            notices: Arc::default(),
            listener: Mutex::default(),
        };
        {
            let mut lent = inner.lend().await?;
            refuse_careless_server(&mut lent).await?;
            let migrations = crate::schema::MIGRATIONS;
            migrate::migrate(&mut lent, migrations, &options.birth, options.migrate_to).await?;
            lent.finished();
        }
        let (notices, host) = (Arc::clone(&inner.notices), Arc::clone(&inner.host));
        let listener = tokio::spawn(notices::run(address, notices, host));
        *inner.listener() = Some(listener);
        Ok(Postgres(Arc::new(inner)))
    }

    /// See [`Engine::write`](crate::Engine::write).
    ///
    /// # Errors
    /// As there.
    pub async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        // A task of its own: whoever asked may stop waiting in the middle of it.
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move { inner.write(&operation).await });
        match task.await {
            Ok(result) => result,
            Err(error) => {
                let error = EngineError::Unavailable(format!("{}: {error}", O::NAME));
                self.0.host.fatal(&error);
                Err(error.into())
            }
        }
    }

    /// See [`Engine::read`](crate::Engine::read).
    ///
    /// # Errors
    /// As there.
    pub async fn read<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        let mut lent = self.0.lend().await?;
        let (result, _) = self.0.run(&mut lent, operation, BEGIN_READ).await;
        // It read: whether the end of the transaction is heard does not matter to the answer.
        if lent.client().batch_execute("COMMIT").await.is_ok() {
            lent.finished();
        }
        result
    }

    /// See [`Engine::close`](crate::Engine::close).
    pub async fn close(&self) {
        self.0.pool.close();
        self.0.notices.close();
        let listener = self.0.listener().take();
        if let Some(mut listener) = listener
            && tokio::time::timeout(CLOSE_WAIT_MAX, &mut listener).await.is_err()
        {
            listener.abort();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(listener) = self.listener().take() {
            listener.abort();
        }
    }
}

impl Inner {
    fn listener(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lend(&self) -> Result<Lent, EngineError> {
        match self.pool.get().await {
            Ok(client) => Ok(Lent::new(client)),
            Err(deadpool_postgres::PoolError::Backend(error)) => Err(connect_error(&error)),
            Err(error) => Err(EngineError::Unavailable(format!("the database: {error}"))),
        }
    }

    async fn write<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        let mut tries = 1;
        loop {
            match self.attempt(operation).await {
                Err(StoreError::Engine(EngineError::Retry)) if tries < TRANSACTION_TRIES_MAX => {
                    tokio::time::sleep(self.jitter.wait(tries)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt<O: Operation>(&self, operation: &O) -> Result<O::Output, StoreError> {
        let mut lent = self.lend().await?;
        let (result, changes) = self.run(&mut lent, operation, self.isolation.begin()).await;
        let output = match result {
            Ok(output) => output,
            Err(error) => {
                if lent.client().batch_execute("ROLLBACK").await.is_ok() {
                    lent.finished();
                }
                return Err(error);
            }
        };
        lent.client().batch_execute("COMMIT").await.map_err(|error| error::commit_error(&error))?;
        lent.finished();
        if !changes.is_empty() {
            self.host.publish(&changes);
            self.notices.tell(&changes);
        }
        Ok(output)
    }

    /// Runs the operation in a transaction and leaves that open.
    async fn run<O: Operation>(
        &self,
        lent: &mut Lent,
        operation: &O,
        begin: &'static str,
    ) -> (Result<O::Output, StoreError>, Vec<Change>) {
        let mut running = Running::new(lent.client(), &self.texts, begin);
        let mut tx = Tx::new(&mut running);
        let result = operation.run(&mut tx).await;
        let changes = tx.into_changes();
        match (result, running.into_failure()) {
            // Whatever the operation made of it: a lost race is run again, and nothing after a
            // failure is a success.
            (Err(_), Some(EngineError::Retry)) => (Err(EngineError::Retry.into()), changes),
            (Ok(_), Some(error)) => (Err(error.into()), changes),
            (result, _) => (result, changes),
        }
    }
}

/// A 250 is a promise: a server that acknowledges commits before they are written is no place for
/// mail.
async fn refuse_careless_server(lent: &mut Lent) -> Result<(), EngineError> {
    const SQL: &str = "SELECT current_setting('synchronous_commit'), current_setting('fsync')";
    let row = lent.client().query_one(SQL, &[]).await.map_err(|error| engine_error(&error, SQL))?;
    let read = |column| row.try_get::<_, String>(column).map_err(|error| engine_error(&error, SQL));
    if read(0)? == "off" {
        return Err(EngineError::Unavailable(
            "the database has synchronous_commit = off, so it may lose what it acknowledged; \
             ALTER DATABASE ... SET synchronous_commit = on"
                .into(),
        ));
    }
    if read(1)? == "off" {
        tracing::warn!("the database has fsync = off: a power cut may lose acknowledged mail");
    }
    Ok(())
}
