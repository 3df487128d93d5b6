//! BODY and BODYSTRUCTURE (RFC 3501 7.4.2 and 9), from a part map as it is stored.

use super::envelope::write_envelope_fields;
use super::{undone_if_damaged, write_nstring, write_number, write_string};
use crate::encoding::Encoding;
use crate::parameter::Parameter;
use crate::part::{Kind, PART_MAP_VERSION, STORED_PARTS_MAX, StoredParameters, StoredPart};
use crate::wire::{Reader, WireError};

/// A part whose children are being written: what is written of it behind them is still to come.
struct Open<'a> {
    index: usize,
    children: usize,
    part: StoredPart<'a>,
}

/// Writes the `body` (RFC 3501 9) of the map that is stored as `stored`, by
/// [`PartMap::to_bytes`](crate::part::PartMap::to_bytes): BODYSTRUCTURE when `extended`, else BODY.
///
/// # Errors
/// When it cannot be read; nothing is written then.
pub fn write_body_structure(
    out: &mut Vec<u8>,
    stored: &[u8],
    extended: bool,
) -> Result<(), WireError> {
    undone_if_damaged(out, |out| write_parts(out, stored, extended))
}

fn write_parts(out: &mut Vec<u8>, stored: &[u8], extended: bool) -> Result<(), WireError> {
    let mut input = Reader::new(stored, PART_MAP_VERSION)?;
    let count = input.count(STORED_PARTS_MAX)?;
    let mut open: Vec<Open<'_>> = Vec::new();
    for index in 0..count {
        let part = StoredPart::read(&mut input, index)?;
        if let Some(parent) = part.parent {
            // Preorder: the parent is the part before, or one that the part before is within.
            while let Some(inner) = open.pop_if(|open| open.index != parent) {
                close(out, &inner, extended)?;
            }
            let parent = open.last_mut().ok_or(WireError::Damaged)?;
            if parent.part.kind == Kind::Message && parent.children > 0 {
                return Err(WireError::Damaged);
            }
            parent.children += 1;
        }
        out.push(b'(');
        match part.kind {
            Kind::Leaf => {
                write_leaf(out, &part, extended);
                end_leaf(out, &part, extended);
                continue;
            }
            Kind::Multipart => {}
            Kind::Message => {
                write_basic(out, &part);
                out.push(b' ');
                match part.envelope {
                    Some(mut fields) => write_envelope_fields(out, &mut fields)?,
                    None => out.extend_from_slice(EMPTY_ENVELOPE),
                }
                out.push(b' ');
            }
        }
        open.push(Open { index, children: 0, part });
    }
    while let Some(inner) = open.pop() {
        close(out, &inner, extended)?;
    }
    if count == 0 {
        return Err(WireError::Damaged);
    }
    input.end()
}

/// Writes what stands behind the children of a part.
fn close(out: &mut Vec<u8>, open: &Open<'_>, extended: bool) -> Result<(), WireError> {
    let part = &open.part;
    if part.kind == Kind::Message {
        // The grammar has exactly one body here.
        if open.children != 1 {
            return Err(WireError::Damaged);
        }
        out.push(b' ');
        write_number(out, part.lines);
        end_leaf(out, part, extended);
        return Ok(());
    }
    if open.children == 0 {
        write_empty_part(out, extended);
    }
    out.push(b' ');
    write_string(out, part.content_subtype.as_bytes());
    if extended {
        out.push(b' ');
        write_parameters(out, part.parameters, false);
        write_extension(out, part);
    }
    out.push(b')');
    Ok(())
}

const EMPTY_ENVELOPE: &[u8] = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";

