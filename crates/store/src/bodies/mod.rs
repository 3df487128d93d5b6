//! The bytes of messages: independent frames, in the row or in a file.
//!
//! A body is cut into frames of [`BODY_FRAME_BYTES`], each compressed by itself and with a checksum
//! of its own, so that a partial read touches, checks and unpacks only its frames. Small bodies are
//! packed for speed, large ones for size. Compression happens on the submitting side, never in the
//! writer of the store. Up to
//! [`BodyFiles::inline_max`] the frames stand in the body's row, above it in a file that is on
//! stable storage, with its name, before the row is committed.
//!
//! The trace prefix (our Return-Path, Received, Authentication-Results) is not part of the frames:
//! it is known last and stands in the row. The hash covers the octets and then the prefix, in the
//! order in which they become known, so that no body is read twice.
//!
//! Invariants
//! * A file's name is made from its [`BodyId`] and never used again; a file is never changed.
//! * What a reader hands out has matched its frame's checksum.
//! * A file without a row is deleted only when it is older than any transaction can be.

mod files;
mod frame;
mod line_ends;
mod reader;
mod sweep;
mod table;
mod writer;

pub use files::{BodyFiles, SweepHold};
pub(crate) use frame::{compress, decompress};
pub use reader::BodyReader;
pub use sweep::{sweep_due, sweep_orphans};
pub use writer::BodyWriter;

#[cfg(doc)]
use posthorn_base::{BodyId, limits::BODY_FRAME_BYTES};

#[cfg(test)]
mod tests;
