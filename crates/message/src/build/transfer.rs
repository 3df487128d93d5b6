//! Which transfer encoding a content gets.

use super::Wire;
use crate::encoding::{Base64Encoder, Encoding, encode_quoted_printable};
use memchr::memmem;

/// RFC 5321 4.5.3.1.6 and RFC 5322 2.1.1: characters of a line, without its CRLF.
const LINE_MAX: usize = 998;

/// Encodes a text for the wire: as it is where that is safe, else quoted-printable, or base64 where
/// it is mostly not ASCII.
pub(super) fn text(text: &str, wire: Wire) -> (Encoding, Vec<u8>) {
    let canonical = crlf(text);
    let bytes = canonical.as_bytes();
    let lines_fit = bytes.split(|b| *b == b'\n').all(|line| line.len() <= LINE_MAX);
    // Software that keeps mail in mbox files changes such lines, which breaks signatures.
    let has_from = bytes.starts_with(b"From ") || memmem::find(bytes, b"\nFrom ").is_some();
    let is_plain = lines_fit && !has_from && !bytes.contains(&0) && !has_white_end(bytes);
    if is_plain && bytes.is_ascii() {
        return (Encoding::SevenBit, canonical.into_bytes());
    }
    if is_plain && wire == Wire::EightBit {
        return (Encoding::EightBit, canonical.into_bytes());
    }
    // Legible while most of it is ASCII; base64 is shorter from about a sixth, and by far from
    // half.
    let escaped = bytes.iter().filter(|b| !b.is_ascii()).count();
    if escaped * 2 <= bytes.len() {
        return (Encoding::QuotedPrintable, encode_quoted_printable(bytes));
    }
    (Encoding::Base64, base64(bytes))
}

/// Trailing white space gets lost on some ways; `-- ` before a signature is too common to mind.
fn has_white_end(bytes: &[u8]) -> bool {
    bytes.split(|b| *b == b'\n').any(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        matches!(line.last(), Some(b' ' | b'\t')) && line != b"-- "
    })
}

/// Line ends as the wire has them: a bare CR or LF is one too.
fn crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push_str("\r\n");
            }
            '\n' => out.push_str("\r\n"),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Base64Encoder::default();
    encoder.push(bytes, &mut out);
    encoder.finish(&mut out);
    out
}

/// The label for octets that must not be encoded: RFC 2046 5.2.1 on message/rfc822.
pub(super) fn label(bytes: &[u8]) -> Encoding {
    let lines_fit = bytes.split(|b| *b == b'\n').all(|line| line.len() <= LINE_MAX + 1);
    if bytes.contains(&0) || !lines_fit {
        Encoding::Binary
    } else if bytes.is_ascii() {
        Encoding::SevenBit
    } else {
        Encoding::EightBit
    }
}
