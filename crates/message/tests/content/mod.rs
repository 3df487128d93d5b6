//! What must hold for the content of every message, however broken.

use posthorn_base::{Address, Time, ZonedTime, limits};
use posthorn_message::address::AddressList;
use posthorn_message::complete::{Submission, complete_headers};
use posthorn_message::encoding::{Decoder, decode};
use posthorn_message::header::Header;
use posthorn_message::part::{Kind, Range};
use posthorn_message::text::{Bodies, attachments, fold_for_search, preview_text, search_text};
use posthorn_message::{Parsed, date};
use std::borrow::Cow;

/// Checks everything that the crate promises of any content.
#[track_caller]
pub(crate) fn check(message: &[u8], parsed: &Parsed) {
    check_decoders(message, parsed);
    check_texts(message, parsed);
    check_bodies(parsed);
    check_header(parsed.header());
    check_completion(parsed.header().raw());
}

/// How a body is cut into chunks never changes what it decodes to.
fn check_decoders(message: &[u8], parsed: &Parsed) {
    for part in parsed.map().parts().iter().filter(|part| part.kind == Kind::Leaf) {
        let body = part.body_range().of(message).unwrap();
        let whole = decode(part.encoding, body);
        for size in [1, 7, 77] {
            let mut decoder = Decoder::new(part.encoding);
            let mut out = Vec::new();
            body.chunks(size).for_each(|chunk| decoder.push(chunk, &mut out));
            let damaged = decoder.finish(&mut out);
            assert_eq!(damaged, whole.damaged);
            assert!(out == whole.bytes, "{:?} in chunks of {size}", part.encoding);
        }
    }
}

/// Search text is folded and bounded, previews are one line.
fn check_texts(message: &[u8], parsed: &Parsed) {
    let read = |range: Range| range.of(message).map(Cow::Borrowed);
    let found = search_text(b"", parsed.map(), limits::SEARCH_TEXT_BYTES_MAX, read);
    assert!(
        found.header.len() + found.parts.len() + found.body.len() <= limits::SEARCH_TEXT_BYTES_MAX
    );
    for line in found.header.lines().chain(found.parts.lines()).chain(found.body.lines()).take(200)
    {
        assert_eq!(fold_for_search(line), line);
    }
    if let Some(subject) = parsed.header().subject() {
        assert!(found.header_contains(&subject), "{subject}");
    }
    let preview = preview_text(parsed.map(), 100, read);
    assert!(preview.chars().count() <= 100 && !preview.contains(char::is_control), "{preview:?}");
}

/// Every leaf that is not within another message is shown or attached.
fn check_bodies(parsed: &Parsed) {
    let map = parsed.map();
    let bodies = Bodies::of(map);
    let is_nested = |index: usize| {
        let mut above = map.get(index).unwrap().parent;
        while let Some(parent) = above {
            if map.get(parent).unwrap().kind == Kind::Message {
                return true;
            }
            above = map.get(parent).unwrap().parent;
        }
        false
    };
    for (index, part) in map.parts().iter().enumerate() {
        let lists = [&bodies.text, &bodies.html, &bodies.attachments];
        let is_listed = lists.iter().any(|list| list.contains(&index));
        let is_wanted = part.kind != Kind::Multipart && !is_nested(index);
        // Of an alternative within an alternative, a form that the outer one has ruled out is not.
        let is_text = &*part.content_type.kind == "text";
        assert!(is_listed == is_wanted || (is_wanted && is_text), "part {index}");
    }
    assert_eq!(attachments(map).len(), bodies.attachments.len());
}

/// Decoded fields hold no line ends; what was read of a date is read the same when it is written.
fn check_header(header: Header<'_>) {
    for field in header.fields() {
        assert!(!field.decoded().contains(['\r', '\n', '\0']));
        if let Some(time) = date::parse(field.raw_value()) {
            assert_eq!(date::parse(time.to_string().as_bytes()), Some(time));
        }
        for mailbox in AddressList::parse(field.raw_value()).mailboxes() {
            assert!(!mailbox.name().unwrap_or_default().contains(['\r', '\n', '\0']));
            if let Ok(address) = mailbox.to_address() {
                assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }
}

/// Completing twice changes nothing more, and what was not touched is still there.
fn check_completion(section: &[u8]) {
    let from = Address::parse("alice@example.com").unwrap();
    let facts = Submission {
        date: ZonedTime { time: Time::EPOCH, offset_minutes: 0 },
        message_id: "1@example.com",
        from: &from,
        from_name: None,
    };
    let once = complete_headers(section, &facts);
    let twice = complete_headers(&once.section, &facts);
    assert_eq!(once.section, twice.section);
    assert!(twice.added.is_empty() && twice.removed.is_empty());
    let header = Header::new(&once.section);
    for name in ["Date", "From", "Message-ID"] {
        assert!(header.first(name).is_some(), "{name}");
    }
    assert!(header.first("Bcc").is_none());
}
