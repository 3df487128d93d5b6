//! Parts of a message.

use super::header::check_value;
use super::{BuildError, HeaderWriter, transfer};
use crate::encoding::Encoding;
use posthorn_base::{Random, limits};

/// What the way to the recipient can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Only ASCII: right everywhere. (A message within the message is not touched: with 8-bit text
    /// in it, RFC 2046 5.2.1 leaves no way to write it in ASCII.)
    SevenBit,
    /// 8BITMIME (RFC 6152).
    EightBit,
}

/// How the parts of a multipart belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultipartKind {
    /// RFC 2046 5.1.3: independent parts.
    Mixed,
    /// RFC 2046 5.1.4: the same in several forms, the best last.
    Alternative,
    /// RFC 2387: the first part shows the others, of the given media type.
    Related(String),
    /// RFC 6522: a report of the given type.
    Report(&'static str),
}

/// A part of a message, with its header.
#[derive(Clone, Debug)]
pub struct Part {
    header: HeaderWriter,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// Text, whose encoding is chosen when it is written.
    Text {
        subtype: &'static str,
        text: String,
    },
    /// Octets, written in base64.
    Octets(Vec<u8>),
    /// Octets that are not encoded: a message or a report.
    Verbatim(Vec<u8>),
    Multipart {
        kind: MultipartKind,
        parts: Vec<Part>,
    },
}

impl Part {
    /// text/plain.
    pub fn text(text: &str) -> Part {
        Part::of(Content::Text { subtype: "plain", text: text.into() })
    }

    /// text/html.
    pub fn html(html: &str) -> Part {
        Part::of(Content::Text { subtype: "html", text: html.into() })
    }

    /// A file. RFC 2231 writes names beyond ASCII.
    pub fn attachment(
        media_type: &str,
        file_name: Option<&str>,
        bytes: Vec<u8>,
    ) -> Result<Part, BuildError> {
        Part::file(media_type, "attachment", file_name, bytes)
    }

    /// An image, or another content, that HTML shows by `cid:` and this id (RFC 2392).
    pub fn inline(
        media_type: &str,
        content_id: &str,
        file_name: Option<&str>,
        bytes: Vec<u8>,
    ) -> Result<Part, BuildError> {
        let mut part = Part::file(media_type, "inline", file_name, bytes)?;
        part.header.message_id("Content-ID", content_id)?;
        Ok(part)
    }

    fn file(
        media_type: &str,
        disposition: &str,
        file_name: Option<&str>,
        bytes: Vec<u8>,
    ) -> Result<Part, BuildError> {
        check_media_type(media_type)?;
        let mut header = HeaderWriter::default();
        // Old software looks for the name in Content-Type only; an ASCII name does no harm there.
        let name = file_name.filter(|name| name.is_ascii()).map(|name| ("name", name));
        header.parameters("Content-Type", media_type, name.as_slice())?;
        let name = file_name.map(|name| ("filename", name));
        header.parameters("Content-Disposition", disposition, name.as_slice())?;
        Ok(Part { header, content: Content::Octets(bytes) })
    }

    /// message/rfc822: a whole message. One with UTF-8 in its header is message/global (RFC 6532
    /// 3.7).
    pub fn message(message: Vec<u8>) -> Part {
        let section = memchr::memmem::find(&message, b"\r\n\r\n").unwrap_or(message.len());
        let header_is_ascii = message.get(..section).is_some_and(<[u8]>::is_ascii);
        Part::verbatim(if header_is_ascii { "message/rfc822" } else { "message/global" }, message)
    }

    /// A part whose octets are written as they are.
    pub(super) fn verbatim(media_type: &str, bytes: Vec<u8>) -> Part {
        let mut header = HeaderWriter::default();
        header.pieces("Content-Type", [media_type.to_string()]);
        Part { header, content: Content::Verbatim(bytes) }
    }

    /// multipart/mixed.
    pub fn mixed(parts: Vec<Part>) -> Part {
        Part::multipart(MultipartKind::Mixed, parts)
    }

    /// multipart/alternative of a text and its HTML.
    pub fn alternative(text: &str, html: Part) -> Part {
        Part::multipart(MultipartKind::Alternative, vec![Part::text(text), html])
    }

