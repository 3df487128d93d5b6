//! An operation on its way through the writer, with whoever waits for its answer.

use super::session::{Running, Session};
use crate::seam::{Change, Operation, drive};
use crate::{EngineError, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::sync::oneshot;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// It succeeded, should the transaction be committed.
    Done,
    /// It is to leave nothing behind.
    Refused,
    /// It panicked: a bug of ours, after which nothing is certain.
    Panicked,
}

/// An operation of any type.
pub(super) trait Job: Send {
    /// [`Operation::NAME`].
    fn name(&self) -> &'static str;
    /// [`Operation::bytes`].
    fn bytes(&self) -> usize;
    /// [`Operation::needs_room`].
    fn needs_room(&self) -> bool;
    /// Runs it inside the open transaction and keeps the result.
    fn run(&mut self, session: &mut Session) -> Ran;
    /// Replaces the result by a failure.
    fn fail(&mut self, error: EngineError);
    /// Moves what it changed to the end of `changes`, when it succeeded.
    fn take_changes(&mut self, changes: &mut Vec<Change>);
    /// Tells the result to whoever waits.
    fn answer(self: Box<Self>);
}

pub(super) struct Write<O: Operation> {
    operation: O,
    result: Result<O::Output, StoreError>,
    changes: Vec<Change>,
    reply: oneshot::Sender<Result<O::Output, StoreError>>,
}

impl<O: Operation> Write<O> {
    pub(super) fn new(operation: O, reply: oneshot::Sender<Result<O::Output, StoreError>>) -> Self {
        let result = Err(EngineError::Unavailable("it has not run".into()).into());
        Write { operation, result, changes: Vec::new(), reply }
    }
}

impl<O: Operation> Job for Write<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }
    fn bytes(&self) -> usize {
        self.operation.bytes()
    }
    fn needs_room(&self) -> bool {
        self.operation.needs_room()
    }

    fn run(&mut self, session: &mut Session) -> Ran {
        let mut running = Running::new(session);
        // The connection is rolled back and never written with again, so nothing half done is seen.
        let driven = catch_unwind(AssertUnwindSafe(|| drive(&self.operation, &mut running)));
        let Ok(driven) = driven else {
            self.fail(EngineError::Unavailable(format!("{} panicked", O::NAME)));
            return Ran::Panicked;
        };
        (self.result, self.changes) = driven;
        if let (Ok(_), Some(error)) = (&self.result, running.into_failure()) {
            self.fail(error);
        }
        if self.result.is_ok() { Ran::Done } else { Ran::Refused }
    }

    fn fail(&mut self, error: EngineError) {
        self.result = Err(error.into());
        self.changes.clear();
    }

    fn take_changes(&mut self, changes: &mut Vec<Change>) {
        if self.result.is_ok() {
            changes.append(&mut self.changes);
        }
    }

    fn answer(self: Box<Self>) {
        // Nobody may wait any more: what is committed stays committed.
        let _ = self.reply.send(self.result);
    }
}
