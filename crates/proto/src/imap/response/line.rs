//! Responses of the connection: continuations, CAPABILITY, ENABLED, ID, BYE.

use super::completion::write_text;
use posthorn_message::structure::imap_text::write_string;

/// `continue-req` (RFC 3501 7.5): go on. `text` is words for people, or a challenge in base64.
pub(crate) fn continuation(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// BYE (RFC 3501 7.1.5): the connection is about to be closed.
pub(crate) fn bye(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"* BYE ");
    write_text(out, None, text);
}

/// CAPABILITY (RFC 3501 7.2.1); `names` has spaces between them.
pub(crate) fn capability(out: &mut Vec<u8>, names: &str) {
    out.extend_from_slice(b"* CAPABILITY ");
    out.extend_from_slice(names.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// ENABLED (RFC 5161 3.2), perhaps of nothing.
pub(crate) fn enabled(out: &mut Vec<u8>, names: &[&str]) {
    out.extend_from_slice(b"* ENABLED");
    for name in names {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// ID (RFC 2971 3.2): who we are. NIL for nothing.
pub(crate) fn id(out: &mut Vec<u8>, fields: &[(&str, &str)]) {
    out.extend_from_slice(b"* ID ");
    for (at, text) in fields.iter().flat_map(|(name, value)| [name, value]).enumerate() {
        out.push(if at == 0 { b'(' } else { b' ' });
        write_string(out, text.as_bytes());
    }
    out.extend_from_slice(if fields.is_empty() { b"NIL" } else { b")" });
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut out = Vec::new();
        continuation(&mut out, "");
        continuation(&mut out, "idling");
        bye(&mut out, "so\r\nlong");
        capability(&mut out, "IMAP4rev1 IDLE");
        enabled(&mut out, &[]);
        enabled(&mut out, &["CONDSTORE", "QRESYNC"]);
        id(&mut out, &[]);
        id(&mut out, &[("name", "Posthorn"), ("os", "\"x\"")]);
        let want = "+ \r\n+ idling\r\n* BYE so??long\r\n* CAPABILITY IMAP4rev1 IDLE\r\n\
            * ENABLED\r\n* ENABLED CONDSTORE QRESYNC\r\n* ID NIL\r\n\
            * ID (\"name\" \"Posthorn\" \"os\" \"\\\"x\\\"\")\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
