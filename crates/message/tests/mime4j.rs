//! The 80 messages of Apache James mime4j with their language-neutral answers: structure, header
//! fields, bodies and decoded bodies must agree, byte for byte.
//!
//! Where we differ on purpose, [`DIFFERENCES`] says why, file by file, and the test fails when such
//! a file no longer differs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic, its helpers too"
)]

use posthorn_message::encoding::{self, Encoding};
use posthorn_message::header::Header;
use posthorn_message::part::{Kind, PartMap};
use std::path::{Path, PathBuf};

/// In a mail with bare LF, mime4j takes the LF that ends the closing delimiter's line for an
/// epilogue of one line. RFC 2046 5.1.1: it belongs to the delimiter's line; nothing follows it.
const LF_EPILOGUE: &str = "the LF of the closing delimiter's line is no epilogue";
/// mime4j writes CRLF for a hard line end in quoted-printable, whatever stands there. We keep the
/// LF of a mail that has bare LF: the same mail sent by SMTP has CRLF and decodes to CRLF.
const LF_IN_QP: &str = "a bare LF in quoted-printable stays what it is";
/// mime4j has a setting for lines in a header that are no field: skip them, or let the body begin
/// there. These two answers are for the second; `malformedHeader-*` are the same messages with the
/// answers for the first, which we give (Dovecot does the same).
const HEADER_STARTS_BODY: &str = "a line that is no field is skipped, it does not begin the body";
/// Where base64 breaks off within a group of four characters, we keep the octets that are whole.
const LAST_OCTETS: &str = "the octets of an unfinished last group are kept";
/// 7000 octets cannot stand on a line (RFC 5322 2.1.1), and SMTP would not have carried it.
const BOUNDARY: &str = "a boundary longer than a line is none";

/// Files of answers that we do not give, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("attachment-filename-encoding-Latin1.xml", LF_EPILOGUE),
    ("attachment-filename-encoding-Latin1_decoded.xml", LF_EPILOGUE),
    ("attachment-filename-encoding-UTF8.xml", LF_EPILOGUE),
    ("attachment-filename-encoding-UTF8_decoded.xml", LF_EPILOGUE),
    ("empty-preamble.xml", LF_EPILOGUE),
    ("empty-preamble_decoded.xml", LF_EPILOGUE),
    ("ticket-60931.xml", LF_EPILOGUE),
    ("ticket-60931_decoded.xml", LF_EPILOGUE),
    ("twopart.xml", LF_EPILOGUE),
    ("twopart_decoded.xml", LF_EPILOGUE),
    ("empty-preamble_decoded_1_1.txt", LF_IN_QP),
    ("german-qp_decoded_1.txt", LF_IN_QP),
    ("jt-0498_decoded_1_2_1.txt", LF_IN_QP),
    ("mp-msg-rfc822_decoded_1_2_1.txt", LF_IN_QP),
    ("frag_decoded_1_2_1_2_1_2_1_2.bin", LAST_OCTETS),
    ("multi-frag_decoded_1_3_2.bin", LAST_OCTETS),
    ("very-very-long-boundary.xml", BOUNDARY),
    ("very-very-long-boundary_decoded.xml", BOUNDARY),
    ("very-very-long-boundary_decoded_1.txt", BOUNDARY),
    ("malformedHeaderStartsBody-nocrlfcrlf.xml", HEADER_STARTS_BODY),
    ("malformedHeaderStartsBody-nocrlfcrlf_decoded.xml", HEADER_STARTS_BODY),
    ("malformedHeaderStartsBody-nocrlfcrlf_decoded_1.txt", HEADER_STARTS_BODY),
    ("malformedHeaderStartsBody-noheader.xml", HEADER_STARTS_BODY),
    ("malformedHeaderStartsBody-noheader_decoded_1.txt", HEADER_STARTS_BODY),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/mime-mime4j")
}

/// Writes what the parser found the way mime4j's answers are written.
struct Render<'a> {
    message: &'a [u8],
    map: &'a PartMap,
    line_end: &'static str,
    /// Names of the files that hold the decoded bodies, where those are wanted.
    decoded: Option<&'a str>,
    out: Vec<u8>,
    /// Decoded bodies by file name.
    bodies: Vec<(String, Vec<u8>)>,
}

