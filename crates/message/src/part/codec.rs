//! The stored form of a part map.
//!
//! Offsets are stored as differences to what was stored before them, so that the map of an ordinary
//! mail is mostly its boundary texts. Depth, number and children follow from the parents and are
//! not stored.

use super::stored::{
    HAS_DAMAGE, HAS_DISPOSITION, HAS_ENVELOPE, HAS_TEXTS, StoredParameters, StoredPart,
};
use super::{ContentType, Damage, Disposition, Kind, Part, PartMap};
use crate::encoding::Encoding;
use crate::parameter::ParameterList;
use crate::structure::Envelope;
use crate::wire::{Reader, WireError, Writer};
use posthorn_base::limits;

/// The version that [`PartMap::to_bytes`] writes.
pub const PART_MAP_VERSION: u8 = 1;

/// Levels that may be stored: more than any limit of the parser that ever was.
const STORED_DEPTH_MAX: usize = 1000;
/// The same for parts.
pub(crate) const STORED_PARTS_MAX: usize = 1_000_000;
const _: () = assert!(limits::MIME_DEPTH_MAX < STORED_DEPTH_MAX);
const _: () = assert!(limits::MIME_PARTS_MAX <= STORED_PARTS_MAX);

impl PartMap {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(PART_MAP_VERSION);
        out.count(self.parts.len());
        let mut last_start = 0;
        for (index, part) in self.parts.iter().enumerate() {
            write_part(&mut out, index, part, last_start);
            last_start = part.header_start;
        }
        out.into_bytes()
    }

    /// Octets of the message's own header section, from the stored form of its map, of which no
    /// more than that is read.
    pub fn header_octets(bytes: &[u8]) -> Result<u64, WireError> {
        let mut input = Reader::new(bytes, PART_MAP_VERSION)?;
        input.count(STORED_PARTS_MAX)?;
        Ok(StoredPart::read(&mut input, 0)?.header_octets)
    }

    /// Reads the stored form. Everything that the module promises of a map is checked again.
    pub fn from_bytes(bytes: &[u8]) -> Result<PartMap, WireError> {
        let mut input = Reader::new(bytes, PART_MAP_VERSION)?;
        let count = input.count(STORED_PARTS_MAX)?;
        let mut parts: Vec<Part> = Vec::new();
        let mut last_start = 0;
        for index in 0..count {
            let part = read_part(&mut input, index, last_start)?;
            last_start = part.header_start;
            place(&mut parts, part)?;
        }
        input.end()?;
        let complete = |part: &Part| part.kind != Kind::Message || part.children == 1;
        if parts.is_empty() || !parts.iter().all(complete) {
            return Err(WireError::Damaged);
        }
        Ok(PartMap { parts })
    }
}

fn write_part(out: &mut Writer, index: usize, part: &Part, last_start: u64) {
    let has_texts = part.id.is_some()
        || part.description.is_some()
        || part.md5.is_some()
        || part.location.is_some()
        || !part.languages.is_empty();
    let kind = match part.kind {
        Kind::Leaf => 0,
        Kind::Multipart => 1,
        Kind::Message => 2,
    };
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    out.byte(
        kind | flag(part.disposition.is_some(), HAS_DISPOSITION)
            | flag(has_texts, HAS_TEXTS)
            | flag(!part.damage.is_none(), HAS_DAMAGE)
            | flag(part.envelope.is_some(), HAS_ENVELOPE),
    );
    if let Some(parent) = part.parent {
        out.count(index.saturating_sub(parent));
    }
    out.number(part.header_start.saturating_sub(last_start));
    out.number(part.body_start.saturating_sub(part.header_start));
    out.number(part.octets());
    out.number(part.lines);
    out.string(part.content_type.kind.as_bytes());
    out.string(part.content_type.subtype.as_bytes());
    write_parameters(out, &part.content_type.parameters);
    write_encoding(out, part);
    if let Some(disposition) = &part.disposition {
        out.string(disposition.kind.as_bytes());
        write_parameters(out, &disposition.parameters);
    }
    if has_texts {
        for text in [&part.id, &part.description, &part.md5, &part.location] {
            out.option(text.as_deref());
        }
        out.count(part.languages.len());
        part.languages.iter().for_each(|language| out.string(language));
    }
    if !part.damage.is_none() {
        out.number(part.damage.bits().into());
    }
    if let Some(envelope) = &part.envelope {
        envelope.write(out);
    }
}

