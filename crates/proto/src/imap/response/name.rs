//! Mailbox names and other short strings in responses.

use super::super::value::encode_name;

/// The name in modified UTF-7 (RFC 3501 5.1.3), always quoted.
pub(super) fn mailbox(out: &mut Vec<u8>, name: &str) {
    quoted(out, &encode_name(name));
}

/// A string of printable US-ASCII in quotes (RFC 3501 9, `quoted`).
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