impl Render<'_> {
    fn tag(&mut self, tag: &str) {
        self.out.extend_from_slice(tag.as_bytes());
        self.out.extend_from_slice(self.line_end.as_bytes());
    }

    fn text(&mut self, name: &str, text: &[u8]) {
        self.tag(&format!("<{name}>"));
        for &byte in text {
            match byte {
                b'<' => self.out.extend_from_slice(b"&lt;"),
                b'>' => self.out.extend_from_slice(b"&gt;"),
                b'&' => self.out.extend_from_slice(b"&amp;"),
                _ => self.out.push(byte),
            }
        }
        self.tag(&format!("</{name}>"));
    }

    fn entity(&mut self, index: usize, tag: &str, path: &str) {
        let part = &self.map.parts()[index];
        self.tag(&format!("<{tag}>"));
        self.tag("<header>");
        let section = part.header_range().of(self.message).unwrap();
        for field in Header::new(section).fields().filter(|field| !field.name().is_empty()) {
            let raw = field.raw();
            let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
            self.text("field", raw.strip_suffix(b"\r").unwrap_or(raw));
        }
        self.tag("</header>");
        let body = part.body_range().of(self.message).unwrap();
        match part.kind {
            Kind::Multipart => self.multipart(index, path),
            Kind::Message => {
                let child = self.map.children(index).next().unwrap();
                self.entity(child, "message", &format!("{path}_1"));
            }
            // We leave an encoded message closed; who opens it finds the same as mime4j.
            Kind::Leaf if part.content_type.is("message", "rfc822") => {
                self.encoded_message(&encoding::decode(part.encoding, body).bytes, path);
            }
            Kind::Leaf => self.leaf(index, body, path),
        }
        self.tag(&format!("</{tag}>"));
    }

    fn encoded_message(&mut self, message: &[u8], path: &str) {
        let parsed = posthorn_message::parse(message);
        let mut inner = Render {
            message,
            map: parsed.map(),
            line_end: self.line_end,
            decoded: self.decoded,
            out: Vec::new(),
            bodies: Vec::new(),
        };
        inner.entity(0, "message", &format!("{path}_1"));
        self.out.append(&mut inner.out);
        self.bodies.append(&mut inner.bodies);
    }

    fn leaf(&mut self, index: usize, body: &[u8], path: &str) {
        let Some(base) = self.decoded else { return self.text("body", body) };
        let part = &self.map.parts()[index];
        let (tag, suffix) = match &*part.content_type.kind {
            "text" => ("text-body", "txt"),
            _ => ("binary-body", "bin"),
        };
        let name = format!("{base}_decoded_{path}.{suffix}");
        self.tag(&format!("<{tag} name=\"{name}\"/>"));
        let decoded = match part.encoding {
            // mime4j leaves what came before MIME as it is.
            Encoding::Uuencode => body.to_vec(),
            encoding => encoding::decode(encoding, body).bytes,
        };
        self.bodies.push((name, decoded));
    }

    fn multipart(&mut self, index: usize, path: &str) {
        self.tag("<multipart>");
        let part = &self.map.parts()[index];
        let body = part.body_range().of(self.message).unwrap();
        let boundary = part.content_type.parameter("boundary").unwrap();
        let delimiter = [b"--", boundary].concat();
        let children: Vec<_> = self.map.children(index).collect();
        let preamble = upto_delimiter(body, &delimiter);
        if let Some(preamble) = preamble {
            self.text("preamble", preamble);
        }
        for (n, &child) in children.iter().enumerate() {
            self.entity(child, "body-part", &format!("{path}_{}", n + 1));
        }
        let last = children.last().map(|&child| self.map.parts()[child].body_end);
        let after = last.unwrap_or(part.body_start + preamble.map_or(0, <[u8]>::len) as u64);
        let rest = &self.message[usize::try_from(after).unwrap()..part.body_end as usize];
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        if rest.starts_with(&delimiter)
            && let Some(end) = rest.iter().position(|b| *b == b'\n')
        {
            let epilogue = &rest[end + 1..];
            if !epilogue.is_empty() {
                self.text("epilogue", epilogue);
            }
        }
        self.tag("</multipart>");
    }
}

/// What stands before the first delimiter line; `None` when the body begins with one.
fn upto_delimiter<'a>(body: &'a [u8], delimiter: &[u8]) -> Option<&'a [u8]> {
    let mut at = 0;
    for line in body.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(delimiter) {
            let before = &body[..at];
            let before = before.strip_suffix(b"\n")?;
            return Some(before.strip_suffix(b"\r").unwrap_or(before));
        }
        at += line.len();
    }
    Some(body)
}

/// What differs between our answers and theirs: file names, and where.
fn compare(path: &Path) -> Vec<(String, String)> {
    let message = std::fs::read(path).unwrap();
    let base = path.file_stem().unwrap().to_str().unwrap();
    let parsed = posthorn_message::parse(&message);
    let mut differences = Vec::new();
    let mut check = |name: String, got: &[u8]| {
        let want = std::fs::read(path.with_file_name(&name)).unwrap_or_default();
        if got != want {
            let at = got.iter().zip(&want).take_while(|(got, want)| got == want).count();
            let shown = |text: &[u8]| {
                text[at..].iter().take(60).copied().collect::<Vec<u8>>().escape_ascii().to_string()
            };
            let where_ = format!("octet {at}: {:?}, answer {:?}", shown(got), shown(&want));
            differences.push((name, where_));
        }
    };
    for decoded in [None, Some(base)] {
        let suffix = if decoded.is_some() { "_decoded.xml" } else { ".xml" };
        let answer = std::fs::read(path.with_file_name(format!("{base}{suffix}"))).unwrap();
        let line_end = if answer.starts_with(b"<message>\r\n") { "\r\n" } else { "\n" };
        let mut render = Render {
            message: &message,
            map: parsed.map(),
            line_end,
            decoded,
            out: Vec::new(),
            bodies: Vec::new(),
        };
        render.entity(0, "message", "1");
        check(format!("{base}{suffix}"), &render.out);
        render.bodies.iter().for_each(|(name, body)| check(name.clone(), body));
    }
    differences
}

#[test]
fn answers_agree() {
    let mut messages: Vec<PathBuf> = ["testmsgs", "mimetools-testmsgs"]
        .iter()
        .flat_map(|name| std::fs::read_dir(folder().join(name)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "msg"))
        .collect();
    messages.sort();
    assert_eq!(messages.len(), 80);
    let mut differences: Vec<_> = messages.iter().flat_map(|path| compare(path)).collect();
    let mut wrong = Vec::new();
    for (name, reason) in DIFFERENCES {
        let before = differences.len();
        differences.retain(|(file, _)| file != name);
        if differences.len() == before {
            wrong.push(format!("{name} no longer differs ({reason})"));
        }
    }
    wrong.extend(differences.into_iter().map(|(name, where_)| format!("{name}: {where_}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
