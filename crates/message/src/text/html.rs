//! HTML to text.
//!
//! A walk over html5ever's tokens: no tree is built, so nothing nests and nothing recurses. Block
//! elements become lines, lists get their marks, links keep their target: `text <url>`.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
};
use std::cell::{Cell, RefCell};

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
/// Attributes a tag may about have. The tokenizer compares each attribute with all before it, so a tag
/// with a million of them would cost a million million steps; such a tag is skipped.
const ATTRIBUTES_MAX: usize = 256;
/// Nesting of lists that is indented; deeper ones are shown at this depth.
const LIST_DEPTH_MAX: usize = 16;
/// Characters of a link's target that are shown.
const LINK_BYTES_MAX: usize = 2048;

/// Makes text of HTML, at most about `bytes_max` bytes of it.
pub fn html_to_text(html: &str, hidden: Hidden, bytes_max: usize) -> HtmlText {
    let mut walk = Walk { keep_hidden: hidden == Hidden::Keep, bytes_max, ..Default::default() };
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

/// Feeds the tokenizer from `at` until the end, or until a tag turns out to be hostile; returns where
/// to go on behind that tag.
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

/// What must stand between the text so far and the text to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
    Paragraph,
}

#[derive(Debug, Default)]
struct Walk {
    out: String,
    bytes_max: usize,
    truncated: bool,
    keep_hidden: bool,
    has_hidden: bool,
    gap: Gap,
    /// Elements whose content is not text (style, title...), by name, with the nesting of the same name.
    skipped: Option<(String, u32)>,
    preformatted: u32,
    /// One entry per open list: the number of its next item, or none for bullets.
    lists: Vec<Option<u32>>,
    /// Lists open beyond [`LIST_DEPTH_MAX`].
    deeper_lists: u32,
    item: Option<String>,
    /// The open link: its target, and where its text starts.
    link: Option<(String, usize)>,
}

impl Walk {
    fn text(&mut self, text: &str) {
        if self.skipped.is_some() || self.truncated {
            return;
        }
        if self.preformatted > 0 {
            self.write(text);
            return;
        }
        for (index, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if index > 0 {
                self.gap = self.gap.max(Gap::Space);
            }
            if !word.is_empty() {
                self.write(word);
            }
        }
    }

