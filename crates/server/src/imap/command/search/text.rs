//! Looking for a text in the folded texts of a message.

use memchr::{memchr_iter, memchr2, memmem};
use posthorn_message::text::fold_for_search;
use posthorn_store::mail::UnpackedText;

/// A text that is looked for, folded as the texts are. It is found wherever it stands, within words
/// too (RFC 3501 6.4.4: a substring).
///
/// White space is one space to folding, and none at the ends of a text: a query that begins or ends
/// with white space wants white space there, or the end of the field or text, which a line end
/// follows.
#[derive(Debug)]
pub(super) struct Needle {
    finder: memmem::Finder<'static>,
    space_before: bool,
    space_after: bool,
}

impl Needle {
    pub(super) fn new(query: &str) -> Self {
        // Folding takes white space off the ends of what it folds, not off the middle.
        let before = fold_for_search(&format!("x{query}")).starts_with("x ");
        let after = fold_for_search(&format!("{query}x")).ends_with(" x");
        let folded = fold_for_search(query);
        Needle {
            space_before: before && !folded.is_empty(),
            space_after: after && !folded.is_empty(),
            finder: memmem::Finder::new(folded.as_bytes()).into_owned(),
        }
    }

    /// Whether it stands in these lines, on one of them.
    fn is_in(&self, lines: &[u8]) -> bool {
        let length = self.finder.needle().len();
        if length == 0 {
            return true;
        }
        if !self.space_before && !self.space_after {
            return self.finder.find(lines).is_some();
        }
        let is_space = |at: Option<usize>| match at.and_then(|at| lines.get(at)) {
            Some(byte) => matches!(byte, b' ' | b'\n'),
            None => true,
        };
        let mut from = 0;
        while let Some(found) = lines.get(from..).and_then(|rest| self.finder.find(rest)) {
            let at = from + found;
            let before = !self.space_before || is_space(at.checked_sub(1));
            if before && (!self.space_after || is_space(Some(at + length))) {
                return true;
            }
            // The next place may only be where the white space that is missing is: a long run of
            // one letter would be compared with the query at each of its letters otherwise.
            let space = |at: usize| {
                let rest = lines.get(at..).unwrap_or_default();
                memchr2(b' ', b'\n', rest).map_or(lines.len(), |space| at + space)
            };
            from = match before {
                false => space(at) + 1,
                true => (at + 1).max(space(at + length).saturating_sub(length)),
            };
        }
        false
    }
}

/// Where a text is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// BODY.
    Body,
    /// TEXT.
    Everywhere,
    /// The message's own fields of this name, in small letters.
    Field(Box<[u8]>),
    /// Nowhere: no field can have this name.
    Nowhere,
}

/// A text to be found in its place.
#[derive(Debug)]
pub(super) struct TextTest {
    place: Place,
    needle: Needle,
}

impl TextTest {
    pub(super) fn body(query: &str) -> Self {
        TextTest { place: Place::Body, needle: Needle::new(query) }
    }
    pub(super) fn everywhere(query: &str) -> Self {
        TextTest { place: Place::Everywhere, needle: Needle::new(query) }
    }
    /// An empty query is found in every field of the name, whatever it holds (RFC 3501 6.4.4,
    /// HEADER).
    pub(super) fn field(name: &[u8], query: &str) -> Self {
        // RFC 5322 3.6.8: a name with a colon in it would be found in other fields' values.
        let is_name = !name.is_empty() && name.iter().all(|b| matches!(b, 33..=57 | 59..=126));
        let place = match is_name {
            true => Place::Field(name.to_ascii_lowercase().into()),
            false => Place::Nowhere,
        };
        TextTest { place, needle: Needle::new(query) }
    }

    /// True when every message has it.
    pub(super) fn is_trivial(&self) -> bool {
        let is_anywhere = matches!(self.place, Place::Body | Place::Everywhere);
        is_anywhere && self.needle.finder.needle().is_empty()
    }

    /// Whether it is in the texts of a message. What is found in a text that was cut is there; what
    /// is not may be in the rest: `None`.
    pub(super) fn find(&self, text: UnpackedText<'_>) -> Option<bool> {
        let is_found = match &self.place {
            Place::Body => self.needle.is_in(text.body),
            Place::Everywhere => self.needle.is_in(text.all),
            Place::Field(name) => self.is_in_field(name, text.header),
            Place::Nowhere => return Some(false),
        };
        (is_found || !text.is_cut).then_some(is_found)
    }

    fn is_in_field(&self, name: &[u8], header: &[u8]) -> bool {
        let mut start = 0;
        for end in memchr_iter(b'\n', header) {
            let line = header.get(start..end).unwrap_or_default();
            start = end + 1;
            let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(b":"));
            if value.is_some_and(|value| self.needle.is_in(value)) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(all: &'a str, header: usize, parts: usize, is_cut: bool) -> UnpackedText<'a> {
        let (header, rest) = all.as_bytes().split_at(header);
        let (parts, body) = rest.split_at(parts);
        UnpackedText { all: all.as_bytes(), header, parts, body, is_cut }
    }

    #[test]
    fn needles() {
        #[track_caller]
        fn check(query: &str, lines: &str, want: bool) {
            assert_eq!(Needle::new(query).is_in(lines.as_bytes()), want, "{query:?} in {lines:?}");
        }
        check("", "", true);
        check("a", "", false);
        check("LO wo", "hello world\n", true);
        check("d s", "hello world\nsecond\n", false);
        check(" wor", "hello world\n", true);
        check(" orl", "hello world\n", false);
        check(" hello", "hello world\n", true);
        check("world ", "hello world\nsecond\n", true);
        check("worl ", "hello world\n", false);
        check(" o", "foo o\n", true);
        check(" aa", "aaaa baa\naa\n", true);
        check(" aa", "baaaa baa\nbaa", false);
        check("aa ", "aaaab aaab aaa\n", true);
        check("aa ", "aaaab aaab", false);
        check("aa ", "aaaa", true);
        check(" aa ", "aab aaa aa\n", true);
        check(" aa ", "aab aaa aab\n", false);
        check("\u{ad} hello\u{200b}\t ", "say hello\nto\n", true);
        check(" \u{ad} ", "anything\n", true);
    }

    #[test]
    fn places() {
        let header = "subject: hello\nx-empty:\nsubjects: other\nsubject: again\n";
        let all = format!("{header}subject: inner\nthe body\n");
        let text = |is_cut| text(&all, header.len(), "subject: inner\n".len(), is_cut);
        #[track_caller]
        fn check(test: TextTest, text: UnpackedText<'_>, want: Option<bool>) {
            assert_eq!(test.find(text), want, "{test:?}");
        }
        check(TextTest::field(b"SUBJECT", "Again"), text(false), Some(true));
        check(TextTest::field(b"subject", "inner"), text(false), Some(false));
        check(TextTest::field(b"subject", "other"), text(false), Some(false));
        check(TextTest::field(b"subject", "subject"), text(false), Some(false));
        check(TextTest::field(b"x-empty", ""), text(false), Some(true));
        check(TextTest::field(b"x-empt", ""), text(false), Some(false));
        check(TextTest::field(b"subject: hello", ""), text(false), Some(false));
        check(TextTest::field(b"", ""), text(true), Some(false));
        check(TextTest::everywhere("inner"), text(false), Some(true));
        check(TextTest::body("inner"), text(false), Some(false));
        check(TextTest::body("inner"), text(true), None);
        check(TextTest::body("BODY"), text(true), Some(true));
    }
}
