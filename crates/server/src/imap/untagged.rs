//! Untagged responses about the selected mailbox, as this driver says them.

use super::Output;
use crate::conn::CloseReason;
use posthorn_base::{Flags, Keyword, ModSeq, Uid};
use posthorn_proto::imap::response::FetchResponse;

use posthorn_proto::imap::response::vanished;
pub(super) use posthorn_proto::imap::response::{
    exists, expunge, flags, highest_modseq, ok, permanent_flags, recent,
};

/// Ranges of one VANISHED; what is more goes into a further one (RFC 7162 3.2.10 allows several).
/// A line stays below 22 KiB.
const VANISHED_RANGES: usize = 1000;

/// VANISHED for these UIDs, with EARLIER or without.
///
/// # Errors
/// When the connection ends.
pub(super) async fn tell_vanished(
    earlier: bool,
    ranges: &[(u32, u32)],
    output: &mut Output<'_>,
) -> Result<(), CloseReason> {
    for ranges in ranges.chunks(VANISHED_RANGES) {
        vanished(output.bytes(), earlier, ranges);
        output.room().await?;
    }
    Ok(())
}

/// Adds a number behind all others; joins it to the last range where it touches.
pub(super) fn add_to_ranges(ranges: &mut Vec<(u32, u32)>, number: u32) {
    match ranges.last_mut() {
        Some((_, to)) if to.checked_add(1) == Some(number) => *to = number,
        _ => ranges.push((number, number)),
    }
}

/// FETCH with what a client has to know of a message whose flags changed.
pub(super) fn fetch_flags<'a>(
    bytes: &mut Vec<u8>,
    number: usize,
    uid: Option<Uid>,
    modseq: Option<ModSeq>,
    flags: Option<(Flags, impl Iterator<Item = &'a Keyword>, bool)>,
) {
    let mut response = FetchResponse::begin(bytes, number);
    if let Some(uid) = uid {
        response.uid(bytes, uid);
    }
    if let Some(modseq) = modseq {
        response.mod_seq(bytes, modseq);
    }
    if let Some((flags, keywords, is_recent)) = flags {
        response.flags(bytes, flags, is_recent, keywords.map(Keyword::as_str));
    }
    response.end(bytes);
}

/// FETCH with a new modseq alone.
pub(super) fn fetch_modseq(bytes: &mut Vec<u8>, number: usize, uid: Uid, modseq: ModSeq) {
    let none: Option<(Flags, std::iter::Empty<&Keyword>, bool)> = None;
    fetch_flags(bytes, number, Some(uid), Some(modseq), none);
}
