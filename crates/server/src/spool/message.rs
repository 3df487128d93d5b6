//! A message that has arrived whole and waits to be decided on.

use super::file::SpoolFile;
use crate::memory::Permit;
use bytes::Bytes;
use std::io::{self, Read};
use std::sync::Arc;

/// The bytes of a complete message. Cheap to clone; gone, with their memory or disk space, when the
/// last clone is.
#[derive(Debug, Clone)]
pub struct Spooled(Arc<Place>);

#[derive(Debug)]
enum Place {
    Memory { bytes: Bytes, _permit: Permit },
    File(SpoolFile),
}

impl Spooled {
    pub(super) fn memory(bytes: Bytes, permit: Permit) -> Self {
        Spooled(Arc::new(Place::Memory { bytes, _permit: permit }))
    }

    pub(super) fn file(file: SpoolFile) -> Self {
        Spooled(Arc::new(Place::File(file)))
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        match self.0.as_ref() {
            Place::Memory { bytes, .. } => bytes.len() as u64,
            Place::File(file) => file.len(),
        }
    }

    /// True for a message without a byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole message, when it is in memory (as every message up to
    /// `limits::INLINE_BODY_BYTES_MAX` is unless memory was short).
    pub fn in_memory(&self) -> Option<&[u8]> {
        match self.0.as_ref() {
            Place::Memory { bytes, .. } => Some(bytes),
            Place::File(_) => None,
        }
    }

    /// Reads it from the beginning. Readers don't disturb each other. Reading from a file blocks:
    /// use it on a thread that may.
    pub fn reader(&self) -> SpoolReader {
        SpoolReader { message: self.clone(), offset: 0 }
    }

    /// Reads at an offset; 0 at the end. Blocks as [`Spooled::reader`] does.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.0.as_ref() {
            Place::Memory { bytes, .. } => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = bytes.get(offset..).unwrap_or_default();
                rest.as_ref().read(into)
            }
            Place::File(file) => file.read_at(into, offset),
        }
    }
}

/// Reads a spooled message from its beginning.
#[derive(Debug, Clone)]
pub struct SpoolReader {
    message: Spooled,
    offset: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.message.read_at(into, self.offset)?;
        self.offset = self.offset.saturating_add(count as u64);
        Ok(count)
    }
}
