//! A part as it stands in the stored form of a map: read without copying its texts, for those who
//! only pass it on.

use super::Kind;
use crate::encoding::Encoding;
use crate::parameter::{Parameter, ParameterList};
use crate::wire::{Reader, WireError};

/// Bits of a part's first byte, beside the kind in the lowest two.
pub(super) const HAS_DISPOSITION: u8 = 1 << 2;
pub(super) const HAS_TEXTS: u8 = 1 << 3;
pub(super) const HAS_DAMAGE: u8 = 1 << 4;
pub(super) const HAS_ENVELOPE: u8 = 1 << 5;
const FLAGS: u8 = 0b0011_1111;

/// A part; everything in it is borrowed from the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredPart<'a> {
    pub(crate) kind: Kind,
    /// The index of the part that it is in; `None` for the first only.
    pub(crate) parent: Option<usize>,
    /// Octets from the header of the part before to this one's.
    pub(crate) gap: u64,
    /// Octets of its header section.
    pub(crate) header_octets: u64,
    /// Octets of its body.
    pub(crate) octets: u64,
    pub(crate) lines: u64,
    pub(crate) content_kind: &'a str,
    pub(crate) content_subtype: &'a str,
    pub(crate) parameters: StoredParameters<'a>,
    pub(crate) encoding: Encoding,
    pub(crate) encoding_name: Option<&'a [u8]>,
    pub(crate) disposition: Option<(&'a str, StoredParameters<'a>)>,
    pub(crate) id: Option<&'a [u8]>,
    pub(crate) description: Option<&'a [u8]>,
    pub(crate) md5: Option<&'a [u8]>,
    pub(crate) location: Option<&'a [u8]>,
    pub(crate) languages: StoredTexts<'a>,
    /// Bits of [`Damage`](super::Damage).
    pub(crate) damage: u32,
    /// The fields of an envelope, without a version.
    pub(crate) envelope: Option<Reader<'a>>,
}

impl<'a> StoredPart<'a> {
    /// Reads the part with this index. Whether its parent may hold it is the caller's to check.
    pub(crate) fn read(input: &mut Reader<'a>, index: usize) -> Result<Self, WireError> {
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
        let parent = if index > 0 {
            let back = usize::try_from(input.number()?).map_err(|_| WireError::Damaged)?;
            Some(index.checked_sub(back).filter(|_| back > 0).ok_or(WireError::Damaged)?)
        } else {
            None
        };
        let (gap, header_octets) = (input.number()?, input.number()?);
        let (octets, lines) = (input.number()?, input.number()?);
        let (content_kind, content_subtype) = (input.utf8()?, input.utf8()?);
        let parameters = StoredParameters::read(input)?;
        let encoding = read_encoding(input)?;
        let mut part = StoredPart {
            kind,
            parent,
            gap,
            header_octets,
            octets,
            lines,
            content_kind,
            content_subtype,
            parameters,
            encoding,
            encoding_name: input.option()?,
            disposition: None,
            id: None,
            description: None,
            md5: None,
            location: None,
            languages: StoredTexts::default(),
            damage: 0,
            envelope: None,
        };
        if flags & HAS_DISPOSITION != 0 {
            part.disposition = Some((input.utf8()?, StoredParameters::read(input)?));
        }
        if flags & HAS_TEXTS != 0 {
            (part.id, part.description) = (input.option()?, input.option()?);
            (part.md5, part.location) = (input.option()?, input.option()?);
            let count = input.count(usize::MAX)?;
            part.languages = StoredTexts::read(input, count)?;
        }
        if flags & HAS_DAMAGE != 0 {
            part.damage = u32::try_from(input.number()?).map_err(|_| WireError::Damaged)?;
        }
        if flags & HAS_ENVELOPE != 0 {
            part.envelope = Some(input.taken(crate::structure::skip_envelope)?);
        }
        Ok(part)
    }
}

/// Texts that stand one behind the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoredTexts<'a> {
    texts: Option<Reader<'a>>,
    count: usize,
}

impl<'a> StoredTexts<'a> {
    fn read(input: &mut Reader<'a>, count: usize) -> Result<Self, WireError> {
        let texts = input.taken(|input| (0..count).try_for_each(|_| input.string().map(drop)))?;
        Ok(StoredTexts { texts: Some(texts), count })
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut texts = self.texts;
        // They were read once already: no error comes.
        (0..self.count).map_while(move |_| texts.as_mut()?.string().ok())
    }
}

/// Parameters as they were written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredParameters<'a> {
    texts: StoredTexts<'a>,
    truncated: bool,
}

impl<'a> StoredParameters<'a> {
    fn read(input: &mut Reader<'a>) -> Result<Self, WireError> {
        let head = input.number()?;
        let count = usize::try_from(head & !1).map_err(|_| WireError::Damaged)?;
        Ok(StoredParameters { texts: StoredTexts::read(input, count)?, truncated: head & 1 == 1 })
    }

    /// Names and values.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut texts = self.texts.iter();
        std::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    pub(crate) fn to_list(self) -> ParameterList {
        let owned =
            |(name, value): (&[u8], &[u8])| Parameter { name: name.into(), value: value.into() };
        ParameterList {
            parameters: self.iter().map(owned).collect(),
            truncated: self.truncated,
            ..ParameterList::default()
        }
    }
}

fn read_encoding(input: &mut Reader<'_>) -> Result<Encoding, WireError> {
    Ok(match input.byte()? {
        0 => Encoding::SevenBit,
        1 => Encoding::EightBit,
        2 => Encoding::Binary,
        3 => Encoding::QuotedPrintable,
        4 => Encoding::Base64,
        5 => Encoding::Uuencode,
        6 => Encoding::Unknown,
        _ => return Err(WireError::Damaged),
    })
}
