//! What the writer does when SQLite calls the database malformed.
//!
//! SQLite says the same for a page that is damaged and for one that the disk did not give. Its
//! reads answer `SQLITE_IOERR_CORRUPTFS` (<https://sqlite.org/rescode.html#ioerr_corruptfs>: used
//! within SQLite only) when the system says EIO, and that becomes `SQLITE_CORRUPT` before anybody
//! else sees it. A damaged database must not be written to; a disk that failed to read once is no
//! reason to stop the mail. So nothing that SQLite said is believed yet: everything of the
//! transaction is undone, the connection is dropped with its cache, and the operations run again
//! on a fresh one, which reads the same pages anew. If that finds damage as well, the store stops.
//!
//! Invariants
//! * In doubt nobody is told success, and nothing is written but by a fresh connection.
//! * Damage that was seen twice, the second time on a fresh connection, stops the store.
//! * A failed sync is never looked at again (see [`super::writer`]).

use super::connection;
use super::error::engine_error;
use super::housekeeping::Housekeeping;
use super::writer::{Group, Writer, refuse};
use crate::EngineError;
use posthorn_base::limits::STORE_LOOKS_MAX;
use std::path::PathBuf;

/// What a fresh connection is opened with, and how often that was in vain.
pub(super) struct Looking {
    pub(super) path: PathBuf,
    /// Octets of page cache.
    pub(super) cache: u64,
    /// By how many pages the log grows between checkpoints.
    pub(super) checkpoint_pages: u32,
    /// Set while operations run again because of what SQLite said.
    pub(super) is_second: bool,
    /// Looks in a row for which no connection could be had.
    pub(super) in_vain: u32,
}

impl Writer {
    /// The transaction met a malformed database. Comes back with its members, to run again on a
    /// fresh connection; with none when they did so already: then they are refused for good.
    pub(super) fn doubt(&mut self, mut group: Group) -> Group {
        self.session.rollback();
        if std::mem::replace(&mut self.looking.is_second, true) {
            self.poison(damaged("found so again when it was read anew"));
            refuse(group, &stopped(self));
            return Vec::new();
        }
        tracing::warn!(
            "SQLite calls the database malformed, as it does when a page cannot be read: it is \
             read anew"
        );
        self.health.count_look();
        // Should they be answered before they run again, then with this.
        let unread = EngineError::Io("a page of the database could not be read".into());
        group.iter_mut().for_each(|job| job.fail(unread.clone()));
        group
    }

    /// In doubt, opens a fresh connection instead of ours.
    ///
    /// # Errors
    /// When there is none to be had now. After too many such looks in a row the store is poisoned.
    pub(super) fn look_anew(&mut self) -> Result<(), EngineError> {
        if !self.session.is_in_doubt() {
            return Ok(());
        }
        self.session.before_look();
        match self.fresh() {
            Ok(()) => {
                self.looking.in_vain = 0;
                Ok(())
            }
            Err(error) => {
                self.looking.in_vain += 1;
                tracing::error!(%error, "the database cannot be opened to be read anew");
                if self.looking.in_vain >= STORE_LOOKS_MAX {
                    self.poison(damaged(&format!("and cannot be opened to be read anew: {error}")));
                }
                Err(EngineError::Io(format!("the database cannot be opened anew: {error}")))
            }
        }
    }

    fn fresh(&mut self) -> Result<(), EngineError> {
        let Looking { path, cache, checkpoint_pages, .. } = &self.looking;
        let mut connection = connection::writer(path, *cache)?;
        let housekeeping = Housekeeping::install(&mut connection, *checkpoint_pages)
            .map_err(|error| engine_error(error, "open"))?;
        self.session.replace(connection);
        self.housekeeping = housekeeping;
        Ok(())
    }

    /// Housekeeping failed: a checkpoint could not read or write. What it moves stays in the log
    /// until all of it is in the database and synced, so nothing is lost, and a fresh connection
    /// tries once more. If that fails as well, the store stops: the log would grow for ever.
    pub(super) fn keep_house_anew(&mut self, error: EngineError) {
        if self.session.sync_failed() {
            self.poison(error);
            return;
        }
        tracing::warn!(%error, "a checkpoint failed: it is tried once more");
        self.health.count_look();
        self.session.be_in_doubt();
        let again = self.look_anew().and_then(|()| Housekeeping::checkpoint_now(&self.session));
        if let Err(error) = again {
            self.poison(error);
        }
    }
}

/// The end, and what to do.
fn damaged(again: &str) -> EngineError {
    EngineError::Corrupt(format!(
        "SQLite called the database malformed, {again}. Stop the server, see whether the disk is \
         sound, and run `posthorn store check`; what is damaged comes back from the last backup"
    ))
}

/// Why nothing is written any more.
fn stopped(writer: &Writer) -> EngineError {
    let unknown = || EngineError::Unavailable("it stopped".into());
    writer.health.poisoned().unwrap_or_else(unknown)
}