    /// Writes text behind the gap that is due.
    fn write(&mut self, text: &str) {
        if self.out.len() + text.len() > self.bytes_max {
            self.truncated = true;
            let room = self.bytes_max.saturating_sub(self.out.len());
            self.out.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
            return;
        }
        let newlines = self.out.bytes().rev().take_while(|b| *b == b'\n').count();
        let gap = if self.out.is_empty() { Gap::None } else { std::mem::take(&mut self.gap) };
        match gap {
            Gap::Space if newlines == 0 && !self.out.ends_with(' ') => self.out.push(' '),
            Gap::None | Gap::Space => {}
            Gap::Line if newlines == 0 => self.out.push('\n'),
            Gap::Line => {}
            Gap::Paragraph => {
                self.out.extend(std::iter::repeat_n('\n', 2usize.saturating_sub(newlines)))
            }
        }
        self.gap = Gap::None;
        if let Some(mark) = self.item.take() {
            self.out.push_str(&mark);
        }
        self.out.push_str(text);
    }

    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let raw = match name {
            "script" => Some(RawKind::ScriptData),
            "style" | "iframe" | "noembed" | "noframes" | "xmp" => Some(RawKind::Rawtext),
            "title" | "textarea" => Some(RawKind::Rcdata),
            _ => None,
        };
        self.open(tag, name);
        match raw {
            Some(kind) if !tag.self_closing => TokenSinkResult::RawData(kind),
            _ => TokenSinkResult::Continue,
        }
    }

    fn open(&mut self, tag: &Tag, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            // A paragraph ends where the next block starts, whether it was closed or not.
            if !(skipped == "p" && block_gap(name) != Gap::None) {
                if skipped == name && !tag.self_closing {
                    *depth = depth.saturating_add(1);
                }
                return;
            }
            self.skipped = None;
        }
        let is_dropped = matches!(
            name,
            "script"
                | "style"
                | "title"
                | "iframe"
                | "noembed"
                | "noframes"
                | "template"
                | "xml"
                | "object"
        );
        if is_dropped {
            if !tag.self_closing {
                self.skipped = Some((name.to_string(), 1));
            }
            return;
        }
        if is_hidden(tag) && !is_void(name) {
            self.has_hidden = true;
            if !self.keep_hidden {
                self.skipped = Some((name.to_string(), 1));
                return;
            }
        }
        self.gap = self.gap.max(block_gap(name));
        match name {
            "br" => self.line_break(),
            "hr" => self.write("---"),
            "pre" => self.preformatted = self.preformatted.saturating_add(1),
            "ul" | "ol" | "menu" | "dir" => self.open_list((name == "ol").then_some(1)),
            "li" => self.open_item(),
            "td" | "th" => self.gap = self.gap.max(Gap::Space),
            "a" => self.open_link(tag),
            "img" => {
                if let Some(alt) = attribute(tag, "alt") {
                    self.text(alt);
                }
            }
            _ => {}
        }
        if name == "hr" {
            self.gap = Gap::Paragraph;
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        match name {
            "a" => self.end_link(),
            "pre" => self.preformatted = self.preformatted.saturating_sub(1),
            "ul" | "ol" | "menu" | "dir" => {
                match self.deeper_lists.checked_sub(1) {
                    Some(fewer) => self.deeper_lists = fewer,
                    None => {
                        self.lists.pop();
                    }
                }
                self.item = None;
            }
            _ => {}
        }
        self.gap = self.gap.max(block_gap(name));
    }

    /// `<br>`: at most one empty line is kept.
    fn line_break(&mut self) {
        self.gap = match self.gap {
            Gap::None | Gap::Space => Gap::Line,
            Gap::Line | Gap::Paragraph => Gap::Paragraph,
        };
    }

    fn open_list(&mut self, first: Option<u32>) {
        if self.lists.len() < LIST_DEPTH_MAX {
            self.lists.push(first);
        } else {
            self.deeper_lists = self.deeper_lists.saturating_add(1);
        }
    }

    fn open_item(&mut self) {
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{indent}{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ => format!("{indent}* "),
        };
        self.item = Some(mark);
    }

    fn open_link(&mut self, tag: &Tag) {
        self.end_link();
        let Some(href) = attribute(tag, "href") else { return };
        let href: String = href.trim().chars().filter(|c| !c.is_control()).collect();
        let scheme = href.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        let is_shown =
            matches!(scheme.as_deref(), Some("http" | "https" | "ftp" | "mailto" | "tel"));
        if is_shown && href.len() <= LINK_BYTES_MAX {
            self.link = Some((href, self.out.len()));
        }
    }

    fn end_link(&mut self) {
        let Some((href, from)) = self.link.take() else { return };
        let text = self.out.get(from..).unwrap_or_default().trim();
        let bare = href.strip_prefix("mailto:").or(href.strip_prefix("tel:")).unwrap_or(&href);
        let says_it = text == href || text == bare || text == href.trim_end_matches('/');
        if !says_it {
            self.gap = self.gap.max(Gap::Space);
            self.write(&format!("<{href}>"));
        }
    }
}

fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs.iter().find(|a| &*a.name.local == name).map(|a| &*a.value)
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "br" | "hr" | "img" | "input" | "meta" | "link" | "area" | "base" | "col" | "wbr"
    )
}

fn block_gap(name: &str) -> Gap {
    match name {
        "p" | "blockquote" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "pre" | "hr"
        | "dl" | "ul" | "ol" => Gap::Paragraph,
        "div" | "tr" | "li" | "dt" | "dd" | "section" | "article" | "header" | "footer"
        | "main" | "nav" | "aside" | "form" | "fieldset" | "address" | "option" | "center"
        | "body" | "figure" | "figcaption" | "caption" | "menu" | "dir" | "tbody" | "thead" => {
            Gap::Line
        }
        _ => Gap::None,
    }
}

