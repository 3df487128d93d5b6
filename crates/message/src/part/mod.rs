//! The flat part map: every part of a message, in the order in which their headers stand.
//!
//! Nesting is by index, so nothing that walks, stores or drops a map needs recursion.
//!
//! Invariants
//! * Part 0 is the message itself. A parent stands before its children, and everything between a
//!   part and the next of its siblings is within it.
//! * `header_start <= body_start <= body_end`; a child lies within its parent's body.
//! * A [`Kind::Message`] part has exactly one child, the message within it, which begins where the
//!   part's body begins. A [`Kind::Multipart`] may have none.

mod codec;
mod content;
mod damage;
mod section;
mod stored;

pub use codec::PART_MAP_VERSION;
pub(crate) use codec::STORED_PARTS_MAX;
pub use damage::Damage;
pub use section::{Range, Section, SectionText};
pub(crate) use stored::{StoredParameters, StoredPart};

use crate::encoding::Encoding;
use crate::parameter::ParameterList;
use crate::structure::Envelope;

/// What a part has inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Content.
    Leaf,
    /// Parts, between delimiters (RFC 2046 5.1).
    Multipart,
    /// A message, whose header begins where the body does (RFC 2046 5.2.1).
    Message,
}

/// What a part's content is (RFC 2045 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// `text` of `text/html`, in lower case.
    pub kind: Box<str>,
    /// `html` of `text/html`, in lower case.
    pub subtype: Box<str>,
    /// The parameters as they were written; the list's own `value` is empty.
    pub parameters: ParameterList,
}

impl ContentType {
    /// A type without parameters.
    pub(crate) fn bare(kind: &str, subtype: &str) -> Self {
        ContentType {
            kind: kind.into(),
            subtype: subtype.into(),
            parameters: ParameterList::default(),
        }
    }

    /// True when it is this one; both in lower case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        &*self.kind == kind && &*self.subtype == subtype
    }

    /// The first parameter of this name, as it was written.
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.raw(name)
    }
}

/// How a part is to be shown (RFC 2183).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// `inline`, `attachment` or another word, in lower case.
    pub kind: Box<str>,
    /// The parameters as they were written; the list's own `value` is empty.
    pub parameters: ParameterList,
}

impl Disposition {
    /// The first parameter of this name, as it was written.
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.raw(name)
    }
}

/// One part. Offsets are in octets from the first octet that was given to the parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The index of the part that it is in; `None` for the message itself.
    pub parent: Option<usize>,
    /// How many parts it is within.
    pub depth: usize,
    /// Its place among its siblings, from 1.
    pub number: usize,
    /// How many parts are directly in it.
    pub children: usize,
    /// What it has inside.
    pub kind: Kind,
    /// Where its header section begins.
    pub header_start: u64,
    /// Where its body begins: behind the blank line.
    pub body_start: u64,
    /// Where its body ends: before the line end that belongs to the next delimiter (RFC 2046
    /// 5.1.1).
    pub body_end: u64,
    /// Line ends within its body.
    pub lines: u64,
    /// Content-Type, or what counts in its place (RFC 2045 5.2, RFC 2046 5.1.5).
    pub content_type: ContentType,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// Content-Transfer-Encoding.
    pub encoding: Encoding,
    /// The token of [`Encoding::Unknown`], as it was written.
    pub encoding_name: Option<Box<[u8]>>,
    /// Content-ID, with its angle brackets.
    pub id: Option<Box<[u8]>>,
    /// Content-Description, unfolded, not decoded.
    pub description: Option<Box<[u8]>>,
    /// Content-MD5 (RFC 1864).
    pub md5: Option<Box<[u8]>>,
    /// Content-Language (RFC 3282): the tags.
    pub languages: Vec<Box<[u8]>>,
    /// Content-Location (RFC 2557), unfolded.
    pub location: Option<Box<[u8]>>,
    /// Of a [`Kind::Message`] part: the envelope of the message within it.
    pub envelope: Option<Box<Envelope>>,
    /// What was found wrong with it.
    pub damage: Damage,
}

impl Part {
    /// A part of which only the place is known.
    pub(crate) fn at(header_start: u64) -> Part {
        Part {
            parent: None,
            depth: 0,
            number: 1,
            children: 0,
            kind: Kind::Leaf,
            header_start,
            body_start: header_start,
            body_end: header_start,
            lines: 0,
            content_type: ContentType::bare("text", "plain"),
            disposition: None,
            encoding: Encoding::SevenBit,
            encoding_name: None,
            id: None,
            description: None,
            md5: None,
            languages: Vec::new(),
            location: None,
            envelope: None,
            damage: Damage::NONE,
        }
    }

    /// Octets of its body, as they are on the wire.
    pub fn octets(&self) -> u64 {
        self.body_end.saturating_sub(self.body_start)
    }

    /// Where its header section lies, the blank line included.
    pub fn header_range(&self) -> Range {
        Range { start: self.header_start, end: self.body_start }
    }

    /// Where its body lies.
    pub fn body_range(&self) -> Range {
        Range { start: self.body_start, end: self.body_end }
    }
}

/// All parts of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartMap {
    pub(crate) parts: Vec<Part>,
}

impl PartMap {
    /// The parts, in the order of their headers; never empty.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part with this index.
    pub fn get(&self, index: usize) -> Option<&Part> {
        self.parts.get(index)
    }

    /// The indexes of the parts directly within this one, in their order.
    pub fn children(&self, parent: usize) -> impl Iterator<Item = usize> {
        let depth = self.get(parent).map_or(usize::MAX, |part| part.depth);
        let behind = self.parts.iter().enumerate().skip(parent.saturating_add(1));
        behind
            .take_while(move |(_, part)| part.depth > depth)
            .filter(move |(_, part)| part.parent == Some(parent))
            .map(|(index, _)| index)
    }

    /// Everything that was found wrong, of all parts together.
    pub fn damage(&self) -> Damage {
        self.parts.iter().fold(Damage::NONE, |all, part| all | part.damage)
    }
}