fn read_part(input: &mut Reader<'_>, index: usize, last_start: u64) -> Result<Part, WireError> {
    let add = |a: u64, b: u64| a.checked_add(b).ok_or(WireError::Damaged);
    let own = |text: Option<&[u8]>| text.map(Box::from);
    let stored = StoredPart::read(input, index)?;
    let header_start = add(last_start, stored.gap)?;
    let body_start = add(header_start, stored.header_octets)?;
    let content_type = ContentType {
        kind: stored.content_kind.into(),
        subtype: stored.content_subtype.into(),
        parameters: stored.parameters.to_list(),
    };
    let disposition = |(kind, parameters): (&str, StoredParameters<'_>)| Disposition {
        kind: kind.into(),
        parameters: parameters.to_list(),
    };
    let envelope = stored.envelope.map(|mut fields| Envelope::read(&mut fields).map(Box::new));
    Ok(Part {
        kind: stored.kind,
        parent: stored.parent,
        body_start,
        body_end: add(body_start, stored.octets)?,
        lines: stored.lines,
        content_type,
        encoding: stored.encoding,
        encoding_name: own(stored.encoding_name),
        disposition: stored.disposition.map(disposition),
        id: own(stored.id),
        description: own(stored.description),
        md5: own(stored.md5),
        location: own(stored.location),
        languages: stored.languages.iter().map(Box::from).collect(),
        damage: Damage::from_bits(stored.damage),
        envelope: envelope.transpose()?,
        ..Part::at(header_start)
    })
}

/// Gives a part its place below its parent, and checks that it may be there.
fn place(parts: &mut Vec<Part>, mut part: Part) -> Result<(), WireError> {
    if let Some(index) = part.parent {
        // Preorder: the parent is the part before, or one that the part before is within.
        let mut above = parts.len().checked_sub(1);
        while above != Some(index) {
            above = above.and_then(|above| parts.get(above)?.parent);
            if above.is_none() {
                return Err(WireError::Damaged);
            }
        }
        let parent = parts.get_mut(index).ok_or(WireError::Damaged)?;
        let may_hold = match parent.kind {
            Kind::Leaf => false,
            Kind::Multipart => true,
            Kind::Message => parent.children == 0,
        };
        let is_within = parent.body_start <= part.header_start && part.body_end <= parent.body_end;
        if !may_hold || !is_within || parent.depth >= STORED_DEPTH_MAX {
            return Err(WireError::Damaged);
        }
        parent.children += 1;
        part.number = parent.children;
        part.depth = parent.depth + 1;
    }
    parts.push(part);
    Ok(())
}

fn write_parameters(out: &mut Writer, list: &ParameterList) {
    out.number((list.parameters.len() as u64) << 1 | u64::from(list.truncated));
    for parameter in &list.parameters {
        out.string(&parameter.name);
        out.string(&parameter.value);
    }
}

fn write_encoding(out: &mut Writer, part: &Part) {
    out.byte(match part.encoding {
        Encoding::SevenBit => 0,
        Encoding::EightBit => 1,
        Encoding::Binary => 2,
        Encoding::QuotedPrintable => 3,
        Encoding::Base64 => 4,
        Encoding::Uuencode => 5,
        Encoding::Unknown => 6,
    });
    // The spelling matters where it is not the usual one: `x-uue`, or a name that we do not know.
    out.option(part.encoding_name.as_deref());
}
