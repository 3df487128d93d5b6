//! Character sets: bytes and a label to text.
//!
//! Invariants
//! * Decoding never fails. What cannot be decoded becomes U+FFFD, or is read by the fallback, and
//!   [`DecodedText::replaced`] says so.
//! * The fallback for text without a usable label is UTF-8 where it is valid, else windows-1252:
//!   RFC 6532 made UTF-8 the charset of unlabelled headers, and before it nearly all unlabelled
//!   8-bit mail was written in Western Europe.

mod legacy;
mod utf7;

use encoding_rs::Encoding;
use std::borrow::Cow;

/// Text that came out of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedText<'a> {
    /// The text.
    pub text: Cow<'a, str>,
    /// True when something could not be decoded, or the label was unknown and mattered.
    pub replaced: bool,
}

/// A charset we can read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Charset {
    /// US-ASCII and the labels that say nothing: the fallback.
    Unstated,
    Utf7,
    /// UTF-16 without a byte order in its label (RFC 2781 4.3).
    Utf16,
    HzGb2312,
    Iso2022Kr,
    Known(&'static Encoding),
}

/// Labels that WHATWG's table lacks, or gives another meaning than mail does.
const LABELS: [(&str, Charset); 37] = [
    ("us-ascii", Charset::Unstated),
    ("ascii", Charset::Unstated),
    ("ansi_x3.4-1968", Charset::Unstated),
    ("iso646-us", Charset::Unstated),
    ("iso-ir-6", Charset::Unstated),
    ("us", Charset::Unstated),
    ("cp367", Charset::Unstated),
    ("646", Charset::Unstated),
    ("unknown-8bit", Charset::Unstated),
    ("x-unknown", Charset::Unstated),
    ("unknown", Charset::Unstated),
    ("8bit", Charset::Unstated),
    ("default", Charset::Unstated),
    ("default_charset", Charset::Unstated),
    ("none", Charset::Unstated),
    ("utf-7", Charset::Utf7),
    ("utf7", Charset::Utf7),
    ("unicode-1-1-utf-7", Charset::Utf7),
    ("csunicode11utf7", Charset::Utf7),
    ("x-unicode-2-0-utf-7", Charset::Utf7),
    ("utf-16", Charset::Utf16),
    ("utf16", Charset::Utf16),
    ("hz-gb-2312", Charset::HzGb2312),
    ("iso-2022-kr", Charset::Iso2022Kr),
    ("csiso2022kr", Charset::Iso2022Kr),
    ("cp65001", Charset::Known(encoding_rs::UTF_8)),
    ("utf-8-mac", Charset::Known(encoding_rs::UTF_8)),
    ("cp932", Charset::Known(encoding_rs::SHIFT_JIS)),
    ("iso-2022-jp-1", Charset::Known(encoding_rs::ISO_2022_JP)),
    ("iso-2022-jp-2", Charset::Known(encoding_rs::ISO_2022_JP)),
    ("iso-2022-jp-3", Charset::Known(encoding_rs::ISO_2022_JP)),
    ("cp50220", Charset::Known(encoding_rs::ISO_2022_JP)),
    ("cp936", Charset::Known(encoding_rs::GBK)),
    ("cp949", Charset::Known(encoding_rs::EUC_KR)),
    ("ks_c_5601", Charset::Known(encoding_rs::EUC_KR)),
    ("cp950", Charset::Known(encoding_rs::BIG5)),
    ("latin-1", Charset::Known(encoding_rs::WINDOWS_1252)),
];

/// Finds the charset of a label; `None` for one that nobody knows.
fn find(label: &[u8]) -> Option<Charset> {
    let label = label.trim_ascii().trim_ascii_start();
    let label = label.strip_prefix(b"\"").unwrap_or(label);
    let label = label.strip_suffix(b"\"").unwrap_or(label);
    if label.is_empty() {
        return Some(Charset::Unstated);
    }
    if let Some(&(_, charset)) =
        LABELS.iter().find(|(name, _)| label.eq_ignore_ascii_case(name.as_bytes()))
    {
        return Some(charset);
    }
    Encoding::for_label_no_replacement(label).map(Charset::Known).or_else(|| prefixed(label))
}

/// Labels with a vendor's prefix: `x-windows-1251`, `windows1252`, `ibm-866`, `iso8859_15`.
fn prefixed(label: &[u8]) -> Option<Charset> {
    let lower = label.to_ascii_lowercase();
    let text = std::str::from_utf8(&lower).ok()?;
    let bare = text.strip_prefix("x-").unwrap_or(text);
    let candidates = [
        bare.to_string(),
        bare.replace('_', "-"),
        bare.replace("windows", "windows-"),
        bare.replace("cp-", "cp").replace("ibm-", "ibm"),
        bare.replace("iso-8859", "iso-8859-").replace("--", "-"),
        bare.replace("iso8859", "iso-8859").replace('_', "-"),
    ];
    candidates
        .iter()
        .find_map(|name| Encoding::for_label_no_replacement(name.as_bytes()))
        .map(Charset::Known)
}

