//! The writer: one thread that owns the one connection that writes, and commits in groups.
//!
//! It takes all operations that wait, runs each in a savepoint of one transaction, commits with one
//! fsync, publishes what changed and answers them all. An operation that waits alone is not
//! delayed. What can be done later (checkpoints, giving back free pages) it does after it has
//! answered.
//!
//! Some errors (FULL, IOERR, NOMEM) make SQLite roll back the whole transaction, not the statement
//! only. Then the culprit is refused and the others run again in a new transaction; if that happens
//! again, each of the rest runs in one of its own.
//!
//! Invariants
//! * Nobody is answered with success before the commit that carries the operation has returned.
//! * After a failed fsync nothing is written: the kernel may have dropped the pages and call the
//!   next fsync a success. The store is then poisoned: every write is refused until the process is
//!   started again and recovers. A write that fails in a transaction only undoes it, and what was
//!   read wrongly is [read anew](super::doubt) first.
//! * A panic inside an operation poisons the store too, and is never silent.

use super::doubt::Looking;
use super::health::Health;
use super::housekeeping::Housekeeping;
use super::job::{Job, Ran};
use super::session::Session;
use super::space::Space;
use crate::EngineError;
use crate::engine::Host;
use posthorn_base::limits::{GROUP_BYTES_MAX, GROUP_OPERATIONS_MAX};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What the writer is asked for.
pub(super) enum Message {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<Result<(), EngineError>>),
}

pub(super) type Group = Vec<Box<dyn Job>>;

/// What became of one member of a group.
enum Fate {
    /// It is part of the transaction, or was undone without harm to the others.
    Settled,
    /// The whole transaction is gone.
    Lost,
    /// It panicked.
    Panicked,
}

pub(super) struct Writer {
    pub(super) session: Session,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) host: Arc<dyn Host>,
    pub(super) health: Arc<Health>,
    pub(super) space: Arc<Space>,
    pub(super) housekeeping: Housekeeping,
    pub(super) looking: Looking,
    /// Held until the connection is closed: it says who owns the directory.
    pub(super) lock: File,
}

impl Writer {
    /// Serves until the store is closed. Runs on a thread of its own.
    pub(super) fn serve(mut self) {
        let mut carried = None;
        let closing = loop {
            let first = match carried.take() {
                Some(job) => job,
                None => match self.next() {
                    Some(Message::Run(job)) => job,
                    Some(Message::Close(reply)) => break Some(reply),
                    None => break None,
                },
            };
            let (group, left) = self.gather(first);
            self.commit_watched(group);
            match left {
                Some(Message::Run(job)) => carried = Some(job),
                Some(Message::Close(reply)) => break Some(reply),
                None => {}
            }
            if let Err(error) = self.housekeeping.after_commit(&self.session) {
                self.keep_house_anew(error);
            }
        };
        self.finish(closing);
    }

    /// The next message; does one step of housekeeping at a time while there is none.
    fn next(&mut self) -> Option<Message> {
        loop {
            match self.inbox.try_recv() {
                Ok(message) => return Some(message),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            if self.health.poisoned().is_some() {
                break;
            }
            match self.housekeeping.idle_step(&self.session) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => self.keep_house_anew(error),
            }
        }
        self.inbox.blocking_recv()
    }

    /// `first` and everything that waits behind it, within the limits of a group. What did not fit,
    /// or is no operation, comes back apart.
    fn gather(&mut self, first: Box<dyn Job>) -> (Group, Option<Message>) {
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < GROUP_OPERATIONS_MAX {
            let Ok(message) = self.inbox.try_recv() else { break };
            let Message::Run(job) = message else { return (group, Some(message)) };
            bytes = bytes.saturating_add(job.bytes());
            if bytes > GROUP_BYTES_MAX {
                return (group, Some(Message::Run(job)));
            }
            group.push(job);
        }
        (group, None)
    }

    /// Commits the group. A panic in an operation is caught there; one around it (in publishing, or
    /// here) ends the store, not the thread, and who is not answered learns it from the dropped
    /// reply.
    fn commit_watched(&mut self, group: Group) {
        let done = catch_unwind(AssertUnwindSafe(|| self.commit_group(group)));
        if done.is_err() {
            self.poison(EngineError::Unavailable("the writer panicked".into()));
            self.session.rollback();
        }
    }

    fn commit_group(&mut self, group: Group) {
        self.looking.is_second = false;
        let group = self.refuse_without_room(group);
        let left = self.transaction(group);
        let left = self.transaction(left);
        for job in left {
            self.transaction(vec![job]).into_iter().for_each(Job::answer);
        }
    }

    fn refuse_without_room(&self, group: Group) -> Group {
        if self.space.has_room() {
            return group;
        }
        let (needy, group): (Group, Group) = group.into_iter().partition(|job| job.needs_room());
        refuse(needy, &EngineError::Full);
        group
    }

