//! What is told of the selected mailbox as a whole (RFC 3501 7.2.6, 7.3 and 7.4.1, RFC 7162
//! 3.2.10).

use super::{Code, Completion, sequence};
use posthorn_base::ModSeq;
use posthorn_message::structure::imap_text::write_number;

/// Words in parentheses.
pub(super) fn words<'a>(out: &mut Vec<u8>, words: impl Iterator<Item = &'a str>) {
    out.push(b'(');
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
    out.push(b')');
}

fn count(out: &mut Vec<u8>, number: usize, what: &[u8]) {
    out.extend_from_slice(b"* ");
    write_number(out, number as u64);
    out.extend_from_slice(what);
}

/// `* 172 EXISTS`.
pub fn exists(out: &mut Vec<u8>, messages: usize) {
    count(out, messages, b" EXISTS\r\n");
}
/// `* 1 RECENT`.
pub fn recent(out: &mut Vec<u8>, messages: usize) {
    count(out, messages, b" RECENT\r\n");
}
/// `* 44 EXPUNGE`, of a sequence number.
pub fn expunge(out: &mut Vec<u8>, number: usize) {
    count(out, number, b" EXPUNGE\r\n");
}

/// `* VANISHED (EARLIER) 41,43:116`, of UIDs in rising ranges, at least one. `is_earlier`: they
/// were gone before (RFC 7162 3.2.10).
pub fn vanished(out: &mut Vec<u8>, is_earlier: bool, ranges: &[(u32, u32)]) {
    out.extend_from_slice(b"* VANISHED ");
    if is_earlier {
        out.extend_from_slice(b"(EARLIER) ");
    }
    sequence::write_ranges(out, ranges.iter().copied());
    out.extend_from_slice(b"\r\n");
}

/// `* FLAGS (\Seen ...)`.
pub fn flags<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    out.extend_from_slice(b"* FLAGS ");
    words(out, names);
    out.extend_from_slice(b"\r\n");
}

/// `* OK [PERMANENTFLAGS (\Seen ... \*)] ...`.
pub fn permanent_flags<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    out.extend_from_slice(b"* OK [PERMANENTFLAGS ");
    words(out, names);
    out.extend_from_slice(b"] these are kept\r\n");
}

/// `* OK [HIGHESTMODSEQ 715194045007] ...`.
pub fn highest_modseq(out: &mut Vec<u8>, modseq: ModSeq) {
    ok(out, Code::HighestModSeq(modseq), "this far");
}

/// `* OK [...] ...` with any code.
pub fn ok(out: &mut Vec<u8>, code: Code, text: &'static str) {
    Completion::ok(text).with(code).write(None, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut out = Vec::new();
        exists(&mut out, 172);
        recent(&mut out, 0);
        expunge(&mut out, 44);
        vanished(&mut out, false, &[(1, 1)]);
        vanished(&mut out, true, &[(41, 41), (43, 116)]);
        flags(&mut out, ["\\Seen", "x"].into_iter());
        permanent_flags(&mut out, std::iter::empty());
        permanent_flags(&mut out, ["\\Seen", "\\*"].into_iter());
        highest_modseq(&mut out, ModSeq::new(7).unwrap());
        ok(&mut out, Code::Unseen(12), "here");
        let want = "* 172 EXISTS\r\n* 0 RECENT\r\n* 44 EXPUNGE\r\n* VANISHED 1\r\n\
            * VANISHED (EARLIER) 41,43:116\r\n* FLAGS (\\Seen x)\r\n\
            * OK [PERMANENTFLAGS ()] these are kept\r\n\
            * OK [PERMANENTFLAGS (\\Seen \\*)] these are kept\r\n\
            * OK [HIGHESTMODSEQ 7] this far\r\n* OK [UNSEEN 12] here\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