/// True for a label that [`decode`] understands: what IMAP's SEARCH may be asked in (RFC 9051
/// 6.4.4).
pub fn is_supported(label: &[u8]) -> bool {
    find(label).is_some()
}

/// Decodes text. Without a label, or with one that says nothing, by the fallback.
pub fn decode<'a>(bytes: &'a [u8], label: Option<&[u8]>) -> DecodedText<'a> {
    let Some(charset) = find(label.unwrap_or_default()) else {
        let replaced = !bytes.is_ascii();
        return DecodedText { replaced, ..fallback(bytes) };
    };
    match charset {
        Charset::Unstated => fallback(bytes),
        Charset::Utf7 => owned(utf7::decode(bytes)),
        Charset::HzGb2312 => owned(legacy::hz(bytes)),
        Charset::Iso2022Kr => owned(legacy::iso_2022_kr(bytes)),
        Charset::Utf16 => utf16(bytes),
        Charset::Known(encoding) if encoding == encoding_rs::ISO_2022_JP => {
            owned(legacy::iso_2022_jp(bytes))
        }
        Charset::Known(encoding) => {
            let (text, replaced) = encoding.decode_with_bom_removal(bytes);
            DecodedText { text, replaced }
        }
    }
}

fn owned((text, replaced): (String, bool)) -> DecodedText<'static> {
    DecodedText { text: Cow::Owned(text), replaced }
}

fn fallback(bytes: &[u8]) -> DecodedText<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => DecodedText { text: Cow::Borrowed(text), replaced: false },
        Err(_) => {
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
            DecodedText { text, replaced: false }
        }
    }
}

/// RFC 2781 4.3: a byte order mark decides, without one it is big-endian. Windows writes
/// little-endian all the same, which shows in where the zero bytes of Western text and line ends
/// stand.
fn utf16(bytes: &[u8]) -> DecodedText<'_> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        let (text, replaced) = encoding.decode_with_bom_removal(bytes);
        return DecodedText { text, replaced };
    }
    let zeros = |parity| bytes.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let encoding = if zeros(1) > zeros(0) { encoding_rs::UTF_16LE } else { encoding_rs::UTF_16BE };
    let (text, replaced) = encoding.decode_without_bom_handling(bytes);
    DecodedText { text, replaced }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], label: &str, want: &str, replaced: bool) {
        let got = decode(bytes, Some(label.as_bytes()));
        assert_eq!((got.text.as_ref(), got.replaced), (want, replaced), "{label}");
    }

    #[test]
    fn labels() {
        check(b"gr\xfc\xdfe", "ISO-8859-1", "grüße", false);
        check(b"gr\xfc\xdfe", " \"iso8859_1\" ", "grüße", false);
        check(b"\x80", "iso-8859-1", "€", false); // as everyone means it
        check(b"\xa4", "iso-8859-15", "€", false);
        check("grüße".as_bytes(), "us-ascii", "grüße", false);
        check(b"gr\xfc\xdfe", "us-ascii", "grüße", false);
        check(b"gr\xfc\xdfe", "utf-8", "gr\u{fffd}\u{fffd}e", true);
        check(b"gr\xfc\xdfe", "klingon", "grüße", true);
        check(b"plain", "klingon", "plain", false);
        check("\u{feff}a".as_bytes(), "utf-8", "a", false);
        check(b"\x1b$B4A;z\x1b(B", "ISO-2022-JP", "漢字", false);
        // Two encoded words, put together.
        let twice = b"\x1b$B4A\x1b(B\x1b$B;z\x1b(B";
        check(twice, "ISO-2022-JP", "漢字", false);
        check(b"\x8a\xbf\x8e\x9a", "cp932", "漢字", false);
        check(b"\xcf\xf0\xe8", "x-windows-1251", "При", false);
        check(b"\xcf\xf0\xe8", "windows1251", "При", false);
        check(b"a\0\n\0", "utf-16", "a\n", false);
        check(b"\0a\0\n", "utf-16", "a\n", false);
        check(b"\xff\xfea\0", "utf-16", "a", false);
        check(b"Hi Mom +Jjo--!", "UTF-7", "Hi Mom ☺-!", false);
        assert_eq!(decode(b"\xe9", None).text, "é");
        assert!(is_supported(b"koi8-r") && is_supported(b"utf-7") && !is_supported(b"klingon"));
    }
}
