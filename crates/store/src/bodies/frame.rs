//! One frame: compressed, or not when that hardly helps.

use crate::EngineError;
use posthorn_base::limits::BODY_FRAME_BYTES;
use std::cell::RefCell;
use std::io::Cursor;
use xxhash_rust::xxh3::xxh3_64;
use zstd::bulk::{Compressor, Decompressor};

/// Measured: level 3 saves 1 to 2 points more for a third more time.
const LEVEL: i32 = 1;

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

/// What stands in the table of frames for one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Bytes as stored.
    pub(super) stored: u32,
    /// Stored as it is, not compressed.
    pub(super) plain: bool,
    /// XXH3 (64 bits) of the bytes as stored.
    pub(super) checksum: u64,
}

/// Appends the frame as it is stored to `out`.
pub(super) fn pack(octets: &[u8], out: &mut Vec<u8>) -> Result<Entry, EngineError> {
    let start = out.len();
    let plain = with_contexts(|contexts| {
        contexts.packed.clear();
        // What saves less than a tenth is not worth unpacking.
        let worth = octets.len() - octets.len() / 10;
        contexts.packed.reserve(zstd::zstd_safe::compress_bound(octets.len()));
        contexts.compressor.compress_to_buffer(octets, &mut contexts.packed)?;
        let plain = contexts.packed.len() > worth;
        out.extend_from_slice(if plain { octets } else { &contexts.packed });
        Ok(plain)
    })?;
    let stored = out.get(start..).unwrap_or_default();
    let length = u32::try_from(stored.len())
        .map_err(|_| EngineError::Corrupt("a frame is larger than frames are".into()))?;
    Ok(Entry { stored: length, plain, checksum: xxh3_64(stored) })
}

/// Packs octets that are no body, as one frame without a table: the codec (0 plain, 1 zstd) and
/// what is stored.
pub(crate) fn compress(octets: &[u8]) -> Result<(i64, Vec<u8>), EngineError> {
    let mut out = Vec::new();
    let entry = pack(octets, &mut out)?;
    Ok((i64::from(!entry.plain), out))
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
    match codec {
        0 => out.extend_from_slice(stored),
        1 => {
            out.reserve(size);
            with_contexts(|contexts| contexts.decompressor.decompress_to_buffer(stored, out))?;
        }
        _ => return Err(EngineError::Unavailable(format!("codec {codec} needs a newer release"))),
    }
    if out.len() != size {
        let got = out.len();
        return Err(EngineError::Corrupt(format!("{got} octets were packed instead of {size}")));
    }
    Ok(())
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
    let got = if entry.plain {
        out.extend_from_slice(stored);
        stored.len()
    } else {
        with_contexts(|contexts| {
            out.reserve(size);
            let start = out.len() as u64;
            let mut end = Cursor::new(out);
            end.set_position(start);
            contexts.decompressor.decompress_to_buffer(stored, &mut end)
        })?
    };
    if got != size {
        return Err(EngineError::Corrupt(format!("a frame has {got} octets instead of {size}")));
    }
    Ok(())
}
