//! The decoded view: RFC 2231, and what mail programs write instead of it.

use super::ParameterList;
use crate::charset;
use crate::encoded_word;
use crate::encoding::hex_value;

/// Highest section number of a continued parameter that is read.
const SECTION_MAX: usize = 999;

/// A parameter's name, taken apart (RFC 2231 3 and 4): `name*section*`.
pub(super) struct Name<'a> {
    pub(super) base: &'a [u8],
    pub(super) section: Option<usize>,
    pub(super) is_extended: bool,
}

impl<'a> Name<'a> {
    pub(super) fn parse(name: &'a [u8]) -> Name<'a> {
        let (rest, is_extended) = match name.strip_suffix(b"*") {
            Some(rest) => (rest, true),
            None => (name, false),
        };
        if let Some(star) = memchr::memrchr(b'*', rest)
            && let Some((base, digits)) = rest.split_at_checked(star)
            && let Some(digits) = digits.get(1..)
            && let Some(section) = section_number(digits)
        {
            return Name { base, section: Some(section), is_extended };
        }
        Name { base: rest, section: None, is_extended }
    }
}

fn section_number(digits: &[u8]) -> Option<usize> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.parse().ok().filter(|number| *number <= SECTION_MAX)
}

pub(super) struct Piece<'a> {
    pub(super) section: usize,
    pub(super) is_extended: bool,
    pub(super) value: &'a [u8],
}

/// Puts sections in their order, which RFC 2231 3 leaves open, up to the first that is missing. The
/// first should be 0; some software starts with 1.
pub(super) fn continued(mut pieces: Vec<Piece<'_>>) -> Option<Vec<Piece<'_>>> {
    pieces.sort_by_key(|piece| piece.section);
    pieces.dedup_by_key(|piece| piece.section);
    let first = pieces.first()?.section;
    let mut expected = first..;
    let count = pieces.iter().take_while(|piece| Some(piece.section) == expected.next()).count();
    pieces.truncate(count);
    (first <= 1).then_some(pieces)
}

impl ParameterList {
    /// The value of the parameter of this name, decoded.
    ///
    /// RFC 2231 3 and 4 first, because who writes both forms means the extended one; then the plain
    /// value, in which encoded words are read although RFC 2047 5 forbids them there: Outlook and
    /// many others write them.
    pub fn get(&self, name: &str) -> Option<String> {
        let mut pieces = Vec::new();
        let mut plain = None;
        let mut extended = None;
        for parameter in &self.parameters {
            let parsed = Name::parse(&parameter.name);
            if !parsed.base.eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            let value = parameter.value.as_ref();
            match parsed {
                Name { section: Some(section), is_extended, .. } => {
                    pieces.push(Piece { section, is_extended, value });
                }
                Name { is_extended: true, .. } => extended = extended.or(Some(value)),
                Name { .. } => plain = plain.or(Some(value)),
            }
        }
        if let Some(value) = extended {
            return Some(join(&[Piece { section: 0, is_extended: true, value }]));
        }
        continued(pieces).map(|pieces| join(&pieces)).or_else(|| plain.map(encoded_word::decode))
    }

    /// All parameters, decoded, each name once and in small letters, in the order of their first
    /// piece.
    pub fn decoded(&self) -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = Vec::new();
        for parameter in &self.parameters {
            let base = Name::parse(&parameter.name).base;
            let name = String::from_utf8_lossy(base).to_ascii_lowercase();
            if !out.iter().any(|(seen, _)| *seen == name)
                && let Some(value) = self.get(&name)
            {
                out.push((name, value));
            }
        }
        out
    }
}

/// Puts the sections together. RFC 2231 4.1: the first one names the charset, and extended and
/// plain sections may be mixed.
fn join(pieces: &[Piece<'_>]) -> String {
    let mut bytes = Vec::new();
    let mut charset = None;
    for (index, piece) in pieces.iter().enumerate() {
        if !piece.is_extended {
            bytes.extend_from_slice(piece.value);
            continue;
        }
        let mut parts = piece.value.splitn(3, |b| *b == b'\'');
        let value = match (index, parts.next(), parts.next(), parts.next()) {
            (0, Some(label), Some(_language), Some(text)) => {
                charset = Some(label);
                text
            }
            // No charset where one must be: take the text as it is.
            _ => piece.value,
        };
        percent_decode(value, &mut bytes);
    }
    if pieces.iter().any(|piece| piece.is_extended) {
        clean(&charset::decode(&bytes, charset).text)
    } else {
        encoded_word::decode(&bytes)
    }
}

fn percent_decode(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%'
            && let &[high, low, ref tail @ ..] = after
            && let (Some(high), Some(low)) = (hex_value(high), hex_value(low))
        {
            out.push(high << 4 | low);
            rest = tail;
        } else {
            out.push(byte);
        }
    }
}

/// As encoded words: no line ends and no NUL in what a field decodes to.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\r' | '\n' => ' ',
            '\0' => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wire: &[u8], name: &str, want: &str) {
        let got = ParameterList::parse(wire).get(name);
        assert_eq!(got.as_deref(), Some(want), "{}", String::from_utf8_lossy(wire));
    }

    #[test]
    fn rfc_2231() {
        check(
            b"message/external-body; access-type=URL; URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
            "url",
            "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar",
        );
        check(
            b"application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "title",
            "This is ***fun***",
        );
        check(
            b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
            "title",
            "This is even more ***fun*** isn't it!",
        );
    }

    #[test]
    fn as_the_world_writes_it() {
        check(b"a; name*1*=b; name*0*=utf-8''%C3%A4", "name", "äb"); // out of order
        check(b"a; name*0*=utf-8''%C3; name*1*=%A4", "name", "ä"); // split in a character
        check(b"a; name*1=x; name*2=y", "name", "xy"); // counts from one
        check(b"a; name*0=x; name*2=y", "name", "x"); // a gap
        check(b"a; name=x; name*=utf-8''%C3%A4", "name", "ä"); // both forms
        check(b"a; name*=plain.txt", "name", "plain.txt");
        check(b"a; name*=\"utf-8''a%20b\"", "name", "a b");
        check(b"a; name*=utf-8''100%", "name", "100%");
        check(b"a; name=\"=?utf-8?Q?=C3=A4?=\"", "name", "ä");
        check(b"a; name=\"=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=A4?=\"", "name", "ä");
        check(b"a; name==?utf-8?Q?=C3=A4?=", "name", "ä");
        check(b"a; name*0=\"=?utf-8?Q?\"; name*1=\"=C3=A4?=\"", "name", "ä");
        check("a; name=\"ä.txt\"".as_bytes(), "name", "ä.txt");
        check(b"a; name=\"\xe4.txt\"", "name", "ä.txt");
        check(b"a; name*=utf-8''a%0D%0AX:%00", "name", "a  X:\u{fffd}");
        let list = ParameterList::parse(b"a; X*1=b; y=c; X*0=a; x*=d");
        let want = [("x", "d"), ("y", "c")].map(|(n, v)| (n.to_string(), v.to_string()));
        assert_eq!(list.decoded(), want);
        assert_eq!(list.raw("x*1"), Some(&b"b"[..]));
        assert_eq!(list.get("z"), None);
    }
}
