//! The text of a whole message: to be searched, and the start of it for lists.
//!
//! These take a part map and a way to read ranges of the message, so that a message that is not in
//! memory costs no more than the parts that are looked at.

use super::{
    Bodies, FieldOf, Hidden, SearchText, SearchTextBuilder, html_charset, html_to_text, preview,
    unwrap_flowed,
};
use crate::charset::{self, DecodedText};
use crate::encoding::decode;
use crate::header::Header;
use crate::part::{Kind, Part, PartMap, Range};
use std::borrow::Cow;

/// Octets of a part that are read for a preview.
const PREVIEW_BYTES_MAX: u64 = 64 * 1024;

/// A text part's content in Unicode: transfer encoding and charset decoded. HTML stays HTML.
pub fn decode_text(part: &Part, wire: &[u8]) -> DecodedText<'static> {
    let is_identity = part.encoding.is_identity();
    let bytes = if is_identity {
        Cow::Borrowed(wire)
    } else {
        Cow::Owned(decode(part.encoding, wire).bytes)
    };
    let given = part.content_type.parameters.get("charset");
    let mut label = given.map(String::into_bytes);
    if label.is_none() && is_html(part) {
        label = html_charset(&bytes);
    }
    let decoded = charset::decode(&bytes, label.as_deref());
    DecodedText { text: Cow::Owned(decoded.text.into_owned()), replaced: decoded.replaced }
}

/// A text part as a person reads it: HTML as text, flowed paragraphs unwrapped (RFC 3676).
pub fn readable_text(part: &Part, wire: &[u8], hidden: Hidden, bytes_max: usize) -> String {
    text_of(part, wire, hidden, bytes_max).0
}

/// As [`readable_text`]; true when there was more.
fn text_of(part: &Part, wire: &[u8], hidden: Hidden, bytes_max: usize) -> (String, bool) {
    let mut text = decode_text(part, wire).text.into_owned();
    if is_html(part) {
        let found = html_to_text(&text, hidden, bytes_max);
        return (found.text, found.truncated);
    }
    let is = |name, word: &str| {
        part.content_type.parameter(name).is_some_and(|v| v.eq_ignore_ascii_case(word.as_bytes()))
    };
    if part.content_type.is("text", "plain") && is("format", "flowed") {
        text = unwrap_flowed(&text, is("delsp", "yes"));
    }
    let is_cut = text.len() > bytes_max;
    text.truncate(text.floor_char_boundary(bytes_max));
    (text, is_cut)
}

fn is_html(part: &Part) -> bool {
    part.content_type.is("text", "html") || part.content_type.is("application", "xhtml+xml")
}

/// Everything in a message that a person may search, at most `bytes_max` bytes of it, folded.
///
/// Header fields are those of `prefix`, which stands in front of the message, of the message, of
/// its parts and of the messages within it; where a parameter needs RFC 2231 to be read (a file's
/// name, say), all parameters are there once more as they read. Texts are the contents of the parts
/// whose type is `text/...`, `application/xhtml+xml`, or `message/...` without a message to look
/// into (a delivery report, say), attachments and messages within included: transfer encoding and
/// charset decoded, HTML as its text with what styles hide, flowed paragraphs unwrapped. What
/// stands before the first delimiter of a multipart and behind its last is no text, but when no
/// delimiter is found at all.
///
/// `read` returns the octets of a range of the message, or `None` where they cannot be had; such a
/// part is passed over.
pub fn search_text<'m>(
    prefix: &[u8],
    map: &PartMap,
    bytes_max: usize,
    mut read: impl FnMut(Range) -> Option<Cow<'m, [u8]>>,
) -> SearchText {
    let mut builder = SearchTextBuilder::new(bytes_max);
    // All headers first: a long text must not crowd out the name of an attachment behind it.
    add_fields(&mut builder, FieldOf::Message, prefix);
    for (index, part) in map.parts().iter().enumerate() {
        let of = if index == 0 { FieldOf::Message } else { FieldOf::Part };
        if let Some(section) = read(part.header_range()) {
            add_fields(&mut builder, of, &section);
        }
        add_parameters(&mut builder, of, part);
    }
    for part in map.parts().iter().filter(|part| is_searched(part)) {
        if builder.is_full() {
            break;
        }
        // Encodings and markup make texts longer, but rarely by more.
        let range = clipped(part, (bytes_max as u64).saturating_mul(4));
        if let Some(wire) = read(range) {
            let (text, is_cut) = text_of(part, &wire, Hidden::Keep, bytes_max);
            builder.text(&text);
            if is_cut || range != part.body_range() {
                builder.cut();
            }
        }
    }
    builder.finish()
}

