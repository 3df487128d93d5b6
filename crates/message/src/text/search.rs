//! All of a message that a person may search.

use super::fold::fold_bounded;
use super::{Hidden, fold_for_search, html_to_text};
use crate::encoded_word;
use posthorn_base::limits;

/// What is searched, already folded by [`fold_for_search`], one field or text to a line. No query
/// has a line end in it, so nothing is found across two of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchText {
    /// The header fields, `name: value`, decoded, those of the parts too; and the names of
    /// attachments.
    pub header: String,
    /// The texts, HTML as text.
    pub body: String,
    /// True when [`limits::SEARCH_TEXT_BYTES_MAX`] was reached.
    pub truncated: bool,
}

impl SearchText {
    /// Whether the header contains a text, folded or not (IMAP's TEXT looks here too).
    pub fn header_contains(&self, query: &str) -> bool {
        self.header.contains(&fold_for_search(query))
    }
    /// Whether a body text contains a text, folded or not (IMAP's BODY).
    pub fn body_contains(&self, query: &str) -> bool {
        self.body.contains(&fold_for_search(query))
    }
}

/// Collects a message's search text piece by piece.
#[derive(Debug, Default)]
pub struct SearchTextBuilder {
    found: SearchText,
}

impl SearchTextBuilder {
    /// A header field, its value as received.
    pub fn header_field(&mut self, name: &[u8], value: &[u8]) {
        let name = String::from_utf8_lossy(name);
        let line = format!("{name}: {}", encoded_word::decode(value));
        let room = self.room();
        self.found.truncated |= push(&mut self.found.header, &line, room);
    }

    /// Something decoded that belongs to the header, such as an attachment's name.
    pub fn header_text(&mut self, text: &str) {
        let room = self.room();
        self.found.truncated |= push(&mut self.found.header, text, room);
    }

    /// A plain text, decoded to Unicode.
    pub fn text(&mut self, text: &str) {
        let room = self.room();
        self.found.truncated |= push(&mut self.found.body, text, room);
    }

    /// An HTML text, decoded to Unicode. What its styles hide is searched too: it is in the
    /// message.
    pub fn html(&mut self, html: &str) {
        let text = html_to_text(html, Hidden::Keep, self.room());
        self.found.truncated |= text.truncated;
        self.text(&text.text);
    }

    /// True when nothing more will be taken.
    pub fn is_full(&self) -> bool {
        self.found.truncated
    }

    fn room(&self) -> usize {
        let used = self.found.header.len() + self.found.body.len();
        limits::SEARCH_TEXT_BYTES_MAX.saturating_sub(used)
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
        let mut builder = SearchTextBuilder::default();
        builder.header_field(b"Subject", b" =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n from K\xc3\xb6ln");
        builder.header_text("Bericht Übersicht.PDF");
        builder.text("Two\r\nlines");
        builder.html(
            "<p>Caf&eacute; <b style='display:none'>secret</b><a href='https://a.example/X'>x</a>",
        );
        let found = builder.finish();
        assert!(!found.truncated);
        assert!(found.header_contains("SUBJECT: GRÜSSE FROM KÖLN"));
        assert!(found.header_contains("übersicht.pdf"));
        assert!(!found.header_contains("köln bericht"), "not across fields");
        for query in ["two lines", "CAFÉ", "Secret", "https://A.example/x"] {
            assert!(found.body_contains(query), "{query} in {:?}", found.body);
        }
        assert!(!found.body_contains("lines café"));
    }

    #[test]
    fn bounded() {
        let mut builder = SearchTextBuilder::default();
        let max = limits::SEARCH_TEXT_BYTES_MAX;
        builder.text(&"a".repeat(max - 1));
        assert!(!builder.is_full());
        builder.text("b");
        assert!(builder.is_full());
        builder.html(&"<p>ß".repeat(1000));
        let found = builder.finish();
        assert!(found.body.len() <= max, "{}", found.body.len());
        let mut builder = SearchTextBuilder::default();
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
