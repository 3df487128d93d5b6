//! Content transfer encodings (RFC 2045 6): how a part's octets were made fit for the wire.
//!
//! Invariants
//! * A decoder never fails: what cannot be decoded is kept or skipped, and [`Decoder::finish`] says
//!   that the input was damaged.
//! * How the input is cut into chunks never changes the output.
//! * A decoder holds a few hundred bytes at most, whatever it is fed.

mod base64;
mod quoted_printable;
mod uuencode;

pub use base64::{Base64Decoder, Base64Encoder};
pub use quoted_printable::{QuotedPrintableDecoder, encode_quoted_printable};
pub use uuencode::UuDecoder;

pub(crate) use quoted_printable::{hex_digits, hex_value};

/// The value of a Content-Transfer-Encoding field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// `7bit`, and what RFC 2045 6.1 assumes when the field is absent.
    #[default]
    SevenBit,
    /// `8bit`.
    EightBit,
    /// `binary`.
    Binary,
    /// `quoted-printable` (RFC 2045 6.7).
    QuotedPrintable,
    /// `base64` (RFC 2045 6.8).
    Base64,
    /// `x-uuencode` and its other spellings: what came before MIME.
    Uuencode,
    /// Anything else. RFC 2045 6.4: such a part is opaque (application/octet-stream).
    Unknown,
}

impl Encoding {
    /// Reads a field's value; comments and white space around the token are skipped.
    pub fn parse(value: &[u8]) -> Encoding {
        let mut cursor = crate::lexer::Cursor::new(value);
        cursor.skip_cfws();
        let token = cursor.take_while(|b| b > b' ' && b != b';' && b != b'(' && b != b'"');
        const NAMES: [(&str, Encoding); 12] = [
            ("7bit", Encoding::SevenBit),
            ("7-bit", Encoding::SevenBit),
            ("8bit", Encoding::EightBit),
            ("8-bit", Encoding::EightBit),
            ("binary", Encoding::Binary),
            ("quoted-printable", Encoding::QuotedPrintable),
            ("base64", Encoding::Base64),
            ("base-64", Encoding::Base64),
            ("x-uuencode", Encoding::Uuencode),
            ("x-uue", Encoding::Uuencode),
            ("uuencode", Encoding::Uuencode),
            ("uue", Encoding::Uuencode),
        ];
        if token.is_empty() {
            return Encoding::SevenBit;
        }
        NAMES
            .iter()
            .find(|(name, _)| token.eq_ignore_ascii_case(name.as_bytes()))
            .map_or(Encoding::Unknown, |&(_, encoding)| encoding)
    }

    /// The token as the field writes it. [`Encoding::Unknown`] has none of its own and says
    /// `binary`.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::Binary | Encoding::Unknown => "binary",
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
            Encoding::Uuencode => "x-uuencode",
        }
    }

    /// True when the octets on the wire are the content itself.
    pub fn is_identity(self) -> bool {
        match self {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary | Encoding::Unknown => true,
            Encoding::QuotedPrintable | Encoding::Base64 | Encoding::Uuencode => false,
        }
    }
}

/// A part's content, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The content.
    pub bytes: Vec<u8>,
    /// True when the input broke its encoding's rules, so that the content may be incomplete.
    pub damaged: bool,
}

/// Decodes a whole content.
pub fn decode(encoding: Encoding, bytes: &[u8]) -> Decoded {
    let mut out = Vec::with_capacity(bytes.len());
    let mut decoder = Decoder::new(encoding);
    decoder.push(bytes, &mut out);
    let damaged = decoder.finish(&mut out);
    Decoded { bytes: out, damaged }
}

/// A streaming decoder: chunks in, content out.
#[derive(Debug)]
pub enum Decoder {
    /// The content as it is.
    Identity,
    /// Quoted-printable.
    QuotedPrintable(QuotedPrintableDecoder),
    /// Base64.
    Base64(Base64Decoder),
    /// Uuencode.
    Uuencode(UuDecoder),
}

impl Decoder {
    /// A decoder at the start of a content.
    pub fn new(encoding: Encoding) -> Decoder {
        match encoding {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary | Encoding::Unknown => {
                Decoder::Identity
            }
            Encoding::QuotedPrintable => Decoder::QuotedPrintable(Default::default()),
            Encoding::Base64 => Decoder::Base64(Default::default()),
            Encoding::Uuencode => Decoder::Uuencode(Default::default()),
        }
    }

    /// Takes the next chunk and appends to `out` what is known now.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match self {
            Decoder::Identity => out.extend_from_slice(chunk),
            Decoder::QuotedPrintable(decoder) => decoder.push(chunk, out),
            Decoder::Base64(decoder) => decoder.push(chunk, out),
            Decoder::Uuencode(decoder) => decoder.push(chunk, out),
        }
    }

    /// The content is over: appends what was held back, and says whether the input was damaged.
    pub fn finish(self, out: &mut Vec<u8>) -> bool {
        match self {
            Decoder::Identity => false,
            Decoder::QuotedPrintable(decoder) => decoder.finish(out),
            Decoder::Base64(decoder) => decoder.finish(out),
            Decoder::Uuencode(decoder) => decoder.finish(out),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Decodes in one piece and byte by byte, and demands the same from both.
    #[track_caller]
    pub(crate) fn check(encoding: Encoding, wire: &[u8], want: &[u8], damaged: bool) {
        let shown = String::from_utf8_lossy(wire);
        let whole = decode(encoding, wire);
        assert_eq!(
            (String::from_utf8_lossy(&whole.bytes), whole.damaged),
            (String::from_utf8_lossy(want), damaged),
            "{shown:?} in one piece"
        );
        assert_eq!(whole.bytes, want, "{shown:?} in one piece");
        let mut decoder = Decoder::new(encoding);
        let mut out = Vec::new();
        for byte in wire {
            decoder.push(&[*byte], &mut out);
        }
        let was_damaged = decoder.finish(&mut out);
        assert_eq!((out, was_damaged), (want.to_vec(), damaged), "{shown:?} byte by byte");
    }

    #[test]
    fn names() {
        assert_eq!(Encoding::parse(b" BASE64 (comment)"), Encoding::Base64);
        assert_eq!(Encoding::parse(b"(c) quoted-Printable;"), Encoding::QuotedPrintable);
        assert_eq!(Encoding::parse(b""), Encoding::SevenBit);
        assert_eq!(Encoding::parse(b"x-yenc"), Encoding::Unknown);
        assert_eq!(Encoding::parse(b"\r\n x-uue\r\n"), Encoding::Uuencode);
    }

    #[test]
    fn identity() {
        check(Encoding::EightBit, b"a=\r\n\xff", b"a=\r\n\xff", false);
    }
}