/// Whether an element's own attributes hide it. Style sheets are not read.
fn is_hidden(tag: &Tag) -> bool {
    if attribute(tag, "hidden").is_some() {
        return true;
    }
    let Some(style) = attribute(tag, "style") else { return false };
    let style: String =
        style.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect();
    style.split(';').any(|rule| {
        let rule = rule.strip_suffix("!important").unwrap_or(rule);
        matches!(
            rule,
            "display:none"
                | "visibility:hidden"
                | "mso-hide:all"
                | "opacity:0"
                | "font-size:0"
                | "font-size:0px"
                | "font-size:0pt"
                | "max-height:0"
                | "max-height:0px"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, want: &str) {
        assert_eq!(html_to_text(html, Hidden::Drop, 1 << 20).text, want, "{html}");
    }

    #[test]
    fn elements() {
        check("", "");
        check("a <b>b</b>c\n d", "a bc d");
        check("<p>a</p><p>b<br>c</p>d", "a\n\nb\nc\n\nd");
        check("<div>a<div>b</div></div><div>c</div>", "a\nb\nc");
        check("a<br><br><br><br>b", "a\n\nb");
        check("&auml;&nbsp;&lt;&#8364;&#x20ac;&unknown;", "ä\u{a0}<€€&unknown;");
        check(
            "<ul><li>a<li>b<ol><li>c</li><li>d</li></ol></ul>e",
            "* a\n* b\n\n  1. c\n  2. d\n\ne",
        );
        check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc");
        check("<pre>a\n  b</pre>c", "a\n  b\n\nc");
        check("a<hr>b", "a\n\n---\n\nb");
        check("x<img alt='a  picture'>y<img>", "xa picturey");
    }

    #[test]
    fn links() {
        check("<a href='https://a.example/x'>here</a>!", "here <https://a.example/x>!");
        check("<a href=https://a.example/>https://a.example</a>", "https://a.example");
        check("<a href='mailto:a@b.example'>a@b.example</a>", "a@b.example");
        check("<a href='https://a.example'><img></a>", "<https://a.example>");
        check("<a href='#x'>in</a> <a href='javascript:x()'>script</a>", "in script");
        check(
            "<a href='https://a.example'>a<a href='https://b.example'>b",
            "a <https://a.example>b <https://b.example>",
        );
        check("<a href='https://a.example/\n%0a'>a</a>", "a <https://a.example/%0a>");
    }

    #[test]
    fn what_is_no_text() {
        check("<html><head><title>t</title><style>a{}</style><meta></head><body>b", "b");
        check("<script>if (a<b) x('</p>')</script>c", "c");
        check("<!-- <p>a</p> -->b<![CDATA[c]]>d", "bd");
        check("<!--[if mso]><table width=1 height=2><tr><![endif]-->b", "b");
        check("a<style>never closed <p>b", "a");
        check("a<template>b<template>c</template>d</template>e", "ae");
    }

    #[test]
    fn hidden() {
        let html = "a<div style='color:red; DISPLAY : none !important'>b<div>c</div>d</div>e";
        check(html, "ae");
        let kept = html_to_text(html, Hidden::Keep, 100);
        assert_eq!((kept.text.as_str(), kept.has_hidden), ("a\nb\nc\nd\ne", true));
        check("<p style='display:none'>a<p>b", "b");
        check("<img style='display:none'>b", "b");
        check("<span hidden>a</span>b", "b");
        assert!(!html_to_text("<p style='color:red'>a", Hidden::Drop, 100).has_hidden);
    }

    #[test]
    fn bounded() {
        let text = html_to_text(&"ä ".repeat(100), Hidden::Drop, 10);
        assert_eq!((text.text.as_str(), text.truncated), ("ä ä ä ä", true));
        let deep = "<div><ul><li><b><a href=x>".repeat(100_000);
        assert_eq!(html_to_text(&deep, Hidden::Drop, 100).text, "");
        assert!(html_to_text(&format!("{deep}x"), Hidden::Drop, 100).text.ends_with("* x"));
        // A tag of a million attributes is skipped, what follows it is not.
        let wide = format!("a<b {}>b", "x1 y2 ".repeat(500_000));
        assert_eq!(html_to_text(&wide, Hidden::Drop, 100).text, "ab");
        let wide = format!("a<b {}", "z='1' ".repeat(500_000));
        assert_eq!(html_to_text(&wide, Hidden::Drop, 100).text, "a");
        let wide = format!("a<b<!-- {}>b", "x1 y2 ".repeat(500_000));
        assert_eq!(html_to_text(&wide, Hidden::Drop, 100).text, "ab");
        // A long comment, and a long attribute, are not.
        let long = format!("<!-- {} -->a", "b <c> ".repeat(50_000));
        assert_eq!(html_to_text(&long, Hidden::Drop, 100).text, "a");
        let image = format!("a<img alt=b src='data:{}'>c", "A".repeat(500_000));
        assert_eq!(html_to_text(&image, Hidden::Drop, 100).text, "abc");
    }

    #[test]
    fn charset_of_a_document() {
        assert_eq!(html_charset(b"<META CHARSET=\"KOI8-R\">").unwrap(), b"koi8-r");
        let old = b"<meta http-equiv=Content-Type content='text/html; charset = utf-8'>";
        assert_eq!(html_charset(old).unwrap(), b"utf-8");
        assert_eq!(html_charset(b"<p>charset"), None);
    }
}
