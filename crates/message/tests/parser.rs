//! The parser against its own promises: any cut of any message gives the same, and every part lies
//! where the map says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::panic, reason = "a test may panic")]

mod common;

use common::{check, parse_in_pieces};
use posthorn_message::part::{Damage, Kind, PartMap};
use posthorn_message::{Limits, parse};
use proptest::prelude::*;

/// The tree as text: type of each part, octets and lines of those that are no multipart, children
/// in brackets after it.
fn tree(map: &PartMap) -> String {
    let mut out = String::new();
    let mut depth = 0;
    for part in map.parts() {
        while depth < part.depth {
            out.push('[');
            depth += 1;
        }
        while depth > part.depth {
            out.push(']');
            depth -= 1;
        }
        let content_type = &part.content_type;
        let (kind, subtype) = (&content_type.kind, &content_type.subtype);
        out += &format!("{kind}/{subtype}");
        if part.kind != Kind::Multipart {
            out += &format!(" {} {}", part.octets(), part.lines);
        }
        out.push(';');
    }
    out.extend(std::iter::repeat_n(']', depth));
    out
}

#[track_caller]
fn check_tree(message: &str, want: &str, damage: Damage) {
    for message in [message.replace('\n', "\r\n"), message.to_string()] {
        let parsed = check(message.as_bytes());
        for size in [1, 2, 3, 7] {
            let pieces = parse_in_pieces(message.as_bytes(), size, Limits::default());
            assert_eq!(pieces, parsed, "{message:?} in pieces of {size}");
        }
        if message.contains('\r') {
            assert_eq!(tree(parsed.map()), want, "{message:?}");
        }
        let noted = parsed.map().damage().without(Damage::BARE_LF);
        assert_eq!(noted, damage, "{message:?}");
    }
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\n\n";

#[test]
fn simple_messages() {
    check_tree("", "text/plain 0 0;", Damage::NO_BLANK_LINE);
    check_tree("\n", "text/plain 0 0;", Damage::NONE);
    check_tree("A: b\n\nhello\n", "text/plain 7 1;", Damage::NONE);
    check_tree("A: b\n\nhello", "text/plain 5 0;", Damage::NONE);
    check_tree("A: b\n", "text/plain 0 0;", Damage::NO_BLANK_LINE);
    check_tree("Content-Type: TEXT/Html; a=b\n\nx", "text/html 1 0;", Damage::NONE);
    check_tree("Content-Type: text\n\nx", "text/plain 1 0;", Damage::BAD_CONTENT_TYPE);
    check_tree("no header\n\nx", "text/plain 1 0;", Damage::MALFORMED_HEADER);
}

#[test]
fn multiparts() {
    #[track_caller]
    fn check(body: &str, want: &str, damage: Damage) {
        check_tree(&format!("{MIXED}{body}"), want, damage);
    }
    let none = Damage::NONE;
    // The line end before a delimiter belongs to it.
    check("--b\n\nx\n--b--\n", "multipart/mixed;[text/plain 1 0;]", none);
    check("--b\n\nx\n\n--b--\n", "multipart/mixed;[text/plain 3 1;]", none);
    check(
        "pre\n--b\n\nx\n--b\n\ny\n--b--\nepi",
        "multipart/mixed;[text/plain 1 0;text/plain 1 0;]",
        none,
    );
    // Padding, more on the line, and lines that only look alike.
    check("--b \t\n\nx\n--b-- \n", "multipart/mixed;[text/plain 1 0;]", none);
    check("--b junk\n\n--a\n-b\n --b\n--b--junk", "multipart/mixed;[text/plain 13 2;]", none);
    // Empty parts: with a blank line, without, and one with a header only.
    check("--b\n\n--b--", "multipart/mixed;[text/plain 0 0;]", none);
    check("--b\n--b--", "multipart/mixed;[text/plain 0 0;]", Damage::NO_BLANK_LINE);
    check("--b\nA: b\n--b--", "multipart/mixed;[text/plain 0 0;]", Damage::NO_BLANK_LINE);
    // Nothing, cut off, or closed by what should begin a part.
    check("--b--", "multipart/mixed;", none);
    check("text", "multipart/mixed;", Damage::NO_END_BOUNDARY);
    check("--b\n\nx", "multipart/mixed;[text/plain 1 0;]", Damage::NO_END_BOUNDARY);
    check("--b\n\nx\n--b", "multipart/mixed;[text/plain 1 0;]", Damage::NO_END_BOUNDARY);
    check("--b\n\nx\n--b\n", "multipart/mixed;[text/plain 1 0;]", Damage::NO_END_BOUNDARY);
    // Behind the end there are no delimiters.
    check("--b\n\nx\n--b--\n--b\n\ny\n--b--\n", "multipart/mixed;[text/plain 1 0;]", none);
}

#[test]
fn nested_multiparts() {
    let inner =
        |boundary: &str| format!("--b\nContent-Type: multipart/related; boundary={boundary}\n\n");
    let none = Damage::NONE;
    // A boundary that continues the outer one, as the inner and as the outer.
    let message = format!("{MIXED}{}--b-1\n\nx\n--b-1--\n--b\n\ny\n--b--\n", inner("b-1"));
    check_tree(
        &message,
        "multipart/mixed;[multipart/related;[text/plain 1 0;]text/plain 1 0;]",
        none,
    );
    // The inner end is missing.
    let message = format!("{MIXED}{}--c\n\nx\n--b\n\ny\n--b--\n", inner("c"));
    check_tree(
        &message,
        "multipart/mixed;[multipart/related;[text/plain 1 0;]text/plain 1 0;]",
        Damage::NO_END_BOUNDARY,
    );
    // The same boundary twice: the innermost counts, until it is closed.
    let message = format!("{MIXED}{}--b\n\nx\n--b--\n--b\n\ny\n--b--\n", inner("b"));
    check_tree(
        &message,
        "multipart/mixed;[multipart/related;[text/plain 1 0;]text/plain 1 0;]",
        none,
    );
    // No boundary at all.
    check_tree("Content-Type: multipart/mixed\n\nx", "text/plain 1 0;", Damage::NO_BOUNDARY);
}

#[test]
fn messages_in_messages() {
    let none = Damage::NONE;
    check_tree(
        "Content-Type: message/rfc822\n\nSubject: x\n\nhello\n",
        "message/rfc822 21 3;[text/plain 7 1;]",
        none,
    );
    check_tree(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\nhi\n--b\n\
         Content-Type: text/html\n\nhi\n--b--\n",
        "multipart/digest;[message/rfc822 16 2;[text/plain 2 0;]text/html 2 0;]",
        none,
    );
    let encoded = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ==\n";
    check_tree(encoded, "message/rfc822 6 1;", Damage::ENCODED_CONTAINER);
    let unknown = "Content-Type: message/rfc822\nContent-Transfer-Encoding: x-zip\n\nA: b\n\n";
    let damage = Damage::ENCODED_CONTAINER | Damage::UNKNOWN_ENCODING;
    check_tree(unknown, "message/rfc822 8 2;", damage);
    // A header that a delimiter ends.
    check_tree(
        &format!("{MIXED}--b\nContent-Type: message/rfc822\n\nSubject: x\n--b--\n"),
        "multipart/mixed;[message/rfc822 10 0;[text/plain 0 0;]]",
        Damage::NO_BLANK_LINE,
    );
    check_tree(
        &format!("{MIXED}--b\nContent-Type: message/rfc822\n--b--\n"),
        "multipart/mixed;[message/rfc822 0 0;[text/plain 0 0;]]",
        Damage::NO_BLANK_LINE,
    );
}

#[test]
fn notes() {
    #[track_caller]
    fn check(message: &[u8], want: Damage) {
        assert_eq!(parse(message).map().damage(), want, "{:?}", message.escape_ascii().to_string());
    }
    check(b"A: b\r\n\r\nx\0y", Damage::NUL);
    check(b"A: b\r\n\r\nx\ry", Damage::BARE_CR);
    check(b"A: b\r\n\r\nx\r", Damage::BARE_CR);
    check(b"A: b\r\n\r\nx\n", Damage::BARE_LF);
    check(b"A: b\r\n\r\n\xe9", Damage::EIGHT_BIT_BODY);
    check(b"Content-Transfer-Encoding: 8bit\r\n\r\n\xe9", Damage::NONE);
    check(b"Content-Transfer-Encoding: x-gzip64\r\n\r\n", Damage::UNKNOWN_ENCODING);
    check("A: é\r\n\r\n".as_bytes(), Damage::EIGHT_BIT_HEADER);
    check(b"A: \xe9\r\n\r\n", Damage::EIGHT_BIT_HEADER | Damage::HEADER_NOT_UTF8);
    check(b"Content-ID: <a>\r\nContent-id: <b>\r\n\r\n", Damage::REPEATED_FIELD);
}

#[test]
fn an_ordinary_map_is_small() {
    let message = "Content-Type: multipart/mixed; boundary=\"000000000000a1b2c3d4e5f6a7b8c9\"\r\n\
        \r\n--000000000000a1b2c3d4e5f6a7b8c9\r\nContent-Type: multipart/alternative; \
        boundary=\"000000000000ffffffffffffffffff\"\r\n\r\n--000000000000ffffffffffffffffff\r\n\
        Content-Type: text/plain; charset=\"UTF-8\"\r\n\r\nhello\r\n\
        --000000000000ffffffffffffffffff\r\nContent-Type: text/html; charset=\"UTF-8\"\r\n\r\n\
        <p>hello\r\n--000000000000ffffffffffffffffff--\r\n--000000000000a1b2c3d4e5f6a7b8c9\r\n\
        Content-Type: application/pdf; name=\"offer.pdf\"\r\nContent-Disposition: attachment; \
        filename=\"offer.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n\
        --000000000000a1b2c3d4e5f6a7b8c9--\r\n";
    let parsed = check(message.as_bytes());
    let bytes = parsed.map().to_bytes();
    assert!(bytes.len() < 200, "{} octets", bytes.len());
    for cut in 0..bytes.len() {
        assert!(PartMap::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let plain = check(b"Content-Type: text/plain; charset=utf-8\r\n\r\nhi\r\n").into_map();
    assert!(plain.to_bytes().len() < 20, "{} octets", plain.to_bytes().len());
}

/// Pieces from which messages are made that are broken in interesting ways.
fn piece() -> impl Strategy<Value = &'static [u8]> {
    prop::sample::select(vec![
        &b"\r\n"[..],
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"\n\n",
        b"-",
        b"--",
        b"--b",
        b"--b--",
        b"--bc",
        b"--bc--",
        b"\r\n--b\r\n",
        b"\n--bc\n",
        b"\r\n--b--\r\n",
        b" ",
        b"\t",
        b"x",
        b"hello",
        b"\0",
        b"\xe9",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        b"Content-Type: multipart/digest; boundary=\"bc\"\n\n",
        b"Content-Type: multipart/mixed; boundary=\"b--\"\r\n",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Disposition: attachment; filename*0*=utf-8''%C3; filename*1*=%A4\r\n",
        b"Subject: x\r\n",
        b"To: a@b, g: c@d;\r\n",
        b"From",
        b":",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_cut_gives_the_same(
        pieces in prop::collection::vec(piece(), 0..40),
        sizes in prop::collection::vec(1usize..20, 1..10),
        parts in 1usize..6,
        depth in 1usize..4,
        header_bytes in 20usize..200,
    ) {
        let message = pieces.concat();
        check(&message);
        let tight = Limits { header_bytes, parts, depth, text_bytes: 300 };
        for limits in [Limits::default(), tight] {
            let whole = parse_in_pieces(&message, usize::MAX, limits);
            prop_assert!(whole.map().parts().len() <= limits.parts);
            prop_assert!(whole.map().parts().iter().all(|part| part.depth <= limits.depth));
            let stored = PartMap::from_bytes(&whole.map().to_bytes());
            prop_assert_eq!(stored.as_ref(), Ok(whole.map()));
            prop_assert_eq!(&parse_in_pieces(&message, 1, limits), &whole);
            let mut parser = posthorn_message::Parser::new(limits);
            let mut rest = &message[..];
            for size in sizes.iter().cycle() {
                let (piece, behind) = rest.split_at(rest.len().min(*size));
                parser.push(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(&parser.finish(), &whole);
        }
    }

    #[test]
    fn any_octets_are_a_message(message in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&message);
        let _ = PartMap::from_bytes(&message);
        let _ = posthorn_message::structure::Envelope::from_bytes(&message);
    }

    #[test]
    fn a_damaged_map_is_refused_or_is_a_map(
        pieces in prop::collection::vec(piece(), 0..20),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let mut bytes = parse(&pieces.concat()).map().to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = octet;
        if let Ok(map) = PartMap::from_bytes(&bytes) {
            prop_assert_eq!(PartMap::from_bytes(&map.to_bytes()), Ok(map));
        }
    }
}