    /// Runs one transaction and answers its members. Comes back with those that are to run again,
    /// without their results; for them nothing is committed and nothing answered.
    fn transaction(&mut self, mut group: Group) -> Group {
        if group.is_empty() {
            return group;
        }
        if let Some(error) = self.health.poisoned() {
            refuse(group, &error);
            return Vec::new();
        }
        if let Err(error) = self.look_anew() {
            refuse(group, &error);
            return Vec::new();
        }
        if let Err(error) = self.session.begin("BEGIN IMMEDIATE") {
            if self.session.is_in_doubt() {
                return self.doubt(group);
            }
            self.session.rollback();
            refuse(group, &error);
            return Vec::new();
        }
        let nested = group.len() > 1;
        for index in 0..group.len() {
            let Some(job) = group.get_mut(index) else { break };
            let fate = if nested { self.run_nested(job) } else { self.run_alone(job) };
            let last = match fate {
                Fate::Panicked => {
                    Some(EngineError::Unavailable(format!("{} panicked", job.name())))
                }
                _ if self.session.sync_failed() => Some(EngineError::Io("a sync failed".into())),
                Fate::Settled | Fate::Lost => None,
            };
            if let Some(error) = last {
                self.session.rollback();
                self.poison(error.clone());
                refuse(group, &error);
                return Vec::new();
            }
            if self.session.is_in_doubt() {
                return self.doubt(group);
            }
            if let Fate::Lost = fate {
                self.session.rollback();
                // The culprit holds its error.
                group.remove(index).answer();
                if !group.is_empty() {
                    self.health.count_rerun();
                }
                return group;
            }
        }
        match self.session.commit(group.len()) {
            Ok(()) => {
                self.health.count_commit(group.len());
                self.publish(&mut group);
                group.into_iter().for_each(Job::answer);
                Vec::new()
            }
            Err(error) => self.commit_failed(group, error),
        }
    }

    /// One operation that has the transaction for itself: an error ends the transaction.
    fn run_alone(&mut self, job: &mut Box<dyn Job>) -> Fate {
        match job.run(&mut self.session) {
            Ran::Done => Fate::Settled,
            Ran::Refused => Fate::Lost,
            Ran::Panicked => Fate::Panicked,
        }
    }

    /// One operation of several: an error undoes the operation, unless SQLite undid more.
    fn run_nested(&mut self, job: &mut Box<dyn Job>) -> Fate {
        if let Err(error) = self.session.control("SAVEPOINT operation") {
            job.fail(error);
            return Fate::Lost;
        }
        let ended = match job.run(&mut self.session) {
            Ran::Done => self.session.control("RELEASE operation"),
            Ran::Refused if self.session.connection.is_autocommit() => return Fate::Lost,
            Ran::Refused => self
                .session
                .control("ROLLBACK TO operation")
                .and_then(|()| self.session.control("RELEASE operation")),
            Ran::Panicked => return Fate::Panicked,
        };
        match ended {
            Ok(()) => Fate::Settled,
            Err(error) => {
                job.fail(error);
                Fate::Lost
            }
        }
    }

    /// Nobody is told success. When the disk is full, those that free space get another try without
    /// the others.
    fn commit_failed(&mut self, group: Group, error: EngineError) -> Group {
        self.session.rollback();
        match error {
            EngineError::Full if group.iter().any(|job| job.needs_room()) => {
                let (needy, group): (Group, Group) =
                    group.into_iter().partition(|job| job.needs_room());
                refuse(needy, &EngineError::Full);
                group
            }
            _ if self.session.is_in_doubt() && !self.session.sync_failed() => self.doubt(group),
            error if self.session.sync_failed() => {
                self.poison(error.clone());
                refuse(group, &error);
                Vec::new()
            }
            error => {
                refuse(group, &error);
                Vec::new()
            }
        }
    }

    fn publish(&self, group: &mut Group) {
        let mut changes = Vec::new();
        for job in group {
            job.take_changes(&mut changes);
        }
        if !changes.is_empty() {
            self.host.publish(&changes);
        }
    }

    pub(super) fn poison(&self, error: EngineError) {
        if self.health.poison(&error) {
            tracing::error!(%error, "the store stops writing until the server is started again");
            self.host.fatal(&error);
        }
    }

    /// Refuses what is still on its way, moves the log into the database, closes.
    fn finish(mut self, closing: Option<oneshot::Sender<Result<(), EngineError>>>) {
        self.inbox.close();
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Run(mut job) => {
                    job.fail(EngineError::Unavailable("the store is closing".into()));
                    job.answer();
                }
                Message::Close(reply) => {
                    // The first one to ask hears how it went.
                    let _ = reply.send(Ok(()));
                }
            }
        }
        let result = match self.health.poisoned() {
            Some(error) => Err(error),
            None => Housekeeping::truncate(&self.session),
        };
        if let Err(error) = &result {
            tracing::error!(%error, "the last checkpoint failed; the next start recovers");
        }
        drop(self.session);
        drop(self.lock);
        if let Some(reply) = closing {
            let _ = reply.send(result);
        }
    }
}

pub(super) fn refuse(group: Group, error: &EngineError) {
    for mut job in group {
        job.fail(error.clone());
        job.answer();
    }
}
