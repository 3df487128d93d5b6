//! An address field as words and marks.

use crate::encoded_word;
use crate::lexer::{Cursor, is_white_space};

/// A word or a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) kind: Kind,
    /// White space or a comment stood before it.
    pub(super) is_apart: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An atom, encoded word, or whatever else is not a mark.
    Atom(Vec<u8>),
    /// A quoted string's meaning.
    Quoted(Vec<u8>),
    /// A domain literal with its brackets.
    Literal(Vec<u8>),
    /// A comment's text.
    Comment(Vec<u8>),
    /// One of `@ . , : ; < >`.
    Mark(u8),
}

/// Reads words one after the other.
pub(super) struct Words<'a> {
    cursor: Cursor<'a>,
    /// Known to be missing from here on, so that a field full of openers is not searched for each.
    no_quote_ends: bool,
    no_comment_ends: bool,
    no_literal_ends: bool,
    was_comment: bool,
}

impl<'a> Words<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Words {
            cursor: Cursor::new(value),
            no_quote_ends: false,
            no_comment_ends: false,
            no_literal_ends: false,
            was_comment: false,
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        if self.no_quote_ends {
            return None;
        }
        let text = self.cursor.quoted_string();
        self.no_quote_ends = text.is_none();
        text
    }

    fn comment(&mut self) -> Option<Vec<u8>> {
        if self.no_comment_ends {
            return None;
        }
        let text = self.cursor.comment();
        self.no_comment_ends = text.is_none();
        text
    }

    /// RFC 5322 3.4.1 `domain-literal`; white space in it goes.
    fn literal(&mut self) -> Option<Vec<u8>> {
        if self.no_literal_ends {
            return None;
        }
        let Some(end) = memchr::memchr(b']', self.cursor.rest()) else {
            self.no_literal_ends = true;
            return None;
        };
        let text = self.cursor.take(end + 1);
        Some(text.iter().copied().filter(|b| !is_white_space(*b)).collect())
    }

    fn atom(&mut self) -> Vec<u8> {
        // An encoded word is one atom, whatever marks careless encoders left in it.
        if self.cursor.rest().starts_with(b"=?")
            && let Some(length) = encoded_word::word_len(self.bounded())
        {
            return self.cursor.take(length).to_vec();
        }
        let rest = self.cursor.rest();
        let is_end = |b: u8| is_white_space(b) || is_mark(b) || b"(\"[".contains(&b);
        // The first byte is taken even where it opens what never closes.
        let end = rest.iter().skip(1).position(|b| is_end(*b)).map_or(rest.len(), |at| at + 1);
        self.cursor.take(end).to_vec()
    }

    /// As much as an encoded word may be long, so that looking for its end is cheap.
    fn bounded(&self) -> &'a [u8] {
        let rest = self.cursor.rest();
        rest.get(..1000).unwrap_or(rest)
    }
}

fn is_mark(byte: u8) -> bool {
    b"@.,:;<>".contains(&byte)
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let mut is_apart = std::mem::take(&mut self.was_comment);
        loop {
            is_apart |= self.cursor.skip_white_space();
            let byte = self.cursor.peek()?;
            let kind = match byte {
                b'"' => self.quoted().map(Kind::Quoted),
                b'(' => self.comment().map(Kind::Comment),
                b'[' => self.literal().map(Kind::Literal),
                b if is_mark(b) => {
                    self.cursor.next();
                    Some(Kind::Mark(b))
                }
                _ => Some(Kind::Atom(self.atom())),
            };
            let kind = match kind {
                Some(kind) => kind,
                // A quote that never closes is dropped; other openers that don't are letters.
                None if byte == b'"' => {
                    self.cursor.next();
                    continue;
                }
                None => Kind::Atom(self.atom()),
            };
            self.was_comment = matches!(kind, Kind::Comment(_));
            return Some(Word { kind, is_apart });
        }
    }
}
