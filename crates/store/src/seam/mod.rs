//! The seam between the domain and the engines: batches of statements inside one transaction.
//!
//! An [`Operation`] is written once, against [`Tx`]. The statements whose parameters are known
//! travel together as one [`Batch`], which costs one round trip on PostgreSQL; a domain operation
//! is two batches, three at most: first the account's lock with what it allocates (`UPDATE account
//! SET modseq = modseq + 1 ... RETURNING`), then everything else with the commit.
//!
//! SQL is written as SQLite writes it, with numbered parameters (`?1`) that PostgreSQL gets as
//! `$1`, and with `x IN {ints:?N}` for "x is in the set of integers bound to N". Nothing else
//! is translated: statements stay within what both engines accept.
//!
//! Invariants
//! * An operation has no effect but on its [`Tx`]; it may run again after a failure of its group.
//! * On SQLite `Tx::run` never waits: the writer thread drives the future with one poll.
//! * An operation that answers `Err` leaves nothing behind; others of its group are untouched.
//! * After a failed statement a transaction takes no other and cannot succeed, on either engine: an
//!   operation may turn the failure into an error of its own, but not go on.

mod statement;
mod value;

pub(crate) use statement::replace_ints;
pub use statement::{Batch, Statement};
pub(crate) use value::is_run;
pub use value::{Decode, Row, Rows, Value};

use crate::{EngineError, StoreError};
use posthorn_base::{AccountId, MailboxId, ModSeq};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What a committed transaction changed, for those who wait for changes. It says where to look;
/// what changed is read from the change log (*changes since*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Messages or flags of a mailbox, or the mailbox itself, changed up to this modseq.
    Mailbox {
        /// Whose.
        account: AccountId,
        /// Which.
        mailbox: MailboxId,
        /// The transaction's modseq.
        modseq: ModSeq,
    },
    /// Rows became due in the queue.
    Queue,
    /// Accounts, domains, addresses, grants or credentials changed: caches of them are stale.
    Directory,
    /// Changes of other nodes may have been missed: everything may have changed. No transaction
    /// says so, only an engine that lost touch.
    Everything,
}

/// An engine's side of one transaction.
pub trait Backend: Send {
    /// Runs the statements in order, stopping at the first failure; one answer for each.
    fn run<'a>(
        &'a mut self,
        batch: Batch,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Rows>, EngineError>> + Send + 'a>>;
}

/// One transaction, as operations see it.
pub struct Tx<'a> {
    backend: &'a mut dyn Backend,
    changes: Vec<Change>,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl<'a> Tx<'a> {
    /// Begins to record what an operation does over `backend`.
    pub fn new(backend: &'a mut dyn Backend) -> Self {
        Tx { backend, changes: Vec::new() }
    }

    /// Runs statements whose parameters are known, in one round trip. One answer for each.
    pub async fn run(&mut self, batch: Batch) -> Result<Vec<Rows>, EngineError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.backend.run(batch).await
    }

    /// Runs one statement.
    pub async fn one(&mut self, statement: Statement) -> Result<Rows, EngineError> {
        let mut rows = self.run(vec![statement]).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// Says what will have changed once this transaction is committed.
    pub fn changed(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// What was said to [`Tx::changed`]; the engine publishes it after the commit.
    pub fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

/// A domain operation: one transaction.
pub trait Operation: Send + Sync + 'static {
    /// What it answers.
    type Output: Send + 'static;

    /// Its name in logs and metrics.
    const NAME: &'static str;

    /// About how many bytes it writes, so that a group stays bounded.
    fn bytes(&self) -> usize {
        512
    }

    /// False for what frees space or is vital: it runs even when free space is below the reserve.
    fn needs_room(&self) -> bool {
        true
    }

    /// Does it. May be called again on the same value when the group failed around it.
    fn run(&self, tx: &mut Tx<'_>)
    -> impl Future<Output = Result<Self::Output, StoreError>> + Send;
}

/// Drives an operation whose transaction never waits (SQLite) with a single poll.
///
/// # Errors
/// The operation's own; [`EngineError::Statement`] when it waited for something else than its
/// transaction, which an operation must not do.
pub(crate) fn drive<O: Operation>(
    operation: &O,
    backend: &mut dyn Backend,
) -> (Result<O::Output, StoreError>, Vec<Change>) {
    let mut tx = Tx::new(backend);
    let polled = {
        let future = std::pin::pin!(operation.run(&mut tx));
        future.poll(&mut Context::from_waker(Waker::noop()))
    };
    match polled {
        Poll::Ready(result) => (result, tx.into_changes()),
        Poll::Pending => {
            let message = "the operation waited for something other than its transaction".into();
            (Err(EngineError::Statement { message, sql: O::NAME }.into()), Vec::new())
        }
    }
}
