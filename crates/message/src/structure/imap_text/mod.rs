//! ENVELOPE, BODY and BODYSTRUCTURE as IMAP writes them (RFC 3501 7.4.2 and 9, RFC 9051 7.5.2).
//!
//! They are written from the stored forms, in one pass and without anything in between: a client
//! that opens a mailbox asks for those of thousands of messages.
//!
//! Strings are quoted where RFC 3501 9 allows it (printable US-ASCII, no CR, LF or NUL), else they
//! are literals, which may hold octets beyond US-ASCII. A NUL, which no IMAP string may hold, and a
//! CR or LF, which only damaged values have, become spaces.

mod body;
mod envelope;

pub use body::write_body_structure;
pub use envelope::write_envelope;

use crate::wire::WireError;

/// Longest text that is written in quotes; longer ones are literals, which clients need not scan.
const QUOTED_BYTES_MAX: usize = 1000;

/// What was written before an error is taken back.
fn undone_if_damaged(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let before = out.len();
    write(out).inspect_err(|_| out.truncate(before))
}

/// Writes `nstring`: a string, or NIL.
pub fn write_nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => write_string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Writes `string`: quoted, or a literal where quotes will not do.
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    let is_short = text.len() <= QUOTED_BYTES_MAX;
    if is_short && are_all_plain(text) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
        return;
    }
    let clean = |b: u8| if matches!(b, b'\0' | b'\r' | b'\n') { b' ' } else { b };
    if is_short && text.is_ascii() {
        out.push(b'"');
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(clean(byte));
        }
        out.push(b'"');
    } else {
        out.push(b'{');
        write_number(out, text.len() as u64);
        out.extend_from_slice(b"}\r\n");
        out.extend(text.iter().copied().map(clean));
    }
}

/// True when a text may stand between quotes as it is. Looks at all of it, which is faster than to
/// stop where something is found.
fn are_all_plain(text: &[u8]) -> bool {
    let special = |byte: u8| !matches!(byte, b' '..=b'~') | (byte == b'"') | (byte == b'\\');
    !text.iter().fold(false, |found, &byte| found | special(byte))
}

/// Writes a number in decimal.
pub fn write_number(out: &mut Vec<u8>, number: u64) {
    // A u64 has at most 20 digits.
    let mut digits = [0; 20];
    let (mut rest, mut first) = (number, digits.len());
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        first = at;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            write_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn strings() {
        #[track_caller]
        fn check(text: &[u8], want: &str) {
            let mut out = Vec::new();
            write_string(&mut out, text);
            assert_eq!(out.escape_ascii().to_string(), want.as_bytes().escape_ascii().to_string());
        }
        check(b"", "\"\"");
        check(b"a b", "\"a b\"");
        check(b"a\"b\\c", "\"a\\\"b\\\\c\"");
        check(b"a\r\n\0b", "\"a   b\"");
        check("ä".as_bytes(), "{2}\r\nä");
        check(&[b'a'; 1001], &format!("{{1001}}\r\n{}", "a".repeat(1001)));
    }
}
