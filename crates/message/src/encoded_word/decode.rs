//! From the wire to text.

use crate::charset;
use crate::encoding::{Base64Decoder, hex_value};
use crate::lexer::{is_white_space, unfold};
use memchr::memmem;

/// Decodes a header field's value: its encoded words, and bytes outside ASCII by the charset
/// fallback. Folding is undone.
///
/// RFC 2047 6.2: white space between adjacent words is dropped. Words that share a charset are
/// joined before that charset is applied, because broken encoders split characters between words.
/// More than the RFC allows is read: words longer than 75 characters, words without white space
/// around them, words in quoted strings (hand their meaning in), white space inside a Q word.
pub fn decode(value: &[u8]) -> String {
    let value = unfold(value);
    let mut out = Output::default();
    let mut scan = Scan { value: &value, at: 0, end: None };
    // What lies between the last word, or the start, and the place we look at.
    let mut literal_from = 0;
    let starts: Vec<usize> = memmem::find_iter(&value, b"=?").collect();
    for start in starts {
        if start < scan.at {
            continue;
        }
        let Some(word) = scan.word(start) else { continue };
        out.literal(value.get(literal_from..start).unwrap_or_default(), true);
        out.word(&word);
        scan.at = word.end;
        literal_from = word.end;
    }
    out.literal(value.get(literal_from..).unwrap_or_default(), false);
    out.text
}

/// Length of the encoded word that `bytes` starts with, if it starts with one. Spaces count as part
/// of a Q word, as broken software writes them.
pub fn word_len(bytes: &[u8]) -> Option<usize> {
    Scan { value: bytes, at: 0, end: None }.word(0).map(|word| word.end)
}

struct Word<'a> {
    charset: &'a [u8],
    is_base64: bool,
    text: &'a [u8],
    end: usize,
}

/// Looks for words; remembers where the next `?=` is, so that a field full of `=?` costs no more
/// than its length.
struct Scan<'a> {
    value: &'a [u8],
    at: usize,
    end: Option<usize>,
}

impl<'a> Scan<'a> {
    /// The word at `start`, where `=?` stands.
    fn word(&mut self, start: usize) -> Option<Word<'a>> {
        let rest = self.value.get(start..)?.strip_prefix(b"=?")?;
        // RFC 2047 2 has no limit for the charset's name, RFC 2978 2.3 has 40; a language may
        // follow.
        let question = rest.iter().take(80).position(|b| *b == b'?')?;
        let (charset, rest) = rest.split_at_checked(question)?;
        if charset.is_empty() || charset.iter().any(|b| *b <= b' ') {
            return None;
        }
        let is_base64 = match rest {
            [b'?', b'B' | b'b', b'?', ..] => true,
            [b'?', b'Q' | b'q', b'?', ..] => false,
            _ => return None,
        };
        let from = start + 2 + question + 3;
        let end = self.next_end(from)?;
        let text = self.value.get(from..end)?;
        // A word never holds the start of another.
        if memmem::find(text, b"=?").is_some_and(|at| is_word_start(text.get(at..))) {
            return None;
        }
        // RFC 2231 5: `charset*language`.
        let charset = charset.split(|b| *b == b'*').next().unwrap_or(charset);
        Some(Word { charset, is_base64, text, end: end + 2 })
    }

    fn next_end(&mut self, from: usize) -> Option<usize> {
        if self.end.is_none_or(|end| end < from) {
            let found = self.value.get(from..).and_then(|rest| memmem::find(rest, b"?="));
            self.end = Some(found.map_or(usize::MAX, |at| from + at));
        }
        self.end.filter(|end| *end != usize::MAX)
    }
}

/// `=?charset?` and not merely `=?` in the middle of a Q text.
fn is_word_start(rest: Option<&[u8]>) -> bool {
    let Some(rest) = rest.and_then(|rest| rest.get(2..)) else { return false };
    let token = rest.iter().take_while(|b| b.is_ascii_graphic() && **b != b'?').count();
    token > 0 && matches!(rest.get(token..), Some([b'?', b'B' | b'b' | b'Q' | b'q', b'?', ..]))
}

#[derive(Default)]
struct Output {
    text: String,
    /// The bytes of the words just read, not yet decoded, and their charset.
    pending: Vec<u8>,
    charset: Option<Vec<u8>>,
    base64: Option<Base64Decoder>,
}

impl Output {
    /// Text outside of words.
    fn literal(&mut self, bytes: &[u8], before_word: bool) {
        if before_word && self.charset.is_some() && bytes.iter().all(|b| is_white_space(*b)) {
            return;
        }
        self.flush();
        self.push(bytes, None);
    }

