//! Takes a body as it arrives and makes frames of it.

use super::files::{BodyFiles, at};
use super::frame::{Aim, pack};
use super::line_ends::LineEnds;
use super::table::FrameTable;
use crate::EngineError;
use crate::mail::{Location, NewBody};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use posthorn_base::BodyId;
use posthorn_base::limits::BODY_FRAME_BYTES;
use std::fs::File;
use std::io::Write;

/// Encodes a body while it arrives. Memory: one frame and its packed form at most.
///
/// Writing to a file goes to the system's cache, finishing waits for the disk: callers on an
/// asynchronous runtime finish on a thread that may block.
pub struct BodyWriter {
    id: BodyId,
    files: BodyFiles,
    hash: Context,
    line_ends: LineEnds,
    table: FrameTable,
    /// Octets of the frame that is not full yet.
    pending: Vec<u8>,
    /// Frames that are packed and not in a file.
    packed: Vec<u8>,
    file: Option<Open>,
}

/// A file that is deleted unless it is finished.
struct Open {
    name: String,
    file: Option<File>,
    files: BodyFiles,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.file.is_some()
            && let Err(error) = self.files.forget(&self.name)
        {
            // The sweep finds it later.
            tracing::warn!(%error, name = self.name, "an unfinished body file stays behind");
        }
    }
}

impl std::fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyWriter").field("id", &self.id).finish_non_exhaustive()
    }
}

impl BodyWriter {
    /// A body that goes to a file when it grows beyond [`BodyFiles::inline_max`].
    pub fn new(files: &BodyFiles, id: BodyId) -> Self {
        BodyWriter {
            id,
            files: files.clone(),
            hash: Context::new(&SHA256),
            line_ends: LineEnds::new(),
            table: FrameTable::new(),
            pending: Vec::new(),
            packed: Vec::new(),
            file: None,
        }
    }

    /// The octets of a body that is in memory already, which takes no copy of them when it is
    /// small.
    ///
    /// # Errors
    /// As [`BodyWriter::push`] and [`BodyWriter::finish`].
    pub fn encode(
        files: &BodyFiles,
        id: BodyId,
        octets: &[u8],
        prefix: Bytes,
    ) -> Result<NewBody, EngineError> {
        let mut writer = Self::new(files, id);
        if octets.len() > writer.files.inline_max() {
            writer.push(octets)?;
        } else {
            writer.hash.update(octets);
            writer.line_ends.push(octets);
            writer.pack_frame(octets)?;
        }
        writer.finish(prefix)
    }

    /// Takes the next octets.
    ///
    /// # Errors
    /// [`EngineError::Full`] or [`EngineError::Io`] from the file; the body is lost then.
    pub fn push(&mut self, octets: &[u8]) -> Result<(), EngineError> {
        self.hash.update(octets);
        self.line_ends.push(octets);
        let mut rest = octets;
        while !rest.is_empty() {
            let room = BODY_FRAME_BYTES.saturating_sub(self.pending.len());
            let (now, later) = rest.split_at(room.min(rest.len()));
            if self.pending.is_empty() && now.len() == BODY_FRAME_BYTES {
                self.pack_frame(now)?;
            } else {
                self.pending.extend_from_slice(now);
                self.pack_if_full()?;
            }
            rest = later;
        }
        Ok(())
    }

    fn pack_if_full(&mut self) -> Result<(), EngineError> {
        if self.pending.len() < BODY_FRAME_BYTES {
            return Ok(());
        }
        self.pack_pending()
    }

    fn pack_pending(&mut self) -> Result<(), EngineError> {
        let mut octets = std::mem::take(&mut self.pending);
        let result = self.pack_frame(&octets);
        octets.clear();
        self.pending = octets;
        result
    }

    fn pack_frame(&mut self, octets: &[u8]) -> Result<(), EngineError> {
        if octets.is_empty() {
            return Ok(());
        }
        // All frames of a body are packed alike: the first of several is full, and thus large.
        let is_first = self.table.size() == 0;
        let aim = if is_first { Aim::of_whole(octets.len()) } else { Aim::Size };
        let entry = pack(octets, aim, &mut self.packed)?;
        self.table.push(entry, octets.len());
        if self.table.size() > self.files.inline_max() as u64 {
            self.flush()?;
        }
        Ok(())
    }

    /// Moves what is packed to the file.
    fn flush(&mut self) -> Result<(), EngineError> {
        let open = match &mut self.file {
            Some(open) => open,
            None => {
                let name = BodyFiles::name(self.id);
                let file = Some(self.files.create(&name)?);
                self.file.insert(Open { name, file, files: self.files.clone() })
            }
        };
        if let Some(file) = &mut open.file {
            let path = self.files.path(&open.name)?;
            file.write_all(&self.packed).map_err(|error| at(&path, &error))?;
        }
        self.packed.clear();
        Ok(())
    }

    /// The body is complete. A file is on stable storage when this returns.
    ///
    /// # Errors
    /// [`EngineError::Full`] or [`EngineError::Io`] from the file, which is deleted then. A failed
    /// fsync is not tried again: the body is refused as a whole.
    pub fn finish(mut self, prefix: Bytes) -> Result<NewBody, EngineError> {
        self.pack_pending()?;
        let mut hash = self.hash;
        hash.update(&prefix);
        let digest = hash.finish();
        let hash = digest
            .as_ref()
            .try_into()
            .map_err(|_| EngineError::Corrupt("a SHA-256 of another length".into()))?;
        let location = match self.file.take() {
            None => Location::Inline(self.packed.into()),
            Some(mut open) => {
                if let Some(file) = &open.file {
                    self.files.sync(&open.name, file)?;
                }
                open.file = None;
                Location::File(std::mem::take(&mut open.name))
            }
        };
        Ok(NewBody {
            id: self.id,
            prefix,
            size: self.table.size(),
            crlf_added: self.line_ends.added(),
            hash,
            codec: self.table.codec().code(),
            key_id: 0,
            frames: self.table.encode().into(),
            location,
        })
    }
}
