//! From a header section to what the map says of its part.

use crate::encoding::Encoding;
use crate::header::{Field, Header};
use crate::parameter::ParameterList;
use crate::part::{ContentType, Damage, Disposition, Part};
use posthorn_base::limits;

/// What a part turns out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Leaf,
    Message,
    Multipart(Box<[u8]>),
}

/// The content fields of a section: the first of each name (the others are noted).
#[derive(Default)]
struct Fields<'a> {
    content_type: Option<Field<'a>>,
    disposition: Option<Field<'a>>,
    encoding: Option<Field<'a>>,
    id: Option<Field<'a>>,
    description: Option<Field<'a>>,
    md5: Option<Field<'a>>,
    language: Option<Field<'a>>,
    location: Option<Field<'a>>,
}

impl<'a> Fields<'a> {
    fn of(header: Header<'a>, damage: &mut Damage) -> Self {
        let mut found = Fields::default();
        let mut count = 0;
        for field in header.fields() {
            count += 1;
            if field.name().is_empty() {
                *damage |= Damage::MALFORMED_HEADER;
            }
            let Some((prefix, name)) = field.name().split_at_checked(b"Content-".len()) else {
                continue;
            };
            if !prefix.eq_ignore_ascii_case(b"Content-") {
                continue;
            }
            let Some(slot) = found.slot(name) else { continue };
            if slot.is_some() {
                *damage |= Damage::REPEATED_FIELD;
            } else {
                *slot = Some(field);
            }
        }
        if count >= limits::HEADER_FIELDS_MAX {
            *damage |= Damage::TOO_MANY_FIELDS;
        }
        found
    }

    /// Where the field of this name, less `Content-`, is kept.
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Field<'a>>> {
        let slots: [(&str, &mut Option<Field<'a>>); 8] = [
            ("Type", &mut self.content_type),
            ("Transfer-Encoding", &mut self.encoding),
            ("Disposition", &mut self.disposition),
            ("ID", &mut self.id),
            ("Description", &mut self.description),
            ("MD5", &mut self.md5),
            ("Language", &mut self.language),
            ("Location", &mut self.location),
        ];
        let mut slots = slots.into_iter();
        slots.find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, slot)| slot)
    }
}

/// Fills in what the section says of its part. Texts count against `text_left`; a part whose texts
/// do not fit keeps its type and its encoding only.
pub(super) fn describe(
    header: Header<'_>,
    part: &mut Part,
    is_in_digest: bool,
    text_left: &mut usize,
) -> Found {
    note_eight_bit(header, part);
    let fields = Fields::of(header, &mut part.damage);
    part.content_type = content_type(fields.content_type, is_in_digest, &mut part.damage);
    (part.encoding, part.encoding_name) = encoding(fields.encoding, &mut part.damage);
    let found = found(part);
    part.disposition = fields.disposition.and_then(disposition);
    let text = |field: Option<Field<'_>>| field.map(|field| Box::from(&*field.unfolded()));
    part.id = text(fields.id);
    part.description = text(fields.description);
    part.md5 = text(fields.md5);
    part.location = text(fields.location);
    part.languages = fields.language.map(|field| languages(&field)).unwrap_or_default();
    let size = text_bytes(part);
    match text_left.checked_sub(size) {
        Some(left) => *text_left = left,
        None => leave_out_texts(part),
    }
    found
}

fn note_eight_bit(header: Header<'_>, part: &mut Part) {
    if !header.raw().is_ascii() {
        part.damage |= Damage::EIGHT_BIT_HEADER;
        if std::str::from_utf8(header.raw()).is_err() {
            part.damage |= Damage::HEADER_NOT_UTF8;
        }
    }
}

/// RFC 2045 5.2: text/plain when there is no Content-Type or none that can be read; RFC 2046 5.1.5:
/// message/rfc822 when there is none in a digest.
fn content_type(field: Option<Field<'_>>, is_in_digest: bool, damage: &mut Damage) -> ContentType {
    let Some(field) = field else {
        return if is_in_digest {
            ContentType::bare("message", "rfc822")
        } else {
            ContentType::bare("text", "plain")
        };
    };
    let mut list = ParameterList::parse(field.raw_value());
    let value = std::mem::take(&mut list.value);
    let mut halves = value.splitn(2, |b| *b == b'/');
    let kind = token(halves.next().unwrap_or_default());
    let subtype = token(halves.next().unwrap_or_default());
    let (kind, subtype) = match (kind, subtype) {
        (Some(kind), Some(subtype)) => (kind, subtype),
        _ => {
            *damage |= Damage::BAD_CONTENT_TYPE;
            ("text".into(), "plain".into())
        }
    };
    ContentType { kind, subtype, parameters: list }
}