    fn word(&mut self, word: &Word<'_>) {
        if !self.charset.as_deref().is_some_and(|last| last.eq_ignore_ascii_case(word.charset)) {
            self.flush();
            self.charset = Some(word.charset.to_vec());
        }
        if word.is_base64 {
            // One decoder for adjacent words: some encoders cut the base64 text anywhere.
            self.base64.get_or_insert_default().push(word.text, &mut self.pending);
        } else {
            self.end_base64();
            decode_q(word.text, &mut self.pending);
        }
    }

    fn end_base64(&mut self) {
        if let Some(decoder) = self.base64.take() {
            // Damage shows in the text; a header has nowhere else to say it.
            let _damaged = decoder.finish(&mut self.pending);
        }
    }

    fn flush(&mut self) {
        self.end_base64();
        let pending = std::mem::take(&mut self.pending);
        if let Some(charset) = self.charset.take() {
            self.push(&pending, Some(&charset));
        }
    }

    fn push(&mut self, bytes: &[u8], charset: Option<&[u8]>) {
        let decoded = charset::decode(bytes, charset);
        if !decoded.text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
            self.text.push_str(&decoded.text);
            return;
        }
        self.text.extend(decoded.text.chars().map(|c| match c {
            '\r' | '\n' => ' ',
            '\0' => char::REPLACEMENT_CHARACTER,
            c => c,
        }));
    }
}

/// RFC 2047 4.2: `_` is a space, `=` starts two hex digits.
fn decode_q(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'_' => out.push(b' '),
            b'=' => match after {
                &[high, low, ref tail @ ..] if hex_value(high).is_some() => {
                    match (hex_value(high), hex_value(low)) {
                        (Some(high), Some(low)) => {
                            out.push(high << 4 | low);
                            rest = tail;
                        }
                        _ => out.push(byte),
                    }
                }
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wire: &str, want: &str) {
        assert_eq!(decode(wire.as_bytes()), want, "{wire}");
    }

    #[test]
    fn rfc_2047_8() {
        check("=?US-ASCII?Q?Keith_Moore?=", "Keith Moore");
        check("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen");
        check("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard");
        check(
            "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
            "If you can read this you understand the example.",
        );
        check("=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=", "םולש ןב ילטפנ");
        check("=?ISO-8859-1?Q?a?=", "a");
        check("=?ISO-8859-1?Q?a?= b", "a b");
        check("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab");
        check("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab");
        check("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab");
        check("=?ISO-8859-1?Q?a_b?=", "a b");
        check("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b");
    }

    #[test]
    fn broken_but_common() {
        check("=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "ä"); // a character split between words
        check("=?utf-8?B?w6?= =?utf-8?B?Q=?=", "ä"); // base64 cut anywhere
        check("=?utf-8?B?w6Q=?= =?UTF-8?q?=C3=A4?=", "ää");
        check("=?utf-8*de?Q?=C3=A4?=", "ä"); // RFC 2231 5
        check("=?utf-8?Q?a b?=", "a b");
        check("a=?utf-8?Q?=C3=A4?=b", "aäb");
        check("=?utf-8?Q??=x", "x");
        check("=?utf-8?Q?a=?=", "a=");
        check("=?utf-8?Q?=3D?=", "=");
        check("=?utf-8?Q?=GG=4?=", "=GG=4");
        check("=?utf-8?X?a?= =?utf-8?Q?b", "=?utf-8?X?a?= =?utf-8?Q?b");
        check("=?utf-8?Q?a =?utf-8?Q?b?=", "=?utf-8?Q?a b");
        check("=?utf-8?Q?a=0D=0AInjected:_yes=00?=", "a  Injected: yes\u{fffd}");
        check("=?utf-7?Q?+AOQ-?=", "ä");
        assert_eq!(decode(b"gr\xfc\xdfe =?utf-8?q?=C3=A4?= \xc3\xa4"), "grüße ä ä");
        check("Re:  two\r\n\tlines", "Re:  two\tlines");
        assert_eq!(word_len(b"=?utf-8?q?a b?= c"), Some(15));
        assert_eq!(word_len(b"=?utf-8?q?a b"), None);
    }

    #[test]
    fn a_field_full_of_starts_costs_no_more_than_its_length() {
        assert!(decode(&b"=?a?q?".repeat(40_000)).len() <= 240_000);
        assert_eq!(decode(&b"=?a?q?x".repeat(30_000)).len(), 210_000);
        assert_eq!(decode(&b"=?".repeat(120_000)).len(), 240_000);
        let words = b"=?a?q?x?=".repeat(30_000);
        assert_eq!(decode(&words).len(), 30_000);
    }
}
