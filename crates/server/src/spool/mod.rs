//! A message while it arrives: in memory when it is small, else in a file that has no name.
//!
//! A message in memory is charged to the [budget](crate::memory). When half of the budget is used
//! up (three quarters for a small one), it goes to its file early instead of waiting, so that
//! arriving messages never wait for each other, and whoever reads messages never for those that
//! arrive.
//!
//! The [file] is no promise: it is not synced, and it is gone with the process. Durable is
//! what the store makes of it.
//!
//! Invariants
//! * While less than the reserve is free on the disk, no file grows: a message that needs one is
//!   refused, and what it had taken is free again, before it could fill up what the store needs for
//!   deleting mail.
//! * A spooled message in memory is at most `limits::INLINE_BODY_BYTES_MAX` long, and so is the
//!   buffer before a file.
//! * A spool file loses its name as soon as it is open: whatever happens to the process, the system
//!   frees it. What a crash leaves in between is swept at the start.
//! * Blocking work runs on threads that may block, a few at a time, and the networks that write
//!   take turns: a flood of large messages keeps neither the threads nor the disk to itself.

mod file;
mod message;
mod pace;

pub use message::{SpoolReader, Spooled};

use crate::memory::{Budget, Permit};
use crate::system::SystemRandom;
use crate::turns::{Party, Turns};
use bytes::Bytes;
use file::{Closer, SpoolFile};
use pace::Pace;
use posthorn_base::{Random, limits};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ends the names of spool files.
const SUFFIX: &str = ".spool";
/// The smallest buffer of a message; doubled as it grows.
const BUFFER_MIN: usize = 4 * 1024;

/// Why a message cannot be kept while it arrives.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk (or the quota on it) is full, or what is free is in reserve.
    #[error("no room for spool files in {0}")]
    Full(PathBuf),
    /// Something else is wrong with the directory.
    #[error("cannot use the spool directory {path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Where large messages go while they arrive. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SpoolDir {
    path: Arc<Path>,
    budget: Budget,
    /// What all files together may leave in the system's cache.
    cached: Budget,
    /// For what goes past it.
    pace: Pace,
    closer: Closer,
    writes: Turns,
    reserve_bytes: u64,
}

