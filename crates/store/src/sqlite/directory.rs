//! The store's directory: who owns it, and its parts.

use crate::EngineError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the database within the directory.
pub(super) const DATABASE: &str = "store.db";
/// Name of the lock file.
const LOCK: &str = "lock";

/// Makes the directory if need be, for its owner only, and takes its lock. The lock lives as long
/// as the file.
///
/// # Errors
/// [`EngineError::Owned`] when another process has it.
pub(super) fn own(dir: &Path) -> Result<File, EngineError> {
    let io = |error: std::io::Error| EngineError::Io(format!("{}: {error}", dir.display()));
    make(dir).map_err(io)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(dir.join(LOCK))
        .map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(EngineError::Owned(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Makes the directory and those above it, as far as they are missing, so that their names survive
/// a power cut. Names that are there are synced as well: who made them may have died before it did.
fn make(dir: &Path) -> std::io::Result<()> {
    let parent = dir.parent().map(|parent| match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    });
    if let Some(parent) = parent.filter(|parent| !parent.exists()) {
        make(parent)?;
    }
    let made = match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => false,
        other => other.map(|()| true)?,
    };
    let Some(parent) = parent else { return Ok(()) };
    match File::open(parent).and_then(|parent| parent.sync_all()) {
        // Whose directory this is may not read the one above, and then has not made it there.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && !made => Ok(()),
        other => other,
    }
}

/// Makes an empty file that only its owner can read, for SQLite to fill. It must not exist.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map(drop)
}

/// The database's path.
pub(super) fn database(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Makes what was written to a file, and the file's name, survive a power cut.
pub(super) fn sync_file_and_name(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