fn add_fields(builder: &mut SearchTextBuilder, of: FieldOf, section: &[u8]) {
    for field in Header::new(section).fields() {
        builder.header_field(of, field.name(), field.raw_value());
    }
}

/// RFC 2231 3 and 4: parameters that are cut into pieces or percent-encoded, put together.
fn add_parameters(builder: &mut SearchTextBuilder, of: FieldOf, part: &Part) {
    let disposition = part.disposition.as_ref().map(|found| &found.parameters);
    let lists = [
        (&b"content-type"[..], Some(&part.content_type.parameters)),
        (&b"content-disposition"[..], disposition),
    ];
    for (field, list) in lists {
        let Some(list) = list else { continue };
        if list.parameters.iter().any(|parameter| parameter.name.contains(&b'*')) {
            for (name, value) in list.decoded() {
                builder.decoded_field(of, field, &format!("{name}={value}"));
            }
        }
    }
}

/// Whether a part's content is text that is searched.
fn is_searched(part: &Part) -> bool {
    match part.kind {
        Kind::Leaf => matches!(&*part.content_type.kind, "text" | "message") || is_html(part),
        Kind::Multipart => part.children == 0,
        Kind::Message => false,
    }
}

/// The start of a message's body on one line, for lists: at most `chars_max` characters.
pub fn preview_text<'m>(
    map: &PartMap,
    chars_max: usize,
    mut read: impl FnMut(Range) -> Option<Cow<'m, [u8]>>,
) -> String {
    let texts = Bodies::of(map).text;
    for part in texts.into_iter().filter_map(|index| map.get(index)) {
        if &*part.content_type.kind != "text" {
            continue;
        }
        let Some(wire) = read(clipped(part, PREVIEW_BYTES_MAX)) else { continue };
        let text = readable_text(part, &wire, Hidden::Drop, 16 * 1024);
        let line = preview(&text, chars_max);
        if !line.is_empty() {
            return line;
        }
    }
    String::new()
}

fn clipped(part: &Part, bytes_max: u64) -> Range {
    let Range { start, end } = part.body_range();
    Range { start, end: end.min(start.saturating_add(bytes_max)) }
}

#[cfg(test)]
mod tests {
    use super::super::{Bodies, attachments};
    use super::*;
    use crate::build::{HeaderWriter, Part as Built, Wire};
    use crate::parse;