impl SpoolDir {
    /// Uses a directory, which is made if it is missing (mode 0700), and sweeps what a crash left
    /// in it. Nobody else may use it.
    pub fn open(path: &Path, budget: Budget) -> Result<Self, SpoolError> {
        let writes = Turns::new(limits::SPOOL_WRITES_AT_ONCE_MAX);
        let cached = Budget::new(limits::SPOOL_CACHED_BYTES_MAX);
        let failed = |source| SpoolError::Io { path: path.to_owned(), source };
        let closer = Closer::start().map_err(failed)?;
        let pace = Pace::new(limits::SPOOL_BYTES_PER_SECOND_MAX);
        let path_kept = path.into();
        let spool =
            SpoolDir { path: path_kept, budget, cached, pace, closer, writes, reserve_bytes: 0 };
        let sweep = || -> io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().ends_with(SUFFIX) {
                    let path = entry.path();
                    tracing::info!(file = %path.display(), "a spool file of a crash: removed");
                    fs::remove_file(path)?;
                }
            }
            Ok(())
        };
        sweep().map_err(|error| spool.failed(error))?;
        Ok(spool)
    }

    /// With so much of the disk kept free.
    #[must_use]
    pub fn with_reserve(self, reserve_bytes: u64) -> Self {
        SpoolDir { reserve_bytes, ..self }
    }

    /// The budget that messages in memory are charged to.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Begins a message that comes from this network, or from this account.
    pub(crate) fn begin(&self, sender: impl Into<Party>) -> Spool {
        Spool {
            dir: self.clone(),
            sender: sender.into(),
            buffer: Vec::new(),
            permit: self.budget.nothing(),
            file: None,
        }
    }

    fn failed(&self, error: io::Error) -> SpoolError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                SpoolError::Full(self.path.to_path_buf())
            }
            _ => SpoolError::Io { path: self.path.to_path_buf(), source: error },
        }
    }

    /// Refuses while less than the reserve is free. One cheap system call, so that the answer is
    /// never stale: free space may end while a message arrives. When the file system does not say,
    /// writing will.
    fn require_room(&self) -> io::Result<()> {
        if self.reserve_bytes == 0 {
            return Ok(());
        }
        match nix::sys::statvfs::statvfs(&*self.path) {
            Ok(fs) => {
                let free = fs.blocks_available().saturating_mul(fs.fragment_size());
                let is_enough = free > self.reserve_bytes;
                if is_enough { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
            }
            Err(error) => {
                tracing::warn!(%error, dir = %self.path.display(), "free space is unknown");
                Ok(())
            }
        }
    }

    /// A new file without a name.
    fn create(&self) -> io::Result<SpoolFile> {
        let path = self.path.join(format!("{:016x}{SUFFIX}", SystemRandom.u64()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        fs::remove_file(&path)?;
        Ok(SpoolFile::new(file, &self.cached, self.closer.clone()))
    }
}

/// A message that is arriving. Dropping it forgets the message.
#[derive(Debug)]
pub struct Spool {
    dir: SpoolDir,
    sender: Party,
    /// What is not in the file yet.
    buffer: Vec<u8>,
    /// Covers the buffer's capacity.
    permit: Permit,
    file: Option<SpoolFile>,
}

impl Spool {
    /// Bytes so far.
    pub fn len(&self) -> u64 {
        let written = self.file.as_ref().map_or(0, SpoolFile::len);
        written.saturating_add(self.buffer.len() as u64)
    }

    /// True before the first byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next bytes. After an error the message is lost.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let mut rest = bytes;
        while !self.has_room(rest.len()) {
            // Files grow by whole buffers.
            let room = self.buffer.capacity().saturating_sub(self.buffer.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.buffer.extend_from_slice(now);
            if self.buffer.is_empty() {
                // No memory at all: straight to the file.
                return self.write(rest.to_vec()).await.map(drop);
            }
            self.write_buffer().await?;
            rest = later;
        }
        self.buffer.extend_from_slice(rest);
        Ok(())
    }

    /// The message is complete.
    pub async fn finish(mut self) -> Result<Spooled, SpoolError> {
        if self.file.is_some() {
            self.write_buffer().await?;
        }
        match self.file.take() {
            Some(mut file) => {
                file.complete().map_err(|error| self.dir.failed(error))?;
                Ok(Spooled::file(file))
            }
            None => {
                let bytes = Bytes::from(std::mem::take(&mut self.buffer));
                Ok(Spooled::memory(bytes, self.permit))
            }
        }
    }

    /// Makes room in the buffer, if it may grow that far and the budget has it.
    fn has_room(&mut self, more: usize) -> bool {
        let wanted = self.buffer.len().saturating_add(more);
        let capacity = self.buffer.capacity();
        if wanted <= capacity {
            return true;
        }
        if wanted > limits::INLINE_BODY_BYTES_MAX {
            return false;
        }
        let doubled = capacity.saturating_mul(2).clamp(BUFFER_MIN, limits::INLINE_BODY_BYTES_MAX);
        let goal = doubled.max(wanted).next_multiple_of(BUFFER_MIN);
        let growth = goal.saturating_sub(self.permit.bytes());
        // Half of the budget stays with those who cannot do without: clients that hold messages
        // half sent, for as long as they like, must not keep others from reading. Of that half,
        // the small ones get half: a letter shall not stand behind a flood at the disk.
        let budget = &self.dir.budget;
        let is_small = goal <= limits::SPOOL_SMALL_BYTES_MAX;
        let kept = budget.bytes() / if is_small { 4 } else { 2 };
        if budget.free().saturating_sub(growth) < kept {
            return false;
        }
        if self.permit.try_grow(growth).is_err() {
            return false;
        }
        self.buffer.reserve_exact(goal - self.buffer.len());
        true
    }

    /// Moves the buffer to the file, and keeps its memory for what comes.
    async fn write_buffer(&mut self) -> Result<(), SpoolError> {
        if !self.buffer.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            let mut buffer = self.write(buffer).await?;
            buffer.clear();
            self.buffer = buffer;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, SpoolError> {
        let turn = self.dir.writes.take(self.sender).await;
        let (dir, file) = (self.dir.clone(), self.file.take());
        let is_past_cache = file.as_ref().is_some_and(SpoolFile::is_past_cache);
        if is_past_cache || dir.cached.free() < bytes.len() {
            dir.pace.wait(bytes.len()).await;
        }
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            dir.require_room()?;
            let mut file = match file {
                Some(file) => file,
                None => dir.create()?,
            };
            file.append(&bytes)?;
            Ok((file, bytes))
        });
        let written = match written.await {
            Ok(written) => written,
            // The runtime is stopping.
            Err(error) => Err(io::Error::other(error)),
        };
        let (file, bytes) = written.map_err(|error| self.dir.failed(error))?;
        self.file = Some(file);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
