//! The cursor, and the primitives.

use crate::imap::{Code, Status};
use memchr::memchr3;
use posthorn_base::{ModSeq, limits};
use std::borrow::Cow;
use std::num::NonZeroU32;

/// Why a command is not what the grammar says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// BAD, or NO where a command is well written and cannot be done.
    pub(crate) status: Status,
    /// For the client.
    pub(crate) text: Cow<'static, str>,
    /// The code of the response, if any.
    pub(crate) code: Option<Code>,
}

impl Fault {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Fault { status: Status::Bad, text: text.into(), code: None }
    }
    pub(crate) fn no(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        Fault { status: Status::No, text: text.into(), code: Some(code) }
    }
    pub(crate) fn with(self, code: Code) -> Self {
        Fault { code: Some(code), ..self }
    }
}

/// What the parsers answer.
pub(crate) type Parse<T> = Result<T, Fault>;

/// A place within a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

/// RFC 3501 9: `ATOM-CHAR`. Octets beyond US-ASCII are none.
pub(crate) fn is_atom_char(octet: u8) -> bool {
    octet.is_ascii_graphic()
        && !matches!(octet, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// RFC 3501 9: `ASTRING-CHAR`.
pub(crate) fn is_astring_char(octet: u8) -> bool {
    is_atom_char(octet) || octet == b']'
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Cursor { rest: text }
    }

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes `octet` if it is next.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == octet => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes `octet`, which must be next; `what` is the complaint.
    pub(crate) fn expect(&mut self, octet: u8, what: &'static str) -> Parse<()> {
        if self.eat(octet) { Ok(()) } else { Err(Fault::new(what)) }
    }

    /// Takes the one space between arguments.
    pub(crate) fn space(&mut self) -> Parse<()> {
        self.expect(b' ', "an argument is missing")
    }

    /// Takes the space in front of an argument that may be missing; false when it is.
    pub(crate) fn has_more(&mut self) -> Parse<bool> {
        if self.rest.is_empty() { Ok(false) } else { self.space().map(|()| true) }
    }

    /// The command is over.
    pub(crate) fn end(&self) -> Parse<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::new("too many arguments")) }
    }

    /// Takes `word`, in any case, when it is next and ends there.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let Some((head, rest)) = self.rest.split_at_checked(word.len()) else { return false };
        let ends = rest.first().is_none_or(|octet| !is_atom_char(*octet));
        if ends && head.eq_ignore_ascii_case(word.as_bytes()) {
            self.rest = rest;
            return true;
        }
        false
    }

    /// Takes octets as long as they are wanted.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|octet| !wanted(*octet)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// `atom`.
    pub(crate) fn atom(&mut self, what: &'static str) -> Parse<&'a [u8]> {
        let atom = self.take_while(is_atom_char);
        if atom.is_empty() { Err(Fault::new(what)) } else { Ok(atom) }
    }

    /// `atom`, in capitals.
    pub(crate) fn word(&mut self, what: &'static str) -> Parse<String> {
        let atom = self.atom(what)?.to_ascii_uppercase();
        String::from_utf8(atom).map_err(|_| Fault::new(what))
    }

    /// `astring`.
    pub(crate) fn astring(&mut self) -> Parse<Cow<'a, [u8]>> {
        self.string_or(is_astring_char)
    }

    /// `list-mailbox`: as `astring`, and with the wildcards.
    pub(crate) fn list_mailbox(&mut self) -> Parse<Cow<'a, [u8]>> {
        self.string_or(|octet| is_astring_char(octet) || matches!(octet, b'*' | b'%'))
    }

    fn string_or(&mut self, wanted: impl Fn(u8) -> bool) -> Parse<Cow<'a, [u8]>> {
        if matches!(self.peek(), Some(b'"' | b'{')) {
            return self.string();
        }
        let text = self.take_while(wanted);
        if text.is_empty() {
            return Err(Fault::new("a string is missing, or has an octet that must be quoted"));
        }
        Ok(Cow::Borrowed(text))
    }

    /// `string`: quoted or a literal.
    pub(crate) fn string(&mut self) -> Parse<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(Cow::Borrowed),
            _ => Err(Fault::new("a string is missing")),
        }
    }

    /// `nstring`.
    pub(crate) fn nstring(&mut self) -> Parse<Option<Cow<'a, [u8]>>> {
        if self.eat_word("NIL") { Ok(None) } else { self.string().map(Some) }
    }

    /// RFC 3501 9: `quoted`. Octets beyond US-ASCII are taken, for clients that send UTF-8 without
    /// asking; what uses the string decides what becomes of them.
    fn quoted(&mut self) -> Parse<Cow<'a, [u8]>> {
        const OPEN: &str = "a quoted string has no end";
        self.expect(b'"', "a quoted string is missing")?;
        let mut text: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        loop {
            let at = memchr3(b'"', b'\\', b'\r', self.rest).ok_or(Fault::new(OPEN))?;
            let (piece, rest) = self.rest.split_at_checked(at).ok_or(Fault::new(OPEN))?;
            if text.is_empty() {
                text = Cow::Borrowed(piece);
            } else {
                text.to_mut().extend_from_slice(piece);
            }
            match rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(text);
                }
                [b'\\', escaped @ (b'"' | b'\\'), rest @ ..] => {
                    text.to_mut().push(*escaped);
                    self.rest = rest;
                }
                [b'\\', ..] => {
                    return Err(Fault::new("in quotes only \\\" and \\\\ may follow a backslash"));
                }
                _ => return Err(Fault::new(OPEN)),
            }
        }
    }

    /// The announcement of a literal whose octets are yet to come: the end of what is here, with or
    /// without its CRLF.
    pub(crate) fn announcement(&mut self) -> Parse<u64> {
        const BROKEN: &str = "a literal is badly announced";
        self.expect(b'{', "the message is missing, which must be a literal")?;
        let size = self.number64()?;
        self.eat(b'+');
        self.expect(b'}', BROKEN)?;
        if self.eat(b'\r') {
            self.expect(b'\n', BROKEN)?;
        }
        self.end().map(|()| size)
    }

    /// `literal`, with its octets behind the announcement.
    pub(crate) fn literal(&mut self) -> Parse<&'a [u8]> {
        const BROKEN: &str = "a literal is badly announced";
        self.expect(b'{', BROKEN)?;
        let size = self.number64()?;
        self.eat(b'+');
        self.expect(b'}', BROKEN)?;
        self.expect(b'\r', BROKEN)?;
        self.expect(b'\n', BROKEN)?;
        let size = usize::try_from(size).map_err(|_| Fault::new(BROKEN))?;
        let (octets, rest) = self.rest.split_at_checked(size).ok_or(Fault::new(BROKEN))?;
        self.rest = rest;
        if octets.contains(&0) {
            return Err(Fault::new("a literal must not contain NUL"));
        }
        Ok(octets)
    }

    /// `number64` (RFC 9051 9): 63 bits.
    pub(crate) fn number64(&mut self) -> Parse<u64> {
        let digits = self.take_while(|octet| octet.is_ascii_digit());
        if digits.is_empty() {
            return Err(Fault::new("a number is missing"));
        }
        let mut number: u64 = 0;
        for digit in digits {
            number = number
                .checked_mul(10)
                .and_then(|number| number.checked_add(u64::from(digit - b'0')))
                .filter(|number| i64::try_from(*number).is_ok())
                .ok_or(Fault::new("a number is too large"))?;
        }
        Ok(number)
    }

    /// `number`: 32 bits.
    pub(crate) fn number(&mut self) -> Parse<u32> {
        u32::try_from(self.number64()?).map_err(|_| Fault::new("a number is too large"))
    }

    /// `nz-number`.
    pub(crate) fn nz_number(&mut self) -> Parse<NonZeroU32> {
        NonZeroU32::new(self.number()?).ok_or(Fault::new("a number must not be 0"))
    }

    /// `mod-sequence-valzer` (RFC 7162 7).
    pub(crate) fn mod_seq(&mut self) -> Parse<ModSeq> {
        let number = i64::try_from(self.number64()?).unwrap_or(i64::MAX);
        ModSeq::new(number).ok_or(Fault::new("a mod-sequence is too large"))
    }

    /// A list in parentheses: items with one space between them, at most `most`.
    pub(crate) fn list<T>(
        &mut self,
        most: usize,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        self.expect(b'(', "a list in parentheses is missing")?;
        let mut items = Vec::new();
        if self.eat(b')') {
            return Ok(items);
        }
        loop {
            if items.len() >= most {
                return Err(Fault::new("a list is too long").with(Code::Limit));
            }
            items.push(item(self)?);
            if self.eat(b')') {
                return Ok(items);
            }
            self.expect(b' ', "a list in parentheses has no end")?;
        }
    }

    /// `tag`.
    pub(crate) fn tag(&mut self) -> Parse<&'a str> {
        let tag = self.take_while(|octet| is_astring_char(octet) && octet != b'+');
        if tag.is_empty() || tag.len() > limits::IMAP_TAG_BYTES_MAX {
            return Err(Fault::new("a command begins with a tag"));
        }
        std::str::from_utf8(tag).map_err(|_| Fault::new("a command begins with a tag"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cow(text: &str) -> Cow<'_, [u8]> {
        Cow::Borrowed(text.as_bytes())
    }

    #[test]
    fn strings() {
        #[track_caller]
        fn check(text: &str, want: Option<(&str, &str)>) {
            let mut cursor = Cursor::new(text.as_bytes());
            let got = cursor.astring().ok().map(|string| (string, cursor.rest()));
            assert_eq!(got, want.map(|(string, rest)| (cow(string), rest.as_bytes())), "{text}");
        }
        check("inbox x", Some(("inbox", " x")));
        check("a]b)", Some(("a]b", ")")));
        check("\"a b\"c", Some(("a b", "c")));
        check("\"\" ", Some(("", " ")));
        check(r#""a\"b\\""#, Some((r#"a"b\"#, "")));
        check(r#""\"""#, Some(("\"", "")));
        check("{3}\r\na\"c d", Some(("a\"c", " d")));
        check("{3+}\r\nabc", Some(("abc", "")));
        check("{0}\r\n", Some(("", "")));
        check("{4}\r\nabc", None);
        check("{3}abc", None);
        check("{1}\r\n\0", None);
        check("{18446744073709551616}\r\n", None);
        check(r#""a\b""#, None);
        check("\"a", None);
        check("\"a\r\n\"", None);
        check("", None);
        check("(a)", None);
        check("ä", None);
        check("\"ä\"", Some(("ä", "")));
    }

    #[test]
    fn numbers() {
        let number = |text: &str| Cursor::new(text.as_bytes()).number64().ok();
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("007 "), Some(7));
        assert_eq!(number("9223372036854775807"), Some(i64::MAX.unsigned_abs()));
        assert_eq!(number("9223372036854775808"), None);
        assert_eq!(number("99999999999999999999999"), None);
        assert_eq!(number("-1"), None);
        assert!(Cursor::new(b"4294967296").number().is_err());
        assert!(Cursor::new(b"0").nz_number().is_err());
    }

    #[test]
    fn lists() {
        let list = |text: &str| {
            let atom = |cursor: &mut Cursor<'_>| cursor.word("an atom");
            Cursor::new(text.as_bytes()).list(3, atom).ok()
        };
        assert_eq!(list("()").unwrap().len(), 0);
        assert_eq!(list("(a b)").unwrap(), ["A", "B"]);
        for wrong in ["", "(", "(a", "(a ", "(a )", "( a)", "(a  b)", "(a b c d)"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn words_end_where_atoms_end() {
        let mut cursor = Cursor::new(b"Charset x");
        assert!(!cursor.eat_word("CHAR") && cursor.eat_word("CHARSET"));
        assert_eq!(cursor.rest(), b" x");
    }
}