/// What stands for a multipart without parts, and for a message that was not opened: the grammar
/// demands a body.
fn write_empty_part(out: &mut Vec<u8>, extended: bool) {
    out.extend_from_slice(b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0");
    out.extend_from_slice(if extended { b" NIL NIL NIL NIL)" } else { b")" });
}

/// `body-type-basic`, `body-type-text`, up to the extension.
fn write_leaf(out: &mut Vec<u8>, part: &StoredPart<'_>, extended: bool) {
    write_basic(out, part);
    if part.content_kind == "text" {
        out.push(b' ');
        write_number(out, part.lines);
    } else if is_message_type(part) {
        // A message that could not be looked into (it is encoded, or too deep). The grammar demands
        // an envelope and a body even so.
        out.push(b' ');
        out.extend_from_slice(EMPTY_ENVELOPE);
        out.push(b' ');
        write_empty_part(out, extended);
        out.push(b' ');
        write_number(out, part.lines);
    }
}

/// The types whose body structure has an envelope and a body (RFC 9051 9, `body-type-msg`).
fn is_message_type(part: &StoredPart<'_>) -> bool {
    part.content_kind == "message" && matches!(part.content_subtype, "rfc822" | "global")
}

/// The type and `body-fields`.
fn write_basic(out: &mut Vec<u8>, part: &StoredPart<'_>) {
    write_string(out, part.content_kind.as_bytes());
    out.push(b' ');
    write_string(out, part.content_subtype.as_bytes());
    out.push(b' ');
    write_parameters(out, part.parameters, part.content_kind == "text");
    out.push(b' ');
    write_nstring(out, part.id);
    out.push(b' ');
    write_nstring(out, part.description);
    out.push(b' ');
    match part.encoding_name {
        Some(name) => write_string(out, name),
        None if part.encoding == Encoding::Unknown => write_string(out, b"binary"),
        None => write_string(out, part.encoding.name().as_bytes()),
    }
    out.push(b' ');
    write_number(out, part.octets);
}

fn end_leaf(out: &mut Vec<u8>, part: &StoredPart<'_>, extended: bool) {
    if extended {
        out.push(b' ');
        write_nstring(out, part.md5);
        write_extension(out, part);
    }
    out.push(b')');
}

/// Disposition, language and location, each with a space before it.
fn write_extension(out: &mut Vec<u8>, part: &StoredPart<'_>) {
    out.push(b' ');
    match part.disposition {
        None => out.extend_from_slice(b"NIL"),
        Some((kind, parameters)) => {
            out.push(b'(');
            write_string(out, kind.as_bytes());
            out.push(b' ');
            write_parameters(out, parameters, false);
            out.push(b')');
        }
    }
    out.push(b' ');
    let languages = part.languages;
    match languages.len() {
        0 => out.extend_from_slice(b"NIL"),
        1 => languages.iter().for_each(|only| write_string(out, only)),
        _ => {
            let mut before = b'(';
            for language in languages.iter() {
                out.push(before);
                write_string(out, language);
                before = b' ';
            }
            out.push(b')');
        }
    }
    out.push(b' ');
    write_nstring(out, part.location);
}

/// Writes parameters, with continued ones as a whole. RFC 2045 5.2: text without a charset is
/// US-ASCII.
fn write_parameters(out: &mut Vec<u8>, parameters: StoredParameters<'_>, is_text: bool) {
    let mut list = List { out, before: b'(' };
    if parameters.iter().any(|(name, _)| name.contains(&b'*')) {
        let joined = parameters.to_list().joined();
        list.default_charset(is_text, joined.iter().map(|parameter| &*parameter.name));
        joined.iter().for_each(|Parameter { name, value }| list.push(name, value));
    } else {
        list.default_charset(is_text, parameters.iter().map(|(name, _)| name));
        parameters.iter().for_each(|(name, value)| list.push(name, value));
    }
    list.end();
}

struct List<'a> {
    out: &'a mut Vec<u8>,
    before: u8,
}

impl List<'_> {
    fn default_charset<'n>(&mut self, is_text: bool, names: impl IntoIterator<Item = &'n [u8]>) {
        if is_text && !names.into_iter().any(is_charset) {
            self.push(b"charset", b"us-ascii");
        }
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        self.out.push(self.before);
        write_string(self.out, name);
        self.out.push(b' ');
        write_string(self.out, value);
        self.before = b' ';
    }

    fn end(self) {
        self.out.extend_from_slice(if self.before == b'(' { b"NIL" } else { b")" });
    }
}

fn is_charset(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"charset") || name.eq_ignore_ascii_case(b"charset*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_of_a_damaged_map() {
        let message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
            Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ntext\r\n--b--\r\n";
        let stored = crate::parse(message).map().to_bytes();
        let mut whole = Vec::new();
        write_body_structure(&mut whole, &stored, true).unwrap();
        let mut out = b"before".to_vec();
        for cut in 0..stored.len() {
            assert!(write_body_structure(&mut out, &stored[..cut], true).is_err(), "cut at {cut}");
            assert_eq!(out, b"before");
        }
        let newer = [&[PART_MAP_VERSION + 1], &stored[1..]].concat();
        let version = Err(WireError::Version(PART_MAP_VERSION + 1));
        assert_eq!(write_body_structure(&mut out, &newer, true), version);
        // Whatever octet is wrong, nothing unbalanced comes out.
        for at in 0..stored.len() {
            for wrong in 0..=255 {
                let mut damaged = stored.clone();
                damaged[at] = wrong;
                out.clear();
                let written = write_body_structure(&mut out, &damaged, true);
                assert_eq!(written.is_err(), out.is_empty());
            }
        }
    }
}