/// A token in lower case; `None` when it is empty or holds what no token may (RFC 2045 5.1).
fn token(bytes: &[u8]) -> Option<Box<str>> {
    let is_token = bytes.iter().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(b));
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty() && is_token)?;
    Some(text.to_ascii_lowercase().into())
}

fn encoding(field: Option<Field<'_>>, damage: &mut Damage) -> (Encoding, Option<Box<[u8]>>) {
    let Some(field) = field else { return (Encoding::SevenBit, None) };
    let value = field.unfolded();
    let encoding = Encoding::parse(&value);
    if encoding == Encoding::Unknown {
        *damage |= Damage::UNKNOWN_ENCODING;
    }
    let is_usual = value.eq_ignore_ascii_case(encoding.name().as_bytes());
    let word = value.split(|b| matches!(b, b' ' | b'\t' | b';')).next().unwrap_or_default();
    let has_name = encoding == Encoding::Unknown || (encoding == Encoding::Uuencode && !is_usual);
    (encoding, (has_name && !word.is_empty()).then(|| word.into()))
}

fn disposition(field: Field<'_>) -> Option<Disposition> {
    let mut list = ParameterList::parse(field.raw_value());
    let kind = String::from_utf8_lossy(&std::mem::take(&mut list.value)).to_ascii_lowercase();
    // RFC 2183 2.8: an unknown disposition counts as attachment; so does one that is missing.
    let kind = if kind.is_empty() { "attachment".into() } else { kind.into_boxed_str() };
    Some(Disposition { kind, parameters: list })
}

/// RFC 3282 2: tags, separated by commas, with comments.
fn languages(field: &Field<'_>) -> Vec<Box<[u8]>> {
    field
        .unfolded()
        .split(|b| *b == b',')
        .map(|tag| tag.split(|b| *b == b'(').next().unwrap_or_default().trim_ascii())
        .filter(|tag| !tag.is_empty())
        .take(limits::MIME_PARAMETERS_MAX)
        .map(Box::from)
        .collect()
}

/// What the type and the encoding make of the part.
fn found(part: &mut Part) -> Found {
    let content_type = &part.content_type;
    let is_encoded = !part.encoding.is_identity();
    if &*content_type.kind == "multipart" {
        let boundary = boundary(content_type);
        // RFC 2045 6.4 forbids it; those who write it nearly always have not encoded anything.
        if is_encoded {
            part.damage |= Damage::ENCODED_CONTAINER;
        }
        match boundary {
            Some(boundary) => return Found::Multipart(boundary),
            // RFC 2045 5.2: a Content-Type that makes no sense counts as text/plain, which at least
            // shows what there is.
            None => {
                part.damage |= Damage::NO_BOUNDARY;
                part.content_type = ContentType::bare("text", "plain");
            }
        }
    } else if content_type.is("message", "rfc822") || content_type.is("message", "global") {
        // RFC 2045 6.4: what an unknown encoding hides cannot be looked into.
        if !is_encoded && part.encoding != Encoding::Unknown {
            return Found::Message;
        }
        part.damage |= Damage::ENCODED_CONTAINER;
    }
    Found::Leaf
}

/// The boundary, as it stands on delimiter lines.
fn boundary(content_type: &ContentType) -> Option<Box<[u8]>> {
    let boundary = content_type.parameter("boundary")?;
    let is_usable = !boundary.is_empty() && boundary.len() <= limits::MIME_BOUNDARY_BYTES_MAX;
    is_usable.then(|| boundary.into())
}

fn text_bytes(part: &Part) -> usize {
    let disposition =
        part.disposition.iter().flat_map(|disposition| &disposition.parameters.parameters);
    let parameters: usize = disposition
        .chain(&part.content_type.parameters.parameters)
        .map(|parameter| parameter.name.len() + parameter.value.len() + PER_TEXT_BYTES)
        .sum();
    let texts = [&part.id, &part.description, &part.md5, &part.location, &part.encoding_name];
    let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
    let languages: usize = part.languages.iter().map(|tag| tag.len() + PER_TEXT_BYTES).sum();
    let types = part.content_type.kind.len() + part.content_type.subtype.len();
    parameters + texts + languages + types
}

/// What a small text costs beside its octets.
const PER_TEXT_BYTES: usize = 32;

fn leave_out_texts(part: &mut Part) {
    part.damage |= Damage::TEXT_LEFT_OUT;
    part.content_type.parameters = ParameterList::default();
    let is_long = part.content_type.kind.len() + part.content_type.subtype.len() > 100;
    if is_long {
        let is_multipart = &*part.content_type.kind == "multipart";
        let (kind, subtype) =
            if is_multipart { ("multipart", "mixed") } else { ("application", "octet-stream") };
        part.content_type = ContentType::bare(kind, subtype);
    }
    part.encoding_name = None;
    part.disposition = None;
    part.id = None;
    part.description = None;
    part.md5 = None;
    part.location = None;
    part.languages = Vec::new();
}
