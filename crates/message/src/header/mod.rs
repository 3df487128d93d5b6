//! Header sections: fields as they stand, and what they say.
//!
//! A section is cut into fields without copying and without refusing anything: every byte of it
//! belongs to exactly one [`Field`], so the fields' [`raw`](Field::raw) bytes put together are the
//! section again. Lines that are no field (no colon, or a name that RFC 5322 3.6.8 forbids) come
//! out as fields without a name, which no lookup finds.
//!
//! Invariants
//! * No field is looked at beyond [`limits::HEADER_FIELD_BYTES_MAX`], no section beyond
//!   [`limits::HEADER_FIELDS_MAX`] fields.
//! * What a field's value means is decided where it is asked for, never while cutting.

mod ids;
mod subject;
mod summary;

pub use ids::{MessageIds, message_ids};
pub use subject::{BaseSubject, base_subject};
pub use summary::{Summary, ThreadKeys};

use crate::lexer::unfold;
use memchr::memchr;
use posthorn_base::limits;
use std::borrow::Cow;

/// One header section: the bytes from its first field to the blank line, which may be included.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    /// A section from its bytes. Anything after a blank line is not looked at.
    pub fn new(section: &'a [u8]) -> Self {
        Header(section)
    }

    /// The section as it stands.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// All fields in their order, those without a name among them.
    pub fn fields(self) -> Fields<'a> {
        Fields { rest: self.0, offset: 0, left: limits::HEADER_FIELDS_MAX }
    }

    /// The fields of this name, in their order. Names are compared without regard to case.
    pub fn all(self, name: &str) -> impl Iterator<Item = Field<'a>> {
        self.fields().filter(move |field| field.is(name))
    }

    /// The first field of this name.
    pub fn first(self, name: &str) -> Option<Field<'a>> {
        self.all(name).next()
    }

    /// The last field of this name: what counts where broken or hostile mail repeats a field that
    /// may stand only once (RFC 5322 3.6). Fields are added on top, and RFC 6376 5.4.2 has
    /// signatures cover the lowest, so the last is the author's.
    pub fn last(self, name: &str) -> Option<Field<'a>> {
        self.all(name).last()
    }

    /// The fields whose names are among these, or are not: IMAP's `HEADER.FIELDS` and
    /// `HEADER.FIELDS.NOT`. RFC 3501 6.4.5: the blank line follows where the section has one, and
    /// is missing where a message ends without one, and without a body.
    pub fn subset(self, names: &[&str], are_wanted: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut fields = self.fields();
        for field in fields.by_ref() {
            if names.iter().any(|name| field.is(name)) == are_wanted {
                out.extend_from_slice(field.raw());
            }
        }
        if !fields.rest.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    /// Subject, decoded (RFC 2047).
    pub fn subject(self) -> Option<String> {
        self.last("Subject").map(|field| field.decoded())
    }

    /// The ids in the last field of this name: for Message-ID, In-Reply-To and References.
    pub fn ids(self, name: &str) -> Vec<Box<[u8]>> {
        self.last(name).map(|field| message_ids(&field.unfolded()).collect()).unwrap_or_default()
    }
}