    struct Sevens(u8);
    impl posthorn_base::Random for Sevens {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 1;
            bytes.fill(self.0);
        }
    }

    fn write(part: Built) -> Vec<u8> {
        let mut header = HeaderWriter::default();
        header.text("Subject", "Grüße aus Köln").unwrap();
        part.write(header, Wire::SevenBit, &mut Sevens(0)).unwrap()
    }

    fn example() -> Vec<u8> {
        let image = Built::inline("image/png", "i@b", None, vec![1]).unwrap();
        let inner = b"Subject: Innerer =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nNested text\r\n".to_vec();
        write(Built::mixed(vec![
            Built::alternative(
                "> quoted\nPlain text\n",
                Built::related("<p>Caf&eacute;<img src=cid:i@b>", vec![image]),
            ),
            Built::attachment("application/pdf", Some("Übersicht.pdf"), vec![7; 100]).unwrap(),
            Built::attachment("text/csv", Some("data.csv"), b"alpha;beta".to_vec()).unwrap(),
            Built::message(inner),
        ]))
    }

    #[test]
    fn bodies() {
        #[track_caller]
        fn check(part: Built, text: &[usize], html: &[usize], attachments: &[usize]) {
            let bodies = Bodies::of(parse(&write(part)).map());
            let got = (bodies.text.as_slice(), bodies.html.as_slice());
            assert_eq!((got, bodies.attachments.as_slice()), ((text, html), attachments));
        }
        let file = || Built::attachment("a/b", Some("x"), vec![]).unwrap();
        let image = || Built::inline("image/png", "i@b", None, vec![]).unwrap();
        check(Built::text("a"), &[0], &[0], &[]);
        check(Built::mixed(vec![Built::text("a"), file()]), &[1], &[1], &[2]);
        check(Built::alternative("a", Built::html("b")), &[1], &[2], &[]);
        check(Built::alternative("a", Built::related("b", vec![image()])), &[1], &[3], &[4]);
        check(Built::related("b", vec![image()]), &[1], &[1], &[2]);
        check(
            Built::mixed(vec![Built::text("a"), image(), Built::html("b")]),
            &[1, 2, 3],
            &[1, 2, 3],
            &[],
        );
        let alternative = |parts| Built::multipart(crate::build::MultipartKind::Alternative, parts);
        check(alternative(vec![Built::html("a")]), &[1], &[1], &[]);
        check(Built::mixed(vec![alternative(vec![Built::text("a")]), file()]), &[2], &[2], &[3]);
        let nested = Built::message(b"A: b\r\n\r\nc".to_vec());
        check(
            Built::mixed(vec![Built::text("a"), nested, Built::text("d")]),
            &[1, 4],
            &[1, 4],
            &[2],
        );
        check(file(), &[], &[], &[0]);
    }

    #[test]
    fn attached() {
        let message = example();
        let list = attachments(parse(&message).map());
        let shown: Vec<_> = list
            .iter()
            .map(|a| (a.media_type.as_str(), a.file_name.as_deref(), a.is_inline))
            .collect();
        assert_eq!(
            shown,
            [
                ("image/png", None, true),
                ("application/pdf", Some("Übersicht.pdf"), false),
                ("text/csv", Some("data.csv"), false),
                ("message/rfc822", None, false),
            ]
        );
    }

    #[test]
    fn searching() {
        let message = example();
        let parsed = parse(&message);
        let read = |range: Range| range.of(&message).map(Cow::Borrowed);
        let prefix = b"Return-Path: <jane@a.example>\r\n";
        let found = search_text(prefix, parsed.map(), 10_000, read);
        assert!(!found.truncated && found.header.starts_with("return-path: <jane@a.example>\n"));
        assert!(found.header.contains("\nsubject: ") && !found.header.contains("innerer"));
        for query in [
            "grüsse AUS köln",
            "filename=übersicht.PDF",
            "Innerer Grüße",
            "content-type: application/pdf",
        ] {
            assert!(found.header_contains(query), "{query} in {}", found.header);
        }
        for query in ["plain TEXT", "CAFÉ", "nested text", "alpha;beta"] {
            assert!(found.body_contains(query), "{query} in {}", found.body);
        }
        let nothing = search_text(b"", parsed.map(), 10_000, |_| None);
        assert_eq!((nothing.header.as_str(), nothing.body.as_str()), ("", ""));
        assert!(nothing.parts.contains("name=u\u{308}bersicht.pdf"), "{}", nothing.parts);
        for bytes_max in 0..found.header.len() + found.parts.len() + found.body.len() {
            assert!(search_text(prefix, parsed.map(), bytes_max, read).truncated, "{bytes_max}");
        }
        assert_eq!(preview_text(parsed.map(), 100, read), "Plain text");
    }

    #[test]
    fn charsets_and_forms() {
        #[track_caller]
        fn check(header: &str, body: &[u8], want: &str) {
            let message = [header.as_bytes(), b"\r\n\r\n", body].concat();
            let parsed = parse(&message);
            let part = &parsed.map().parts()[0];
            let wire = part.body_range().of(&message).unwrap();
            assert_eq!(readable_text(part, wire, Hidden::Drop, 100), want, "{header}");
        }
        check("Content-Type: text/plain; charset=koi8-r", b"\xf0\xd2\xc9", "При");
        check("Content-Type: text/html", b"<meta charset=koi8-r>\xf0\xd2\xc9", "При");
        check("Content-Type: text/plain; format=Flowed; delsp=YES", b"a \r\nb\r\n", "ab\n");
        check(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64",
            b"w6Q=",
            "ä",
        );
        check("Subject: x", b"gr\xfc\xdfe", "grüße");
    }
}
