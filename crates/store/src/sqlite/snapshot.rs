//! A consistent copy of a store that serves: `posthorn store snapshot DIR`.
//!
//! The database comes first, from one read transaction, then the files that its rows name; body
//! files are immutable and none is deleted meanwhile, so every row of the copy finds its file.
//! Files that an earlier copy in the same directory has are not copied again, and those that no row
//! names any more are removed from it. The copy is itself a store, whose `meta.restores` is one
//! higher: who opens it knows that it came back.

use super::connection::{self, CacheSizes};
use super::directory;
use super::error::engine_error;
use crate::EngineError;
use crate::bodies::BodyFiles;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::collections::HashSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// Pages that are copied before others may have the disk.
const STEP_PAGES: i32 = 2000;

/// What a snapshot did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Size of the database.
    pub database_bytes: u64,
    /// Body files that were copied.
    pub files_copied: u64,
    /// Body files that were there.
    pub files_kept: u64,
    /// Body files that no row names any more.
    pub files_removed: u64,
}

/// Copies the store in `from` to the directory `to`, which it makes, and locks while it works.
///
/// # Errors
/// [`EngineError::Owned`] when `to` is a store in use, [`EngineError::Corrupt`] when a body file is
/// missing, or what the file system says. An earlier copy is whole until the new database has its
/// name.
pub(super) fn copy(from: &Path, files: &BodyFiles, to: &Path) -> Result<Snapshot, EngineError> {
    let _held = files.hold();
    let lock = directory::own(to)?;
    let part = to.join("store.part");
    remove(&part)?;
    directory::create_private(&part).map_err(|error| io(&part, &error))?;
    copy_database(&directory::database(from), &part)?;
    let names = {
        let copy = connection::writer(&part, CacheSizes::OCCASIONAL)?;
        let names = body_names(&copy)?;
        copy.execute_batch("UPDATE meta SET restores = restores + 1; PRAGMA journal_mode = DELETE")
            .map_err(|error| engine_error(error, "restores"))?;
        names
    };
    let target = BodyFiles::open(to)?;
    let mut done = Snapshot::default();
    for name in &names {
        let (source, kept) = (files.path(name)?, target.path(name)?);
        match (source.metadata(), kept.metadata()) {
            (Ok(source), Ok(kept)) if source.len() == kept.len() => done.files_kept += 1,
            (Ok(_), _) => {
                target.adopt(name, &source)?;
                done.files_copied += 1;
            }
            (Err(error), _) if error.kind() == ErrorKind::NotFound => {
                return Err(EngineError::Corrupt(format!("{} is missing", source.display())));
            }
            (Err(error), _) => return Err(io(&source, &error)),
        }
    }
    install(&part, to)?;
    for id in target.list()? {
        let name = BodyFiles::name(id);
        if !names.contains(&name) && target.remove(&name)? {
            done.files_removed += 1;
        }
    }
    let database = directory::database(to);
    done.database_bytes = database.metadata().map_err(|error| io(&database, &error))?.len();
    drop(lock);
    Ok(done)
}

fn copy_database(from: &Path, part: &Path) -> Result<(), EngineError> {
    let source = connection::reader(from, CacheSizes::OCCASIONAL)?;
    let copy = || {
        // The transaction keeps the snapshot: without it every commit would start the copy again.
        source.execute_batch("BEGIN; SELECT one FROM meta")?;
        let mut target = Connection::open(part)?;
        let backup = Backup::new(&source, &mut target)?;
        while backup.step(STEP_PAGES)? != StepResult::Done {
            std::thread::yield_now();
        }
        drop(backup);
        source.execute_batch("COMMIT")
    };
    copy().map_err(|error| engine_error(error, "backup"))
}

fn body_names(copy: &Connection) -> Result<HashSet<String>, EngineError> {
    const SQL: &str = "SELECT name FROM body WHERE location = 1";
    let read = || -> rusqlite::Result<Vec<Vec<u8>>> {
        copy.prepare(SQL)?.query_map([], |row| row.get(0))?.collect()
    };
    read()
        .map_err(|error| engine_error(error, SQL))?
        .into_iter()
        .map(|name| {
            String::from_utf8(name).map_err(|_| EngineError::Corrupt("a body file's name".into()))
        })
        .collect()
}

/// Gives the new database its name. A log of the old one would be taken for the new one's.
fn install(part: &Path, to: &Path) -> Result<(), EngineError> {
    let database = directory::database(to);
    for end in ["-wal", "-shm"] {
        let mut name = database.clone().into_os_string();
        name.push(end);
        remove(Path::new(&name))?;
    }
    File::open(part).and_then(|file| file.sync_all()).map_err(|error| io(part, &error))?;
    std::fs::rename(part, &database).map_err(|error| io(part, &error))?;
    directory::sync_file_and_name(&database).map_err(|error| io(&database, &error))
}

fn remove(path: &Path) -> Result<(), EngineError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path, &error)),
        _ => Ok(()),
    }
}

fn io(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Io(format!("{}: {error}", path.display()))
}
