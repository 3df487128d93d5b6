//! The directory of body files.
//!
//! `bodies/xx/NAME`: the name is the body's id, `xx` its last two characters, which spread evenly
//! over 1,024 folders (the first ones are the time).

use crate::EngineError;
use posthorn_base::limits::{BODY_FRAME_BYTES, INLINE_BODY_BYTES_MAX};
use posthorn_base::{BodyId, Time};
use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where bodies too large for a row are kept.
#[derive(Clone, Debug)]
pub struct BodyFiles {
    root: PathBuf,
    inline_max: usize,
    holds: Arc<AtomicUsize>,
    /// Folders whose names this process has put on stable storage.
    safe_folders: Arc<Mutex<HashSet<PathBuf>>>,
}

/// As long as it lives, no body file is deleted: a backup copies them.
#[derive(Debug)]
pub struct SweepHold(Arc<AtomicUsize>);

impl Drop for SweepHold {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl BodyFiles {
    /// The body files of the store in `dir`. Makes their folder.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        let root = dir.join("bodies");
        make_folder(&root)?;
        let inline_max = INLINE_BODY_BYTES_MAX;
        Ok(BodyFiles { root, inline_max, holds: Arc::default(), safe_folders: Arc::default() })
    }

    /// Bodies of more than so many octets go to files, instead of [`INLINE_BODY_BYTES_MAX`].
    #[must_use]
    pub fn with_inline_max(self, inline_max: usize) -> Self {
        // One frame can be inline: then a body never turns from a row to a file half way.
        BodyFiles { inline_max: inline_max.min(BODY_FRAME_BYTES), ..self }
    }

    /// The largest body that lies in its row.
    pub fn inline_max(&self) -> usize {
        self.inline_max
    }

    /// Keeps every file where it is until the answer is dropped.
    pub fn hold(&self) -> SweepHold {
        self.holds.fetch_add(1, Ordering::AcqRel);
        SweepHold(Arc::clone(&self.holds))
    }

    /// The folder that holds them.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The name of a body's file: what stands in the column `name`.
    pub fn name(id: BodyId) -> String {
        id.to_string()
    }

    /// Where the file with this name is.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when this is no name of a body.
    pub fn path(&self, name: &str) -> Result<PathBuf, EngineError> {
        let spread = name
            .parse::<BodyId>()
            .ok()
            .and_then(|_| name.split_at_checked(name.len().saturating_sub(2)))
            .ok_or_else(|| EngineError::Corrupt("a body file's name is no body id".into()))?
            .1;
        Ok(self.root.join(spread).join(name))
    }

    /// A new file for a body. Fails if there is one already.
    pub(super) fn create(&self, name: &str) -> Result<File, EngineError> {
        let path = self.path(name)?;
        if let Some(folder) = path.parent() {
            self.have_folder(folder)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| at(&path, &error))
    }

    /// Makes sure that a folder is there and survives a power cut. That it is there is not enough:
    /// somebody else may be about to sync its name, or a process may have died before it did.
    fn have_folder(&self, folder: &Path) -> Result<(), EngineError> {
        let is_safe = self.folders().contains(folder);
        if is_safe && folder.is_dir() {
            return Ok(());
        }
        make_folder(folder)?;
        self.folders().insert(folder.to_owned());
        Ok(())
    }

    fn folders(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.safe_folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a body's file for reading.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when it is missing, [`EngineError::Io`].
    pub fn read(&self, name: &str) -> Result<File, EngineError> {
        let path = self.path(name)?;
        File::open(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => EngineError::Corrupt(format!("{} is missing", path.display())),
            _ => at(&path, &error),
        })
    }

    /// Puts a file, whose content is written, and its name on stable storage.
    pub(super) fn sync(&self, name: &str, file: &File) -> Result<(), EngineError> {
        let path = self.path(name)?;
        file.sync_all().map_err(|error| at(&path, &error))?;
        match path.parent() {
            Some(folder) => sync_folder(folder),
            None => Ok(()),
        }
    }

    /// Takes over a copy of a body's file from elsewhere. It has its name once it is whole.
    pub(crate) fn adopt(&self, name: &str, source: &Path) -> Result<(), EngineError> {
        let path = self.path(name)?;
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let part = path.with_extension("part");
        std::fs::copy(source, &part).map_err(|error| at(source, &error))?;
        let file = File::open(&part).map_err(|error| at(&part, &error))?;
        file.sync_all().map_err(|error| at(&part, &error))?;
        std::fs::rename(&part, &path).map_err(|error| at(&part, &error))?;
        path.parent().map_or(Ok(()), sync_folder)
    }

    /// Deletes a file; true when there was one. While somebody holds the files, nothing is deleted
    /// and [`EngineError::Retry`] says so.
    ///
    /// # Errors
    /// [`EngineError::Retry`], [`EngineError::Io`].
    pub fn remove(&self, name: &str) -> Result<bool, EngineError> {
        if self.holds.load(Ordering::Acquire) > 0 {
            return Err(EngineError::Retry);
        }
        self.forget(name)
    }

    /// Deletes a file that no committed row and no backup can know.
    pub(super) fn forget(&self, name: &str) -> Result<bool, EngineError> {
        let path = self.path(name)?;
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(&path, &error)),
        }
    }

    /// The bodies that have a file.
    ///
    /// # Errors
    /// [`EngineError::Io`].
    pub fn list(&self) -> Result<Vec<BodyId>, EngineError> {
        let mut ids = Vec::new();
        for folder in entries(&self.root)? {
            if folder.is_dir() {
                let names = entries(&folder)?;
                ids.extend(
                    names
                        .iter()
                        .filter_map(|path| path.file_name()?.to_str()?.parse::<BodyId>().ok()),
                );
            }
        }
        Ok(ids)
    }
}

/// When the id of this body was made: ids begin with the time.
pub(super) fn born(id: BodyId) -> Time {
    Time::from_millis(id.millis())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| at(folder, &error))
}

/// Makes a folder that may be there already, and puts its name on stable storage.
fn make_folder(folder: &Path) -> Result<(), EngineError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(at(folder, &error)),
        _ => {}
    }
    folder.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<(), EngineError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| at(folder, &error))
}

pub(super) fn at(path: &Path, error: &std::io::Error) -> EngineError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => EngineError::Full,
        _ => EngineError::Io(format!("{}: {error}", path.display())),
    }
}
