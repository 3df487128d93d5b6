//! What all structured header fields share: comments, folding white space, quoted strings (RFC
//! 5322 3.2).
//!
//! Invariants
//! * The cursor never moves back and never beyond the end.
//! * Comments nest by a counter, not by calls: depth costs nothing.

use std::borrow::Cow;

/// A place in a field's value.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(value: &'a [u8]) -> Self {
        Cursor { rest: value }
    }

    /// What is still to be read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }
    /// Takes the next byte.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
    /// Takes the next byte if it is this one.
    pub(crate) fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.next();
        }
        found
    }
    /// Takes this many bytes, or what there is.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }
    /// Takes bytes as long as they are wanted.
    pub(crate) fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        self.take(self.rest.iter().position(|b| !wanted(*b)).unwrap_or(self.rest.len()))
    }

    /// Skips white space and line ends; true when there were any.
    pub(crate) fn skip_white_space(&mut self) -> bool {
        !self.take_while(is_white_space).is_empty()
    }

    /// Skips white space and comments. A comment that is never closed goes to the end.
    pub(crate) fn skip_cfws(&mut self) {
        loop {
            self.skip_white_space();
            if self.peek() != Some(b'(') {
                return;
            }
            if self.comment().is_none() {
                self.rest = &[];
            }
        }
    }

    /// Takes a comment and returns what is in its outer parentheses, quoted pairs resolved. `None`,
    /// and nothing taken, when it is not closed. The cursor stands on `(`.
    pub(crate) fn comment(&mut self) -> Option<Vec<u8>> {
        let mut ahead = self.clone();
        ahead.next();
        let mut depth = 1usize;
        let mut text = Vec::new();
        while let Some(byte) = ahead.next() {
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                *self = ahead;
                return Some(text);
            }
            match byte {
                b'\\' => text.extend(ahead.next()),
                b'\r' | b'\n' => {}
                _ => text.push(byte),
            }
        }
        None
    }

    /// Takes a quoted string and returns its meaning: without quotes, quoted pairs resolved, line
    /// ends of folding dropped. `None`, and nothing taken, when it is not closed. The cursor stands
    /// on `"`.
    pub(crate) fn quoted_string(&mut self) -> Option<Vec<u8>> {
        let mut ahead = self.clone();
        ahead.next();
        let mut text = Vec::new();
        while let Some(byte) = ahead.next() {
            match byte {
                b'"' => {
                    *self = ahead;
                    return Some(text);
                }
                b'\\' => text.extend(ahead.next()),
                b'\r' | b'\n' => {}
                _ => text.push(byte),
            }
        }
        None
    }
}

/// White space of a folded field.
pub(crate) fn is_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// RFC 2045 5.1 `tspecials`.
pub(crate) fn is_tspecial(byte: u8) -> bool {
    b"()<>@,;:\\\"/[]?=".contains(&byte)
}

/// A field's value without the line ends of its folding (RFC 5322 2.2.3); bare CR and LF go too.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_nest_without_recursion() {
        let mut cursor = Cursor::new(b"(a (b) \\) c)d");
        assert_eq!(cursor.comment().unwrap(), b"a (b) ) c");
        assert_eq!(cursor.rest(), b"d");
        let deep = [vec![b'('; 500_000], vec![b')'; 500_000], b"x".to_vec()].concat();
        let mut cursor = Cursor::new(&deep);
        cursor.skip_cfws();
        assert_eq!(cursor.rest(), b"x");
        let mut cursor = Cursor::new(&deep[..900_000]);
        assert_eq!(cursor.comment(), None);
        cursor.skip_cfws();
        assert!(cursor.is_at_end());
    }

    #[test]
    fn unfolding() {
        assert_eq!(unfold(b"a\r\n b\n\tc").as_ref(), b"a b\tc");
        assert!(matches!(unfold(b"a b"), Cow::Borrowed(_)));
    }
}
