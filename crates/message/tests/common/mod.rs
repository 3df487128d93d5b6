//! What must hold for every message, however broken.

use posthorn_message::part::{Kind, PartMap, Section, SectionText};
use posthorn_message::structure::Envelope;
use posthorn_message::structure::imap_text::{write_body_structure, write_envelope};
use posthorn_message::{Limits, Parsed, Parser, parse};

/// Parses in pieces of this size.
pub(crate) fn parse_in_pieces(message: &[u8], size: usize, limits: Limits) -> Parsed {
    let mut parser = Parser::new(limits);
    message.chunks(size).for_each(|piece| parser.push(piece));
    parser.finish()
}

/// Checks everything that the crate promises of any message.
#[track_caller]
pub(crate) fn check(message: &[u8]) -> Parsed {
    let parsed = parse(message);
    assert_eq!(parsed.octets(), message.len() as u64);
    check_map(message, parsed.map());
    let header: Vec<u8> = parsed.header().fields().flat_map(|f| f.raw().to_vec()).collect();
    assert!(message.starts_with(&header), "the header's fields are the message's beginning");
    let bytes = parsed.map().to_bytes();
    assert_eq!(PartMap::from_bytes(&bytes).as_ref(), Ok(parsed.map()));
    let envelope = parsed.envelope();
    assert_eq!(PartMap::header_octets(&bytes), Ok(parsed.map().parts()[0].body_start));
    let stored = envelope.to_bytes();
    assert_eq!(Envelope::from_bytes(&stored), Ok(envelope));
    let mut out = Vec::new();
    write_envelope(&mut out, &stored).unwrap();
    write_body_structure(&mut out, &bytes, true).unwrap();
    write_body_structure(&mut out, &bytes, false).unwrap();
    check_imap(&out);
    parsed.summary();
    parsed.thread_keys();
    parsed
}

#[track_caller]
fn check_map(message: &[u8], map: &PartMap) {
    let parts = map.parts();
    assert_eq!((parts[0].parent, parts[0].header_start), (None, 0));
    assert_eq!(parts[0].body_end, message.len() as u64);
    for (index, part) in parts.iter().enumerate() {
        assert!(part.header_start <= part.body_start && part.body_start <= part.body_end);
        let children: Vec<_> = map.children(index).collect();
        assert_eq!(children.len(), part.children, "part {index}");
        let mut last = part.body_start;
        for (n, &child) in children.iter().enumerate() {
            let child = &parts[child];
            assert_eq!((child.number, child.depth), (n + 1, part.depth + 1));
            assert!(last <= child.header_start && child.body_end <= part.body_end, "{index}");
            last = child.body_end;
        }
        match part.kind {
            Kind::Leaf => assert!(children.is_empty()),
            Kind::Multipart => {}
            Kind::Message => {
                assert_eq!(children.len(), 1);
                assert_eq!(parts[children[0]].header_start, part.body_start);
                assert_eq!(parts[children[0]].body_end, part.body_end);
                assert!(part.envelope.is_some());
            }
        }
        let body = part.body_range().of(message).unwrap();
        let lines = memchr::memchr_iter(b'\n', body).count() as u64;
        assert_eq!(part.lines, lines, "part {index} {part:?}");
        assert_eq!(part.octets(), body.len() as u64);
        part.decode(message).unwrap();
        posthorn_message::text::decode_text(part, body);
        part.file_name();
        check_sections(map, index);
    }
    let whole = Section { part: vec![], text: SectionText::Whole };
    assert_eq!(map.section(&whole).unwrap().of(message).unwrap(), message);
}

/// A part fetched by its number lies where its offsets say.
#[track_caller]
fn check_sections(map: &PartMap, index: usize) {
    let part = &map.parts()[index];
    let fetch = |number: &[u32], text| map.section(&Section { part: number.to_vec(), text });
    let Some(number) = map.number_of(index) else {
        // The message itself, or the multipart that is all of a message within a part.
        assert_eq!(part.kind, Kind::Multipart);
        let holder = part.parent.map_or(Some(vec![]), |parent| map.number_of(parent)).unwrap();
        assert_eq!(fetch(&holder, SectionText::Text), Some(part.body_range()));
        assert_eq!(fetch(&holder, SectionText::Header), Some(part.header_range()));
        return;
    };
    assert_eq!(map.find(&number), Some(index), "{number:?}");
    assert_eq!(fetch(&number, SectionText::Whole), Some(part.body_range()));
    assert_eq!(fetch(&number, SectionText::Mime), Some(part.header_range()));
    let inner = (part.kind == Kind::Message).then(|| map.children(index).next().unwrap());
    let inner = inner.map(|inner| &map.parts()[inner]);
    assert_eq!(fetch(&number, SectionText::Header), inner.map(|inner| inner.header_range()));
    assert_eq!(fetch(&number, SectionText::Text), inner.map(|inner| inner.body_range()));
}

/// IMAP text has balanced parentheses outside strings, whole literals, and no bare CR, LF or NUL.
#[track_caller]
fn check_imap(text: &[u8]) {
    let (mut at, mut depth, mut quoted) = (0, 0i64, false);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            0 | b'\r' | b'\n' | 0x80.. => panic!("octet {byte} outside a literal"),
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth -= 1,
            b'{' if !quoted => {
                let end = memchr::memchr(b'}', &text[at..]).unwrap() + at;
                let length: usize = std::str::from_utf8(&text[at..end]).unwrap().parse().unwrap();
                assert_eq!(&text[end + 1..end + 3], b"\r\n");
                at = end + 3 + length;
                assert!(at <= text.len());
            }
            _ => {}
        }
        assert!(depth >= 0);
    }
    assert_eq!((depth, quoted), (0, false));
}
