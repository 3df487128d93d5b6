//! One frame: compressed, or not when that hardly helps.
//!
//! What is small is packed for speed, by LZ4: nearly all messages are, most of them are read more
//! than once, and all of them together are the smaller part of a store. LZ4 unpacks text in a third
//! of zstd's time and packs it in half of it, and leaves it half as large again. Where it saves
//! little, as of base64, and in all that is large, zstd packs for size.

use crate::EngineError;
use lz4_flex::block as lz4;
use posthorn_base::limits::{BODY_FRAME_BYTES, INLINE_BODY_BYTES_MAX};
use std::cell::RefCell;
use std::io::Cursor;
use xxhash_rust::xxh3::xxh3_64;
use zstd::bulk::{Compressor, Decompressor};

/// Of zstd. Measured: level 3 saves 1 to 2 points more for a third more time.
const LEVEL: i32 = 1;

/// How a frame is packed, or the frames of a body that are. The codes are part of the stored
/// format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Not at all.
    Plain,
    /// By zstd.
    Zstd,
    /// By LZ4, as a block without a head.
    Lz4,
}

impl Codec {
    /// The column's value.
    pub(super) const fn code(self) -> i64 {
        match self {
            Codec::Plain => 0,
            Codec::Zstd => 1,
            Codec::Lz4 => 2,
        }
    }
    /// From the column's value.
    pub(super) const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Codec::Plain),
            1 => Some(Codec::Zstd),
            2 => Some(Codec::Lz4),
            _ => None,
        }
    }
}

/// What is wanted of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Unpacks fast.
    Speed,
    /// Takes little room.
    Size,
}

impl Aim {
    /// For octets that are all there is.
    pub(super) const fn of_whole(octets: usize) -> Self {
        if octets <= INLINE_BODY_BYTES_MAX { Aim::Speed } else { Aim::Size }
    }
}

/// A compressor and a decompressor of this thread: making one costs more than a small frame.
struct Contexts {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
}

thread_local! {
    static CONTEXTS: RefCell<Option<Contexts>> = const { RefCell::new(None) };
}

fn with_contexts<T>(
    run: impl FnOnce(&mut Contexts) -> std::io::Result<T>,
) -> Result<T, EngineError> {
    CONTEXTS
        .with_borrow_mut(|slot| {
            let contexts = match slot {
                Some(contexts) => contexts,
                None => slot.insert(Contexts {
                    compressor: Compressor::new(LEVEL)?,
                    decompressor: Decompressor::new()?,
                    packed: Vec::with_capacity(zstd::zstd_safe::compress_bound(BODY_FRAME_BYTES)),
                }),
            };
            run(contexts)
        })
        .map_err(|error| EngineError::Corrupt(format!("compression: {error}")))
}

impl Contexts {
    /// Packs octets into `packed`, which is empty for those that are better stored as they are.
    fn pack(&mut self, octets: &[u8], aim: Aim) -> std::io::Result<Codec> {
        if aim == Aim::Speed {
            self.packed.resize(lz4::get_maximum_output_size(octets.len()), 0);
            let length = lz4::compress_into(octets, &mut self.packed).map_err(other)?;
            self.packed.truncate(length);
            if length <= octets.len() - octets.len() / 4 {
                return Ok(Codec::Lz4);
            }
        }
        self.packed.clear();
        self.packed.reserve(zstd::zstd_safe::compress_bound(octets.len()));
        self.compressor.compress_to_buffer(octets, &mut self.packed)?;
        // What saves less than a tenth is not worth unpacking.
        let worth = octets.len() - octets.len() / 10;
        Ok(if self.packed.len() > worth { Codec::Plain } else { Codec::Zstd })
    }

    /// Appends at most `size` octets to `out`; how many.
    fn unpack(
        &mut self,
        codec: Codec,
        stored: &[u8],
        size: usize,
        out: &mut Vec<u8>,
    ) -> std::io::Result<usize> {
        let start = out.len();
        match codec {
            Codec::Plain => {
                out.extend_from_slice(stored);
                Ok(stored.len())
            }
            Codec::Zstd => {
                out.reserve(size);
                let mut end = Cursor::new(out);
                end.set_position(start as u64);
                self.decompressor.decompress_to_buffer(stored, &mut end)
            }
            Codec::Lz4 => {
                out.resize(start.saturating_add(size), 0);
                let room = out.get_mut(start..).unwrap_or_default();
                lz4::decompress_into(stored, room).map_err(other)
            }
        }
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> std::io::Error {
    std::io::Error::other(error)
}

/// What stands in the table of frames for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Bytes as stored.
    pub(super) stored: u32,
    /// How they are packed.
    pub(super) codec: Codec,
    /// XXH3 (64 bits) of the bytes as stored.
    pub(super) checksum: u64,
}

/// Appends the frame as it is stored to `out`.
pub(super) fn pack(octets: &[u8], aim: Aim, out: &mut Vec<u8>) -> Result<Entry, EngineError> {
    let start = out.len();
    let codec = with_contexts(|contexts| {
        let codec = contexts.pack(octets, aim)?;
        out.extend_from_slice(if codec == Codec::Plain { octets } else { &contexts.packed });
        Ok(codec)
    })?;
    let stored = out.get(start..).unwrap_or_default();
    let length = u32::try_from(stored.len())
        .map_err(|_| EngineError::Corrupt("a frame is larger than frames are".into()))?;
    Ok(Entry { stored: length, codec, checksum: xxh3_64(stored) })
}

/// Packs octets that are no body, as one frame without a table: the codec's code and what is
/// stored.
pub(crate) fn compress(octets: &[u8]) -> Result<(i64, Vec<u8>), EngineError> {
    let mut out = Vec::new();
    let entry = pack(octets, Aim::Size, &mut out)?;
    Ok((entry.codec.code(), out))
}

/// Unpacks what [`compress`] packed; `out` holds its `size` octets and nothing else.
///
/// # Errors
/// [`EngineError::Corrupt`] when the size is not what it was, [`EngineError::Unavailable`] for a
/// codec of a newer release.
pub(crate) fn decompress(
    codec: i64,
    stored: &[u8],
    size: usize,
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    out.clear();
    let codec = Codec::from_code(codec)
        .ok_or_else(|| EngineError::Unavailable(format!("codec {codec} needs a newer release")))?;
    append(codec, stored, size, out)
}

/// Appends the `size` octets of a frame to `out`.
///
/// # Errors
/// [`EngineError::Corrupt`] when the checksum or the size is not what it was.
pub(super) fn unpack(
    stored: &[u8],
    entry: Entry,
    size: usize,
    out: &mut Vec<u8>,
) -> Result<(), EngineError> {
    if xxh3_64(stored) != entry.checksum {
        return Err(EngineError::Corrupt("a frame's checksum does not match".into()));
    }
    append(entry.codec, stored, size, out)
}

fn append(codec: Codec, stored: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), EngineError> {
    let got = with_contexts(|contexts| contexts.unpack(codec, stored, size, out))?;
    if got != size {
        return Err(EngineError::Corrupt(format!("{got} octets were packed instead of {size}")));
    }
    Ok(())
}
