//! Untagged responses about the selected mailbox.

use posthorn_base::{Flags, Keyword, ModSeq, Uid};
use posthorn_proto::imap::Code;
use std::io::Write;

fn put(bytes: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    drop(bytes.write_fmt(text));
}

fn words<'a>(bytes: &mut Vec<u8>, words: impl Iterator<Item = &'a str>) {
    bytes.push(b'(');
    for (number, word) in words.enumerate() {
        if number > 0 {
            bytes.push(b' ');
        }
        bytes.extend_from_slice(word.as_bytes());
    }
    bytes.push(b')');
}

/// FLAGS.
pub(super) fn flags<'a>(bytes: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    bytes.extend_from_slice(b"* FLAGS ");
    words(bytes, names);
    bytes.extend_from_slice(b"\r\n");
}
/// PERMANENTFLAGS.
pub(super) fn permanent_flags<'a>(bytes: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    bytes.extend_from_slice(b"* OK [PERMANENTFLAGS ");
    words(bytes, names);
    bytes.extend_from_slice(b"] these are kept\r\n");
}
/// HIGHESTMODSEQ.
pub(super) fn highest_modseq(bytes: &mut Vec<u8>, modseq: ModSeq) {
    put(bytes, format_args!("* OK [HIGHESTMODSEQ {}] this far\r\n", modseq.get()));
}
/// EXISTS.
pub(super) fn exists(bytes: &mut Vec<u8>, count: usize) {
    put(bytes, format_args!("* {count} EXISTS\r\n"));
}
/// RECENT.
pub(super) fn recent(bytes: &mut Vec<u8>, count: usize) {
    put(bytes, format_args!("* {count} RECENT\r\n"));
}
/// EXPUNGE.
pub(super) fn expunge(bytes: &mut Vec<u8>, number: usize) {
    put(bytes, format_args!("* {number} EXPUNGE\r\n"));
}
/// VANISHED with these ranges, `EARLIER` when it says what was known to be gone before.
pub(super) fn vanished(bytes: &mut Vec<u8>, is_earlier: bool, ranges: &[(u32, u32)]) {
    bytes.extend_from_slice(b"* VANISHED ");
    if is_earlier {
        bytes.extend_from_slice(b"(EARLIER) ");
    }
    for (number, (from, to)) in ranges.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        match from == to {
            true => put(bytes, format_args!("{comma}{from}")),
            false => put(bytes, format_args!("{comma}{from}:{to}")),
        }
    }
    bytes.extend_from_slice(b"\r\n");
}
/// Adds a number behind all others; joins it to the last range where it touches.
pub(super) fn add_to_ranges(ranges: &mut Vec<(u32, u32)>, number: u32) {
    match ranges.last_mut() {
        Some((_, to)) if to.checked_add(1) == Some(number) => *to = number,
        _ => ranges.push((number, number)),
    }
}
/// OK with a code.
pub(super) fn ok(bytes: &mut Vec<u8>, code: Code, text: &str) {
    bytes.extend_from_slice(b"* OK [");
    match code {
        Code::Closed => bytes.extend_from_slice(b"CLOSED"),
        Code::Unseen(number) => put(bytes, format_args!("UNSEEN {number}")),
        Code::UidValidity(number) => put(bytes, format_args!("UIDVALIDITY {}", number.get())),
        Code::UidNext(number) => put(bytes, format_args!("UIDNEXT {}", number.get())),
        _ => {}
    }
    put(bytes, format_args!("] {text}\r\n"));
}
/// FETCH with what a client has to know of a message whose flags changed.
pub(super) fn fetch_flags<'a>(
    bytes: &mut Vec<u8>,
    number: usize,
    uid: Option<Uid>,
    modseq: Option<ModSeq>,
    flags: Option<(Flags, impl Iterator<Item = &'a Keyword>, bool)>,
) {
    put(bytes, format_args!("* {number} FETCH ("));
    let mut space = "";
    if let Some(uid) = uid {
        put(bytes, format_args!("UID {}", uid.get()));
        space = " ";
    }
    if let Some(modseq) = modseq {
        put(bytes, format_args!("{space}MODSEQ ({})", modseq.get()));
        space = " ";
    }
    if let Some((flags, keywords, is_recent)) = flags {
        put(bytes, format_args!("{space}FLAGS "));
        let recent = is_recent.then_some("\\Recent");
        let flags = flags.names().chain(recent).map(|name| -> &'a str { name });
        words(bytes, flags.chain(keywords.map(Keyword::as_str)));
    }
    bytes.extend_from_slice(b")\r\n");
}
/// FETCH with a new modseq alone.
pub(super) fn fetch_modseq(bytes: &mut Vec<u8>, number: usize, uid: Uid, modseq: ModSeq) {
    let none: Option<(Flags, std::iter::Empty<&Keyword>, bool)> = None;
    fetch_flags(bytes, number, Some(uid), Some(modseq), none);
}
