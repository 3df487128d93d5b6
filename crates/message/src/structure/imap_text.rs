//! ENVELOPE, BODY and BODYSTRUCTURE as IMAP writes them (RFC 3501 7.4.2 and 9, RFC 9051 7.5.2).
//!
//! Strings are quoted where RFC 3501 9 allows it (printable US-ASCII, no CR, LF or NUL), else they
//! are literals, which may hold octets beyond US-ASCII. A NUL, which no IMAP string may hold, and a
//! CR or LF, which only damaged values have, become spaces.

use super::envelope::{Envelope, EnvelopeAddress};
use crate::encoding::Encoding;
use crate::parameter::Parameter;
use crate::part::{Disposition, Kind, Part, PartMap};

/// Longest text that is written in quotes; longer ones are literals, which clients need not scan.
const QUOTED_BYTES_MAX: usize = 1000;

/// Writes `envelope` (RFC 3501 9).
pub fn write_envelope(out: &mut Vec<u8>, envelope: &Envelope) {
    out.push(b'(');
    write_nstring(out, envelope.date.as_deref());
    out.push(b' ');
    write_nstring(out, envelope.subject.as_deref());
    for addresses in [
        &envelope.from,
        envelope.sender_or_from(),
        envelope.reply_to_or_from(),
        &envelope.to,
        &envelope.cc,
        &envelope.bcc,
    ] {
        out.push(b' ');
        write_addresses(out, addresses);
    }
    out.push(b' ');
    write_nstring(out, envelope.in_reply_to.as_deref());
    out.push(b' ');
    write_nstring(out, envelope.message_id.as_deref());
    out.push(b')');
}

fn write_addresses(out: &mut Vec<u8>, addresses: &[EnvelopeAddress]) {
    if addresses.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for address in addresses {
        out.push(b'(');
        write_nstring(out, address.name.as_deref());
        out.push(b' ');
        write_nstring(out, address.route.as_deref());
        out.push(b' ');
        write_nstring(out, address.mailbox.as_deref());
        out.push(b' ');
        write_nstring(out, address.host.as_deref());
        out.push(b')');
    }
    out.push(b')');
}

/// What is done next; the work that recursion would keep on the call stack.
enum Step {
    Part(usize),
    CloseMultipart(usize),
    CloseMessage(usize),
}

/// Writes `body` (RFC 3501 9): BODYSTRUCTURE when `extended`, else BODY.
pub fn write_body_structure(out: &mut Vec<u8>, map: &PartMap, extended: bool) {
    let mut steps = vec![Step::Part(0)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Part(index) => {
                let Some(part) = map.get(index) else { continue };
                out.push(b'(');
                match part.kind {
                    Kind::Leaf => {
                        write_leaf(out, part, extended);
                        end_leaf(out, part, extended);
                    }
                    Kind::Message => {
                        write_basic(out, part);
                        out.push(b' ');
                        match &part.envelope {
                            Some(envelope) => write_envelope(out, envelope),
                            None => write_envelope(out, &Envelope::default()),
                        }
                        out.push(b' ');
                        steps.push(Step::CloseMessage(index));
                        steps.extend(map.children(index).next().map(Step::Part));
                    }
                    Kind::Multipart => {
                        steps.push(Step::CloseMultipart(index));
                        let at = steps.len();
                        steps.extend(map.children(index).map(Step::Part));
                        if let Some(children) = steps.get_mut(at..) {
                            children.reverse();
                        }
                        if part.children == 0 {
                            write_empty_part(out, extended);
                        }
                    }
                }
            }
            Step::CloseMessage(index) => {
                let Some(part) = map.get(index) else { continue };
                out.push(b' ');
                write_number(out, part.lines);
                end_leaf(out, part, extended);
            }
            Step::CloseMultipart(index) => {
                let Some(part) = map.get(index) else { continue };
                out.push(b' ');
                write_string(out, part.content_type.subtype.as_bytes());
                if extended {
                    out.push(b' ');
                    write_parameters(out, &part.content_type.parameters.joined());
                    write_extension(out, part);
                }
                out.push(b')');
            }
        }
    }
}