    /// multipart/related: HTML and the images it shows.
    pub fn related(html: &str, images: Vec<Part>) -> Part {
        let mut parts = vec![Part::html(html)];
        parts.extend(images);
        Part::multipart(MultipartKind::Related("text/html".into()), parts)
    }

    /// Any multipart.
    pub fn multipart(kind: MultipartKind, parts: Vec<Part>) -> Part {
        Part::of(Content::Multipart { kind, parts })
    }

    fn of(content: Content) -> Part {
        Part { header: HeaderWriter::default(), content }
    }

    /// Adds a field to the part's header, such as Content-Description or Content-Language.
    pub fn with_text_field(mut self, name: &str, value: &str) -> Result<Part, BuildError> {
        self.header.text(name, value)?;
        Ok(self)
    }

    /// Writes the message: the header, MIME-Version, and this part as its body. It ends in CRLF.
    pub fn write(
        self,
        header: HeaderWriter,
        wire: Wire,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, BuildError> {
        let mut header = header;
        header.pieces("MIME-Version", ["1.0".to_string()]);
        let mut out = header.into_bytes();
        self.write_entity(wire, random, 0, &mut out)?;
        if !out.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        Ok(out)
    }

    /// Parts nest as deep as the caller nested them, which [`limits::MIME_DEPTH_MAX`] bounds.
    fn write_entity(
        self,
        wire: Wire,
        random: &mut dyn Random,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), BuildError> {
        if depth > limits::MIME_DEPTH_MAX {
            return Err(BuildError::TooDeep);
        }
        let mut header = self.header;
        match self.content {
            Content::Text { subtype, text } => {
                let charset = if text.is_ascii() { "us-ascii" } else { "utf-8" };
                let (encoding, body) = transfer::text(&text, wire);
                let media_type = format!("text/{subtype}");
                header.parameters("Content-Type", &media_type, &[("charset", charset)])?;
                leaf(header, encoding, &body, out);
            }
            Content::Octets(bytes) => {
                leaf(header, Encoding::Base64, &transfer::base64(&bytes), out);
            }
            Content::Verbatim(bytes) => leaf(header, transfer::label(&bytes), &bytes, out),
            Content::Multipart { kind, parts } => {
                let boundary = boundary(random);
                let (media_type, extra) = kind.parts();
                let mut parameters: Vec<(&str, &str)> =
                    extra.iter().map(|(n, v)| (*n, v.as_str())).collect();
                parameters.push(("boundary", &boundary));
                header.parameters("Content-Type", media_type, &parameters)?;
                out.append(&mut header.into_bytes());
                out.extend_from_slice(b"\r\n");
                for part in parts {
                    out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                    part.write_entity(wire, random, depth + 1, out)?;
                    // This line end belongs to the delimiter (RFC 2046 5.1.1).
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
            }
        }
        Ok(())
    }
}

impl MultipartKind {
    fn parts(&self) -> (&'static str, Vec<(&'static str, String)>) {
        match self {
            MultipartKind::Mixed => ("multipart/mixed", Vec::new()),
            MultipartKind::Alternative => ("multipart/alternative", Vec::new()),
            MultipartKind::Related(kind) => ("multipart/related", vec![("type", kind.clone())]),
            MultipartKind::Report(kind) => {
                ("multipart/report", vec![("report-type", (*kind).to_string())])
            }
        }
    }
}

fn leaf(mut header: HeaderWriter, encoding: Encoding, body: &[u8], out: &mut Vec<u8>) {
    if encoding != Encoding::SevenBit {
        header.pieces("Content-Transfer-Encoding", [encoding.name().to_string()]);
    }
    out.append(&mut header.into_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// A boundary that no content holds: `=_` never stands in quoted-printable or base64 (RFC 2045 6.7,
/// note), and 128 random bits stand in nothing else.
fn boundary(random: &mut dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes.iter().fold(String::from("=_"), |text, byte| format!("{text}{byte:02x}"))
}

fn check_media_type(media_type: &str) -> Result<(), BuildError> {
    check_value("Content-Type", media_type)?;
    let is_token = |text: &str| {
        !text.is_empty()
            && text.len() <= 127
            && text.bytes().all(|b| b.is_ascii_graphic() && !crate::lexer::is_tspecial(b))
    };
    match media_type.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => Ok(()),
        _ => Err(BuildError::MediaType(media_type.into())),
    }
}
