//! The table of a body's frames: where each begins, how long it is, its checksum.
//!
//! Twelve bytes a frame, little-endian: the stored length in 31 bits with a top bit that says
//! "plain", then the checksum. How the others are packed says the `codec` column for all of them.

use super::frame::{Codec, Entry};
use crate::EngineError;
use posthorn_base::limits::BODY_FRAME_BYTES;

const ENTRY_BYTES: usize = 12;
const PLAIN: u32 = 1 << 31;

/// The frames of a body of known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameTable {
    size: u64,
    entries: Vec<Entry>,
}

/// Where a frame is and what it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) entry: Entry,
    /// Of its stored bytes within the data.
    pub(super) offset: u64,
    /// Of its octets within the body.
    pub(super) start: u64,
    /// Octets.
    pub(super) size: usize,
}

impl FrameTable {
    pub(super) const fn new() -> Self {
        FrameTable { size: 0, entries: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: Entry, octets: usize) {
        self.entries.push(entry);
        self.size += octets as u64;
    }

    /// Octets of the body.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of all frames as stored.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.stored)).sum()
    }

    /// How those of its frames are packed that are.
    pub(super) fn codec(&self) -> Codec {
        let codecs = self.entries.iter().map(|entry| entry.codec);
        codecs
            .reduce(|all, one| if all == Codec::Plain { one } else { all })
            .unwrap_or(Codec::Plain)
    }

    /// The column.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        for entry in &self.entries {
            let plain = if entry.codec == Codec::Plain { PLAIN } else { 0 };
            let length = entry.stored | plain;
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&entry.checksum.to_le_bytes());
        }
        out
    }

    /// Reads the columns of a row.
    ///
    /// # Errors
    /// [`EngineError::Corrupt`] when they do not fit together.
    pub(super) fn decode(size: u64, codec: Codec, column: &[u8]) -> Result<Self, EngineError> {
        let corrupt = |what: &str| EngineError::Corrupt(format!("table of frames: {what}"));
        let (chunks, rest) = column.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(corrupt("cut off"));
        }
        if chunks.len() as u64 != size.div_ceil(BODY_FRAME_BYTES as u64) {
            return Err(corrupt("not as many frames as the size needs"));
        }
        let entries = chunks
            .iter()
            .map(|&[a, b, c, d, ref checksum @ ..]| {
                let length = u32::from_le_bytes([a, b, c, d]);
                let codec = match codec {
                    _ if length & PLAIN != 0 => Codec::Plain,
                    Codec::Plain => return Err(corrupt("packed frames in a plain body")),
                    codec => codec,
                };
                let checksum = u64::from_le_bytes(*checksum);
                Ok(Entry { stored: length & !PLAIN, codec, checksum })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if entries.iter().any(|entry| entry.stored as usize > BODY_FRAME_BYTES) {
            return Err(corrupt("a frame is too long"));
        }
        Ok(FrameTable { size, entries })
    }

    /// The frames that hold octets `start..end`.
    pub(super) fn frames(&self, start: u64, end: u64) -> impl Iterator<Item = Frame> {
        let size = self.size;
        let mut offset = 0;
        self.entries
            .iter()
            .zip((0..).step_by(BODY_FRAME_BYTES))
            .map(move |(entry, first)| {
                let left = usize::try_from(size.saturating_sub(first)).unwrap_or(usize::MAX);
                let frame =
                    Frame { entry: *entry, offset, start: first, size: left.min(BODY_FRAME_BYTES) };
                offset += u64::from(entry.stored);
                frame
            })
            .skip_while(move |frame| frame.start + frame.size as u64 <= start)
            .take_while(move |frame| frame.start < end)
    }
}