/// One field of a header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    offset: usize,
    raw: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Field<'a> {
    fn new(offset: usize, raw: &'a [u8]) -> Self {
        let (looked_at, _) =
            raw.split_at_checked(limits::HEADER_FIELD_BYTES_MAX).unwrap_or((raw, &[]));
        let first_line = memchr(b'\n', looked_at).and_then(|end| looked_at.get(..end));
        let colon = memchr(b':', first_line.unwrap_or(looked_at));
        let split = colon.and_then(|at| Some((looked_at.get(..at)?, looked_at.get(at + 1..)?)));
        let (name, value) = match split {
            // RFC 5322 4.5: the obsolete syntax has white space before the colon.
            Some((name, value)) if is_name(name.trim_ascii_end()) => (name.trim_ascii_end(), value),
            _ => (&[][..], looked_at),
        };
        Field { offset, raw, name, value: without_line_end(value) }
    }

    /// Where the field begins in its section.
    pub fn offset(&self) -> usize {
        self.offset
    }
    /// The whole field as it stands, with its line ends.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }
    /// The name as it was written; empty for a line that is no field.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }
    /// True when the name is this one, whatever the case of its letters.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
    /// Everything after the colon, folds included, without the last line end.
    pub fn raw_value(&self) -> &'a [u8] {
        self.value
    }
    /// The value on one line (RFC 5322 2.2.3: line ends before white space fall away), without
    /// white space around it.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        unfold(self.value.trim_ascii())
    }
    /// The value as people read it: unfolded, encoded words and raw UTF-8 decoded.
    pub fn decoded(&self) -> String {
        crate::encoded_word::decode(&self.unfolded())
    }
}

/// RFC 5322 3.6.8 `ftext`: printable US-ASCII without the colon.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| matches!(b, 33..=57 | 59..=126))
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// The fields of a section; see [`Header::fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    offset: usize,
    left: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        if self.rest.is_empty() || is_blank(self.rest) || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let mut end = 0;
        loop {
            let line = self.rest.get(end..).unwrap_or_default();
            end += memchr(b'\n', line).map_or(line.len(), |at| at + 1);
            // RFC 5322 2.2.3: a line that begins with white space continues the field.
            if !matches!(self.rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let (raw, rest) = self.rest.split_at_checked(end)?;
        let field = Field::new(self.offset, raw);
        self.rest = rest;
        self.offset += end;
        Some(field)
    }
}

/// True when the text begins with the line end that closes a header section.
fn is_blank(text: &[u8]) -> bool {
    text.starts_with(b"\r\n") || text.starts_with(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_the_section() {
        let section =
            b" leading\r\nFrom alice Mon\r\nSubject : a\r\n\tb \r\n \r\nbroken\r\n cont\r\n\
            na\xefve: x\nTo:\r\nX: last";
        let header = Header::new(section);
        let names: Vec<_> = header.fields().map(|f| String::from_utf8_lossy(f.name())).collect();
        assert_eq!(names, ["", "", "Subject", "", "", "To", "X"]);
        assert_eq!(header.fields().map(|f| f.raw()).collect::<Vec<_>>().concat(), section);
        assert!(header.fields().all(|f| section[f.offset()..].starts_with(f.raw())));
        assert_eq!(header.first("subject").unwrap().unfolded().as_ref(), b"a\tb");
        assert_eq!(header.first("To").unwrap().raw_value(), b"");
        assert_eq!(header.first("X").unwrap().raw_value(), b" last");
    }

    #[test]
    fn subsets() {
        let header = Header::new(b"A: 1\r\nb: 2\r\n 3\r\nC: 4");
        assert_eq!(header.subset(&["B", "D"], true), b"b: 2\r\n 3\r\n");
        assert_eq!(header.subset(&["B"], false), b"A: 1\r\nC: 4");
        assert_eq!(header.subset(&["D"], true), b"");
        let header = Header::new(b"A: 1\r\nb: 2\r\n\r\n");
        assert_eq!(header.subset(&["B"], true), b"b: 2\r\n\r\n");
        assert_eq!(header.subset(&["B"], false), b"A: 1\r\n\r\n");
        assert_eq!(header.subset(&["D"], true), b"\r\n");
        assert_eq!(Header::new(b"\r\n").subset(&["D"], true), b"\r\n");
    }

    #[test]
    fn a_blank_line_ends_the_section() {
        for (section, want) in [("A: 1\r\n\r\nB: 2\r\n", 1), ("A: 1\n\nB: 2\n", 1), ("\r\nA: 1", 0)]
        {
            assert_eq!(Header::new(section.as_bytes()).fields().count(), want, "{section:?}");
        }
    }
}
