//! The stored form of a part map.
//!
//! Offsets are stored as differences to what was stored before them, so that the map of an ordinary
//! mail is mostly its boundary texts. Depth, number and children follow from the parents and are
//! not stored.

use super::{ContentType, Damage, Disposition, Kind, Part, PartMap};
use crate::encoding::Encoding;
use crate::parameter::{Parameter, ParameterList};
use crate::structure::Envelope;
use crate::wire::{Reader, WireError, Writer};
use posthorn_base::limits;

/// The version that [`PartMap::to_bytes`] writes.
pub const PART_MAP_VERSION: u8 = 1;

/// Bits of a part's first byte, beside the kind in the lowest two.
const HAS_DISPOSITION: u8 = 1 << 2;
const HAS_TEXTS: u8 = 1 << 3;
const HAS_DAMAGE: u8 = 1 << 4;
const HAS_ENVELOPE: u8 = 1 << 5;
const FLAGS: u8 = 0b0011_1111;

/// Levels that may be stored: more than any limit of the parser that ever was.
const STORED_DEPTH_MAX: usize = 1000;
/// The same for parts.
const STORED_PARTS_MAX: usize = 1_000_000;
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
    let flags = input.byte()?;
    if flags & !FLAGS != 0 {
        return Err(WireError::Damaged);
    }
    let kind = match flags & 3 {
        0 => Kind::Leaf,
        1 => Kind::Multipart,
        2 => Kind::Message,
        _ => return Err(WireError::Damaged),
    };
    let mut part = Part::at(0);
    part.kind = kind;
    if index > 0 {
        let back = usize::try_from(input.number()?).map_err(|_| WireError::Damaged)?;
        let parent = index.checked_sub(back).filter(|_| back > 0).ok_or(WireError::Damaged)?;
        part.parent = Some(parent);
    }
    part.header_start = add(last_start, input.number()?)?;
    part.body_start = add(part.header_start, input.number()?)?;
    part.body_end = add(part.body_start, input.number()?)?;
    part.lines = input.number()?;
    let (kind, subtype) = (input.utf8()?, input.utf8()?);
    part.content_type = ContentType { kind, subtype, parameters: read_parameters(input)? };
    (part.encoding, part.encoding_name) = read_encoding(input)?;
    if flags & HAS_DISPOSITION != 0 {
        let kind = input.utf8()?;
        part.disposition = Some(Disposition { kind, parameters: read_parameters(input)? });
    }
    if flags & HAS_TEXTS != 0 {
        for text in [&mut part.id, &mut part.description, &mut part.md5, &mut part.location] {
            *text = input.option()?;
        }
        let count = input.count(usize::MAX)?;
        part.languages = (0..count).map(|_| input.string()).collect::<Result<_, _>>()?;
    }
    if flags & HAS_DAMAGE != 0 {
        let bits = u32::try_from(input.number()?).map_err(|_| WireError::Damaged)?;
        part.damage = Damage::from_bits(bits);
    }
    if flags & HAS_ENVELOPE != 0 {
        part.envelope = Some(Box::new(Envelope::read(input)?));
    }
    Ok(part)
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

fn read_parameters(input: &mut Reader<'_>) -> Result<ParameterList, WireError> {
    let head = input.number()?;
    let truncated = head & 1 == 1;
    let mut parameters = Vec::new();
    for _ in 0..head >> 1 {
        parameters.push(Parameter { name: input.string()?, value: input.string()? });
    }
    Ok(ParameterList { parameters, truncated, ..ParameterList::default() })
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

type EncodingAndName = (Encoding, Option<Box<[u8]>>);

fn read_encoding(input: &mut Reader<'_>) -> Result<EncodingAndName, WireError> {
    let encoding = match input.byte()? {
        0 => Encoding::SevenBit,
        1 => Encoding::EightBit,
        2 => Encoding::Binary,
        3 => Encoding::QuotedPrintable,
        4 => Encoding::Base64,
        5 => Encoding::Uuencode,
        6 => Encoding::Unknown,
        _ => return Err(WireError::Damaged),
    };
    Ok((encoding, input.option()?))
}