/// What stands for a multipart without parts, and for a message that was not opened: the grammar
/// demands a body.
fn write_empty_part(out: &mut Vec<u8>, extended: bool) {
    out.extend_from_slice(b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0");
    out.extend_from_slice(if extended { b" NIL NIL NIL NIL)" } else { b")" });
}

/// `body-type-basic`, `body-type-text`, up to the extension.
fn write_leaf(out: &mut Vec<u8>, part: &Part, extended: bool) {
    write_basic(out, part);
    if &*part.content_type.kind == "text" {
        out.push(b' ');
        write_number(out, part.lines);
    } else if is_message_type(part) {
        // A message that could not be looked into (it is encoded, or too deep). The grammar demands
        // an envelope and a body even so.
        out.push(b' ');
        write_envelope(out, &Envelope::default());
        out.push(b' ');
        write_empty_part(out, extended);
        out.push(b' ');
        write_number(out, part.lines);
    }
}

/// The types whose body structure has an envelope and a body (RFC 9051 9, `body-type-msg`).
fn is_message_type(part: &Part) -> bool {
    part.content_type.is("message", "rfc822") || part.content_type.is("message", "global")
}

/// The type and `body-fields`.
fn write_basic(out: &mut Vec<u8>, part: &Part) {
    write_string(out, part.content_type.kind.as_bytes());
    out.push(b' ');
    write_string(out, part.content_type.subtype.as_bytes());
    out.push(b' ');
    let mut parameters = part.content_type.parameters.joined();
    if &*part.content_type.kind == "text" && !parameters.iter().any(is_charset) {
        // RFC 2045 5.2: text without a charset is US-ASCII.
        let charset = Parameter { name: (*b"charset").into(), value: (*b"us-ascii").into() };
        parameters.insert(0, charset);
    }
    write_parameters(out, &parameters);
    out.push(b' ');
    write_nstring(out, part.id.as_deref());
    out.push(b' ');
    write_nstring(out, part.description.as_deref());
    out.push(b' ');
    match &part.encoding_name {
        Some(name) => write_string(out, name),
        None if part.encoding == Encoding::Unknown => write_string(out, b"binary"),
        None => write_string(out, part.encoding.name().as_bytes()),
    }
    out.push(b' ');
    write_number(out, part.octets());
}

fn end_leaf(out: &mut Vec<u8>, part: &Part, extended: bool) {
    if extended {
        out.push(b' ');
        write_nstring(out, part.md5.as_deref());
        write_extension(out, part);
    }
    out.push(b')');
}

/// Disposition, language and location, each with a space before it.
fn write_extension(out: &mut Vec<u8>, part: &Part) {
    out.push(b' ');
    match &part.disposition {
        None => out.extend_from_slice(b"NIL"),
        Some(Disposition { kind, parameters }) => {
            out.push(b'(');
            write_string(out, kind.as_bytes());
            out.push(b' ');
            write_parameters(out, &parameters.joined());
            out.push(b')');
        }
    }
    out.push(b' ');
    match part.languages.split_first() {
        None => out.extend_from_slice(b"NIL"),
        Some((only, [])) => write_string(out, only),
        Some((first, rest)) => {
            out.push(b'(');
            write_string(out, first);
            for language in rest {
                out.push(b' ');
                write_string(out, language);
            }
            out.push(b')');
        }
    }
    out.push(b' ');
    write_nstring(out, part.location.as_deref());
}

fn is_charset(parameter: &Parameter) -> bool {
    ["charset", "charset*"].iter().any(|name| parameter.name.eq_ignore_ascii_case(name.as_bytes()))
}

fn write_parameters(out: &mut Vec<u8>, parameters: &[Parameter]) {
    if parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    let mut open = b'(';
    for parameter in parameters {
        out.push(open);
        open = b' ';
        write_string(out, &parameter.name);
        out.push(b' ');
        write_string(out, &parameter.value);
    }
    out.push(b')');
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
    let clean = |b: u8| if matches!(b, b'\0' | b'\r' | b'\n') { b' ' } else { b };
    if text.is_ascii() && text.len() <= QUOTED_BYTES_MAX {
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

fn write_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

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
