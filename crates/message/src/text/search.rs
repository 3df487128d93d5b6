//! All of a message that a person may search.

use super::fold::fold_bounded;
use super::fold_for_search;
use crate::encoded_word;

/// Of what [`SearchTextBuilder`] collects and how it is folded: whoever keeps texts keeps it beside
/// them, and reads the message itself where they are of another version.
pub const SEARCH_TEXT_VERSION: i64 = 2;

/// What is searched, already folded by [`fold_for_search`], one field or text to a line. No query
/// has a line end in it, so nothing is found across two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchText {
    /// The message's own header fields, `name: value`, decoded; the name in small letters, without
    /// a space behind it when there is no value.
    pub header: String,
    /// The same of its parts, and of the messages within it.
    pub parts: String,
    /// The texts, HTML as text.
    pub body: String,
    /// True when there was more than was asked for.
    pub truncated: bool,
}

impl SearchText {
    /// Whether a header field contains a text, folded or not (IMAP's TEXT looks here too).
    pub fn header_contains(&self, query: &str) -> bool {
        let query = fold_for_search(query);
        self.header.contains(&query) || self.parts.contains(&query)
    }
    /// Whether a body text contains a text, folded or not (IMAP's BODY).
    pub fn body_contains(&self, query: &str) -> bool {
        self.body.contains(&fold_for_search(query))
    }
}

/// Whose header a field stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOf {
    /// The message's own.
    Message,
    /// A part's, or that of a message within.
    Part,
}

/// Collects a message's search text piece by piece.
#[derive(Debug)]
pub struct SearchTextBuilder {
    found: SearchText,
    bytes_max: usize,
}

impl SearchTextBuilder {
    /// Takes at most this many bytes of folded text.
    pub fn new(bytes_max: usize) -> Self {
        SearchTextBuilder { found: SearchText::default(), bytes_max }
    }

    /// A header field, its value as received.
    pub fn header_field(&mut self, of: FieldOf, name: &[u8], value: &[u8]) {
        self.decoded_field(of, name, &encoded_word::decode(value));
    }

    /// A header field, its value decoded.
    pub fn decoded_field(&mut self, of: FieldOf, name: &[u8], value: &str) {
        let name = String::from_utf8_lossy(name);
        let room = self.room();
        let out = match of {
            FieldOf::Message => &mut self.found.header,
            FieldOf::Part => &mut self.found.parts,
        };
        self.found.truncated |= push(out, &format!("{name}: {value}"), room);
    }

    /// A text, decoded to Unicode, markup gone.
    pub fn text(&mut self, text: &str) {
        let room = self.room();
        self.found.truncated |= push(&mut self.found.body, text, room);
    }

    /// Notes that something could not be given.
    pub fn cut(&mut self) {
        self.found.truncated = true;
    }

    /// True when nothing more will be taken.
    pub fn is_full(&self) -> bool {
        self.found.truncated
    }

    fn room(&self) -> usize {
        let SearchText { header, parts, body, .. } = &self.found;
        self.bytes_max.saturating_sub(header.len() + parts.len() + body.len())
    }

    /// All that was collected.
    pub fn finish(self) -> SearchText {
        self.found
    }
}

/// Appends a folded line; true when it did not fit whole.
fn push(out: &mut String, text: &str, room: usize) -> bool {
    let (folded, truncated) = fold_bounded(text, room.saturating_sub(1));
    if !folded.is_empty() {
        out.push_str(&folded);
        out.push('\n');
    }
    truncated
}

/// The start of a text on one line, for lists of messages: at most `chars_max` characters, quoted
/// lines and the line that introduces them left out where something else is there.
pub fn preview(text: &str, chars_max: usize) -> String {
    let own = text.lines().filter(|line| !line.trim_start().starts_with('>'));
    let mut out = collapse(own, chars_max);
    if out.is_empty() {
        out = collapse(text.lines(), chars_max);
    }
    out
}

fn collapse<'a>(lines: impl Iterator<Item = &'a str>, chars_max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for word in lines.flat_map(str::split_whitespace) {
        if !out.is_empty() {
            out.push(' ');
            count += 1;
        }
        for c in word.chars().filter(|c| !c.is_control()) {
            if count >= chars_max {
                return out.trim_end().to_string();
            }
            out.push(c);
            count += 1;
        }
    }
    out.trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collecting() {
        let mut builder = SearchTextBuilder::new(1000);
        let subject = b" =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n from K\xc3\xb6ln";
        builder.header_field(FieldOf::Message, b"Subject", subject);
        builder.header_field(FieldOf::Message, b"X-Empty", b" ");
        builder.decoded_field(FieldOf::Part, b"Content-Disposition", "Bericht Übersicht.PDF");
        builder.text("Two\r\nlines");
        builder.text("Three");
        let found = builder.finish();
        assert!(!found.truncated);
        assert_eq!(found.header, fold_for_search("subject: grüße from köln") + "\nx-empty:\n");
        assert!(found.header_contains("SUBJECT: GRÜSSE FROM KÖLN"));
        assert!(found.header_contains("übersicht.pdf"));
        assert!(!found.header_contains("köln x-empty"), "not across fields");
        assert!(found.body_contains("two lines") && !found.body_contains("lines three"));
    }

    #[test]
    fn bounded() {
        let max = 10_000;
        let mut builder = SearchTextBuilder::new(max);
        builder.text(&"a".repeat(max - 1));
        assert!(!builder.is_full());
        builder.text("b");
        assert!(builder.is_full());
        builder.header_field(FieldOf::Message, b"a", b"b");
        assert!(builder.finish().header.len() <= 1);
        let mut builder = SearchTextBuilder::new(max);
        builder.text(&"ﷺ".repeat(max)); // one character that decomposes into eighteen
        let found = builder.finish();
        assert!(found.truncated && found.body.len() <= max);
    }

    #[test]
    fn previews() {
        assert_eq!(
            preview("On Monday, Jane wrote:\n> long quote\nYes, please.\n", 200),
            "On Monday, Jane wrote: Yes, please."
        );
        assert_eq!(preview("> only\n> quotes", 200), "> only > quotes");
        assert_eq!(preview("a\u{7} bcd  ef", 4), "a bc");
        assert_eq!(preview("", 4), "");
    }
}
