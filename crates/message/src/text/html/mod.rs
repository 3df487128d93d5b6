//! HTML to text.
//!
//! A walk over html5ever's tokens: no tree is built, so nothing nests and nothing recurses. Block
//! elements become lines, lists get their marks, links keep their target: `text <url>`.

mod walk;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};
use std::cell::{Cell, RefCell};
use walk::Walk;

/// What becomes of text that the sender hid from the reader's eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// It is left out: for reading and previews.
    Drop,
    /// It stays: for searching, because it is in the message.
    Keep,
}

/// The text of an HTML content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HtmlText {
    /// The text, lines ended by `\n`.
    pub text: String,
    /// True when something was hidden by its style.
    pub has_hidden: bool,
    /// True when there was more than was asked for.
    pub truncated: bool,
}

/// Bytes handed to the tokenizer at once.
const PIECE_BYTES: usize = 512;
/// Attributes a tag may about have. The tokenizer compares each attribute with all before it, so a
/// tag with a million of them would cost a million million steps; such a tag is skipped.
const ATTRIBUTES_MAX: usize = 256;

/// Makes text of HTML, at most about `bytes_max` bytes of it.
pub fn html_to_text(html: &str, hidden: Hidden, bytes_max: usize) -> HtmlText {
    let mut walk = Walk::new(hidden == Hidden::Keep, bytes_max);
    let mut at = 0;
    // One buffer, of which the tokenizer gets pieces without copying. Its length is 32 bits.
    let html = html.get(..html.floor_char_boundary(u32::MAX as usize / 2)).unwrap_or_default();
    let buffer = StrTendril::from_slice(html);
    while at < html.len() && !walk.truncated {
        let sink = Sink { walk: RefCell::new(walk), tokens: Cell::new(0) };
        let tokenizer = Tokenizer::new(sink, Default::default());
        at = feed(&tokenizer, html, &buffer, at);
        tokenizer.end();
        walk = tokenizer.sink.walk.into_inner();
    }
    walk.end_link();
    walk.out.truncate(walk.out.trim_end().len());
    HtmlText { text: walk.out, has_hidden: walk.has_hidden, truncated: walk.truncated }
}

/// Feeds the tokenizer from `at` until the end, or until a tag turns out to be hostile; returns
/// where to go on behind that tag.
fn feed(tokenizer: &Tokenizer<Sink>, html: &str, buffer: &StrTendril, mut at: usize) -> usize {
    let queue = BufferQueue::default();
    // Nothing came out since the last `<`: a tag or comment is open.
    let mut is_open = false;
    let mut is_comment = false;
    // Bytes in it that could begin an attribute.
    let mut attributes = 0;
    while let Some(piece) = next_piece(html, at) {
        let before = tokenizer.sink.tokens.get();
        // Both are below 4 GiB, and on character boundaries.
        queue.push_back(buffer.subtendril(at as u32, piece.len() as u32));
        // The sink never asks the tokenizer to stop.
        let _ = tokenizer.feed(&queue);
        at += piece.len();
        if tokenizer.sink.tokens.get() != before {
            (is_open, is_comment, attributes) = (false, false, 0);
        } else {
            is_comment |= !is_open && piece.starts_with("<!--");
            is_open = true;
            attributes += piece.bytes().filter(|b| b" \t\r\n\x0c/\"'".contains(b)).count();
            if attributes > ATTRIBUTES_MAX && !is_comment {
                let behind = html.get(at..).and_then(|rest| memchr::memchr(b'>', rest.as_bytes()));
                return behind.map_or(html.len(), |tag_end| at + tag_end + 1);
            }
        }
        if tokenizer.sink.walk.borrow().truncated {
            break;
        }
    }
    html.len()
}

/// What stands from `at` to the next `<`, or a good piece of it.
fn next_piece(html: &str, at: usize) -> Option<&str> {
    let rest = html.get(at..).filter(|rest| !rest.is_empty())?;
    let piece = rest.get(..rest.floor_char_boundary(PIECE_BYTES)).unwrap_or(rest);
    let tail = piece.as_bytes().get(1..).unwrap_or_default();
    let end = memchr::memchr(b'<', tail).map_or(piece.len(), |found| found + 1);
    // `<` is ASCII, so it begins a character.
    piece.get(..end)
}

/// The charset that a document names in its first kilobyte (`<meta charset=...>`), for parts whose
/// Content-Type has none.
pub fn html_charset(html: &[u8]) -> Option<Vec<u8>> {
    let head = html.get(..1024).unwrap_or(html).to_ascii_lowercase();
    let at = memchr::memmem::find(&head, b"charset")? + b"charset".len();
    let rest = head.get(at..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or(rest.strip_prefix(b"'")).unwrap_or(rest);
    let label: Vec<u8> = rest
        .iter()
        .copied()
        .take_while(|b| b.is_ascii_alphanumeric() || b"-_:.".contains(b))
        .collect();
    (!label.is_empty()).then_some(label)
}

struct Sink {
    walk: RefCell<Walk>,
    tokens: Cell<u64>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        if !matches!(token, Token::ParseError(_)) {
            self.tokens.set(self.tokens.get().wrapping_add(1));
        }
        let mut walk = self.walk.borrow_mut();
        match token {
            Token::CharacterTokens(text) => walk.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return walk.start(&tag),
            Token::TagToken(tag) => walk.end(&tag.name),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests;
