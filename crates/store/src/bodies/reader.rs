//! Reads a body or a part of it, frame by frame.

use super::files::BodyFiles;
use super::frame::{Codec, unpack};
use super::table::{Frame, FrameTable};
use crate::EngineError;
use crate::mail::{Body, Location};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// Where the stored frames come from.
#[derive(Debug)]
enum Source {
    Inline(Bytes),
    File(File),
}

/// A body that can be read at any place. Reading a file blocks.
#[derive(Debug)]
pub struct BodyReader {
    table: FrameTable,
    source: Source,
}

impl BodyReader {
    /// Opens a body of which the row was read.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when the row contradicts itself or the file is missing,
    /// [`EngineError::Unavailable`] when this release cannot read it.
    pub fn open(body: &Body, files: &BodyFiles) -> Result<Self, EngineError> {
        let codec = Codec::from_code(body.codec).filter(|_| body.key_id == 0).ok_or_else(|| {
            EngineError::Unavailable(format!("body {} needs a newer release", body.id))
        })?;
        let table = FrameTable::decode(body.size, codec, &body.frames)?;
        let source = match &body.location {
            Location::Inline(data) => Source::Inline(data.clone()),
            Location::File(name) => Source::File(files.read(name)?),
            Location::Object(name) => {
                return Err(EngineError::Unavailable(format!("{name}: there is no object store")));
            }
        };
        Ok(BodyReader { table, source })
    }

    /// Octets of the body, without the prefix.
    pub const fn size(&self) -> u64 {
        self.table.size()
    }

    /// Appends the octets of `range`, as far as the body has them, to `out`. Only the frames that
    /// hold them are touched.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when a frame is not what was stored, [`EngineError::Io`].
    pub fn read(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), EngineError> {
        let end = range.end.min(self.size());
        for frame in self.table.frames(range.start, end) {
            let before = out.len();
            self.frame(&frame, out)?;
            // Cut what the frame has beyond the range.
            let upto = usize::try_from(end - frame.start).unwrap_or(usize::MAX).min(frame.size);
            out.truncate(before + upto);
            let from =
                usize::try_from(range.start.saturating_sub(frame.start)).unwrap_or(usize::MAX);
            out.drain(before..before + from.min(upto));
        }
        Ok(())
    }

    /// All octets.
    ///
    /// # Errors
    /// As [`BodyReader::read`].
    pub fn read_all(&self) -> Result<Vec<u8>, EngineError> {
        let mut out = Vec::with_capacity(usize::try_from(self.size()).unwrap_or(0));
        self.read(0..self.size(), &mut out)?;
        Ok(out)
    }

    /// Reads everything and compares it with the hash of the row.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when anything is not as it was stored.
    pub fn verify(&self, prefix: &[u8], hash: &[u8]) -> Result<(), EngineError> {
        let mut context = Context::new(&SHA256);
        let mut octets = Vec::new();
        for frame in self.table.frames(0, self.size()) {
            octets.clear();
            self.frame(&frame, &mut octets)?;
            context.update(&octets);
        }
        context.update(prefix);
        let stored = self.table.stored_bytes();
        let there = match &self.source {
            Source::Inline(data) => data.len() as u64,
            Source::File(file) => file.metadata().map_err(|error| io(&error))?.len(),
        };
        if there != stored {
            return Err(EngineError::Corrupt(format!("{there} bytes stored instead of {stored}")));
        }
        if context.finish().as_ref() != hash {
            return Err(EngineError::Corrupt("the body's hash does not match".into()));
        }
        Ok(())
    }

    fn frame(&self, frame: &Frame, out: &mut Vec<u8>) -> Result<(), EngineError> {
        let length = frame.entry.stored as usize;
        match &self.source {
            Source::Inline(data) => {
                let start = usize::try_from(frame.offset).unwrap_or(usize::MAX);
                let stored = data
                    .get(start..start.saturating_add(length))
                    .ok_or_else(|| EngineError::Corrupt("a body's data is cut off".into()))?;
                unpack(stored, frame.entry, frame.size, out)
            }
            Source::File(file) => {
                let mut stored = vec![0; length];
                file.read_exact_at(&mut stored, frame.offset).map_err(|error| io(&error))?;
                unpack(&stored, frame.entry, frame.size, out)
            }
        }
    }
}

fn io(error: &std::io::Error) -> EngineError {
    match error.kind() {
        ErrorKind::UnexpectedEof => EngineError::Corrupt("a body's file is cut off".into()),
        _ => EngineError::Io(format!("a body's file: {error}")),
    }
}
