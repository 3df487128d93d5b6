//! The file of a message that arrives.
//!
//! What is written to a file waits in the system's cache until the system writes it to the disk. A
//! flood of large messages would fill that cache with gigabytes nobody wants to keep, and then
//! every commit would wait for the disk behind them: measured, 200 to 600 ms. So only a little of
//! all spool files together waits there; who writes more goes past the cache and waits for the disk
//! itself, one piece at a time and no faster than `limits::SPOOL_BYTES_PER_SECOND_MAX`, all
//! together: what a commit waits for is that the disk makes everything safe it has been given.
//!
//! Closing the last handle of a file without a name frees what it has, which takes the time of
//! many messages when the file is large: a thread of its own does it.
//!
//! Invariants
//! * Of all files together, at most `limits::SPOOL_CACHED_BYTES_MAX` were written to the cache.
//! * A file that was once written past the cache is so to its end: in whole blocks, the last one
//!   padded. Its length is ours to know.

use crate::memory::{Budget, Permit};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use posthorn_base::limits;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

/// What the disk's blocks and the memory they are written from must begin at. Enough for every
/// disk that we know of; one that wants more is written through the cache.
const BLOCK_BYTES: usize = 4096;

/// Where files are closed. Its thread ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Closer(SyncSender<File>);

impl Closer {
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, files): (_, Receiver<File>) = sync_channel(limits::SPOOL_CLOSING_MAX);
        thread::Builder::new()
            .name("spool-closer".into())
            .spawn(move || files.into_iter().for_each(drop))?;
        Ok(Closer(sender))
    }

    fn close(&self, file: File) {
        match self.0.try_send(file) {
            Ok(()) => {}
            // Who makes files faster than they can be closed closes them, too.
            Err(TrySendError::Full(file) | TrySendError::Disconnected(file)) => drop(file),
        }
    }
}

/// How a file is written.
#[derive(Debug)]
enum Way {
    /// To the system's cache, as far as this reaches.
    Cached(Permit),
    /// Past it. What was written before waits there yet.
    Direct { _cached: Permit },
}

/// A file that has no name.
#[derive(Debug)]
pub(super) struct SpoolFile {
    /// Taken when it is dropped.
    file: Option<File>,
    /// Octets of the message in it; padding may stand behind them.
    len: u64,
    way: Way,
    closer: Closer,
}

impl SpoolFile {
    /// An empty one. `cached`: what all files together may leave in the system's cache.
    pub(super) fn new(file: File, cached: &Budget, closer: Closer) -> Self {
        SpoolFile { file: Some(file), len: 0, way: Way::Cached(cached.nothing()), closer }
    }

    /// Octets of the message.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// True once the cache did not have room for it.
    pub(super) fn is_past_cache(&self) -> bool {
        matches!(self.way, Way::Direct { .. })
    }

    /// Writes at the end. Blocks. After an error the message is lost.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = open(&self.file)?;
        if let Way::Cached(cached) = &mut self.way {
            if cached.try_grow(bytes.len()).is_ok() || set_direct(file, true).is_err() {
                return self.append_cached(bytes);
            }
            let cached = std::mem::replace(cached, cached.budget().nothing());
            self.way = Way::Direct { _cached: cached };
        }
        match append_direct(file, self.len, bytes) {
            Ok(()) => {
                self.len = self.len.saturating_add(bytes.len() as u64);
                Ok(())
            }
            // The file system says that it can, and this disk cannot.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                set_direct(file, false)?;
                self.append_cached(bytes)
            }
            Err(error) => Err(error),
        }
    }

    fn append_cached(&mut self, bytes: &[u8]) -> io::Result<()> {
        open(&self.file)?.write_all_at(bytes, self.len)?;
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// The message is complete: from now on the file is read.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        match self.way {
            Way::Cached(_) => Ok(()),
            Way::Direct { .. } => set_direct(open(&self.file)?, false),
        }
    }

    /// Reads at an offset before [`SpoolFile::len`]; 0 there. Blocks.
    pub(super) fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let room = into.len().min(left);
        let into = into.get_mut(..room).unwrap_or_default();
        let count = open(&self.file)?.read_at(into, offset)?;
        if count == 0 && room > 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.closer.close(file);
        }
    }
}

fn open(file: &Option<File>) -> io::Result<&File> {
    file.as_ref().ok_or_else(|| ErrorKind::NotFound.into())
}

fn set_direct(file: &File, is_direct: bool) -> io::Result<()> {
    let flags = if is_direct { OFlag::O_DIRECT } else { OFlag::empty() };
    fcntl(file, FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Writes whole blocks: again the one that is only half full, with what it has.
fn append_direct(file: &File, len: u64, bytes: &[u8]) -> io::Result<()> {
    let block = BLOCK_BYTES as u64;
    let half = usize::try_from(len % block).unwrap_or(0);
    let start = len - len % block;
    let mut blocks = Blocks::new(half.saturating_add(bytes.len()));
    let blocks = blocks.get();
    if half > 0 {
        let first = blocks.get_mut(..BLOCK_BYTES).unwrap_or_default();
        if file.read_at(first, start)? < half {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let tail = blocks.get_mut(half..).unwrap_or_default();
    let (octets, padding) = tail.split_at_mut_checked(bytes.len()).unwrap_or_default();
    octets.copy_from_slice(bytes);
    padding.fill(0);
    file.write_all_at(blocks, start)
}

/// Memory that begins at a block.
struct Blocks {
    memory: Vec<u8>,
    len: usize,
}

impl Blocks {
    /// Enough for so many octets.
    fn new(octets: usize) -> Self {
        let len = octets.next_multiple_of(BLOCK_BYTES);
        Blocks { memory: vec![0; len + BLOCK_BYTES], len }
    }

    fn get(&mut self) -> &mut [u8] {
        let at = self.memory.as_ptr().align_offset(BLOCK_BYTES);
        self.memory.get_mut(at..).and_then(|memory| memory.get_mut(..self.len)).unwrap_or_default()
    }
}
