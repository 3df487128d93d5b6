//! Messages made to hurt: what they cost is bounded by the limits, not by what they say.
//!
//! Each runs on a thread with a small stack, so that anything that recursed would end the test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::panic, reason = "a test may panic")]

use posthorn_base::limits;
use posthorn_message::part::{Damage, Kind, Part, PartMap};
use posthorn_message::structure::imap_text::write_body_structure;
use posthorn_message::{Limits, Parsed, Parser};

const STACK_BYTES: usize = 256 * 1024;

/// Header sections (the message's own and the one being read, each up to twice its limit while it
/// grows), the texts of the map, and its parts.
const MEMORY_BYTES_MAX: usize = 4 * limits::HEADER_BYTES_MAX
    + limits::PART_MAP_TEXT_BYTES_MAX
    + 2 * limits::MIME_PARTS_MAX * size_of::<Part>();

/// Parses, stores, reads and writes a message, and hands the result to the check.
fn survive(message: Vec<u8>, check: impl FnOnce(&Parsed) + Send + 'static) {
    let run = move || {
        let mut parser = Parser::new(Limits::default());
        for piece in message.chunks(64 * 1024) {
            parser.push(piece);
            assert!(parser.memory_bytes() <= MEMORY_BYTES_MAX, "{}", parser.memory_bytes());
        }
        let parsed = parser.finish();
        let map = parsed.map();
        assert!(map.parts().len() <= limits::MIME_PARTS_MAX);
        assert!(map.parts().iter().all(|part| part.depth <= limits::MIME_DEPTH_MAX));
        let bytes = map.to_bytes();
        // Parts cost a few octets each beside their texts.
        assert!(bytes.len() <= limits::PART_MAP_TEXT_BYTES_MAX + 64 * map.parts().len());
        assert_eq!(PartMap::from_bytes(&bytes).as_ref(), Ok(map));
        assert!(parsed.header().raw().len() <= limits::HEADER_BYTES_MAX);
        let mut out = Vec::new();
        write_body_structure(&mut out, &bytes, true).unwrap();
        parsed.envelope();
        parsed.thread_keys();
        parsed.summary();
        check(&parsed);
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap();
}

#[test]
fn nested_multiparts() {
    let mut message = Vec::new();
    for n in 0..100_000 {
        message.extend_from_slice(
            format!("Content-Type: multipart/mixed; boundary=b{n:06}\r\n\r\n--b{n:06}\r\n")
                .as_bytes(),
        );
    }
    survive(message, |parsed| {
        assert_eq!(parsed.map().parts().len(), limits::MIME_DEPTH_MAX + 1);
        assert!(parsed.map().parts().last().unwrap().damage.has(Damage::TOO_DEEP));
    });
}

#[test]
fn nested_multiparts_of_one_boundary() {
    let piece = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    survive(piece.repeat(100_000), |parsed| {
        assert!(parsed.map().damage().has(Damage::TOO_DEEP));
    });
}

#[test]
fn parts_side_by_side() {
    let mut message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    message.extend(b"--b\r\n\r\nx\r\n".repeat(100_000));
    survive(message, |parsed| {
        let parts = parsed.map().parts();
        assert_eq!(parts.len(), limits::MIME_PARTS_MAX);
        // What is beyond the last part belongs to it.
        assert_eq!(parts.last().unwrap().body_end, parsed.octets());
        assert!(parts.last().unwrap().damage.has(Damage::TOO_MANY_PARTS));
    });
}

#[test]
fn messages_in_messages() {
    survive(b"Content-Type: message/rfc822\r\n\r\n".repeat(20_000), |parsed| {
        let parts = parsed.map().parts();
        assert_eq!(parts.len(), limits::MIME_DEPTH_MAX + 1);
        let last = parts.last().unwrap();
        assert_eq!(last.kind, Kind::Leaf);
        assert!(last.damage.has(Damage::TOO_DEEP));
    });
}

#[test]
fn digests_of_digests() {
    let piece = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n";
    survive(piece.repeat(20_000), |_| {});
}

#[test]
fn a_header_line_of_a_megabyte() {
    for byte in [b'a', b' ', b'"', b'(', b'<', b'=', b';', b',', b'@', b':', 0xe9, 0] {
        for name in ["Subject", "To", "Content-Type", "References", "Content-Disposition", "Date"] {
            let mut message = format!("{name}: ").into_bytes();
            message.extend(std::iter::repeat_n(byte, 1024 * 1024));
            message.extend_from_slice(b"\r\n\r\nx");
            survive(message, |_| {});
        }
    }
}

#[test]
fn an_endless_header() {
    let mut message = b"Subject: x\r\n".repeat(300_000);
    message.extend_from_slice(b"\r\nx");
    survive(message, |parsed| {
        assert_eq!(parsed.header().raw().len(), limits::HEADER_BYTES_MAX);
        assert!(parsed.header().fields().count() <= limits::HEADER_FIELDS_MAX);
        let damage = parsed.map().damage();
        assert!(damage.has(Damage::HEADER_TOO_LONG) && damage.has(Damage::TOO_MANY_FIELDS));
    });
}

#[test]
fn many_parameters() {
    let mut message = b"Content-Type: text/plain".to_vec();
    for n in 0..100_000 {
        message.extend_from_slice(format!("; a{n}=b").as_bytes());
    }
    message.extend_from_slice(b"\r\n\r\nx");
    survive(message, |parsed| {
        let list = &parsed.map().parts()[0].content_type.parameters;
        assert_eq!(list.parameters.len(), limits::MIME_PARAMETERS_MAX);
    });
}

#[test]
fn texts_of_all_parts_together() {
    let mut message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for _ in 0..5000 {
        message.extend_from_slice(b"--b\r\nContent-Description: ");
        message.extend(std::iter::repeat_n(b'd', 2000));
        message.extend_from_slice(b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n");
    }
    survive(message, |parsed| {
        let parts = parsed.map().parts();
        assert_eq!(parts.len(), 5001);
        assert!(parts[1].description.is_some());
        let last = parts.last().unwrap();
        assert!(last.description.is_none() && last.damage.has(Damage::TEXT_LEFT_OUT));
        assert!(last.content_type.is("text", "plain"));
    });
}

#[test]
fn envelopes_of_messages_within() {
    let mut message = b"Content-Type: multipart/digest; boundary=b\r\n\r\n".to_vec();
    for _ in 0..1000 {
        message.extend_from_slice(b"--b\r\n\r\nTo: ");
        message.extend(b"a@b, ".repeat(2000));
        message.extend_from_slice(b"c@d\r\n\r\nx\r\n");
    }
    survive(message, |parsed| {
        assert!(parsed.map().damage().has(Damage::TEXT_LEFT_OUT));
    });
}

#[test]
fn lines_like_delimiters() {
    let mut message = Vec::new();
    let boundary = "b".repeat(900);
    for n in 0..limits::MIME_DEPTH_MAX {
        message.extend_from_slice(
            format!(
                "Content-Type: multipart/mixed; boundary={boundary}{n}\r\n\r\n--{boundary}{n}\r\n"
            )
            .as_bytes(),
        );
    }
    message.extend_from_slice(b"\r\n");
    message.extend(format!("--{boundary}\r\n").repeat(2000).bytes());
    message.extend(b"--\r\n-\r\n".repeat(100_000));
    survive(message, |parsed| {
        assert_eq!(parsed.map().parts().len(), limits::MIME_DEPTH_MAX + 1);
    });
}
