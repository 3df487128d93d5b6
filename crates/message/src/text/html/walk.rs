//! The walk over the tokens: which element does what to the text.

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TokenSinkResult};

/// Nesting of lists that is indented; deeper ones are shown at this depth.
const LIST_DEPTH_MAX: usize = 16;
/// Characters of a link's target that are shown.
const LINK_BYTES_MAX: usize = 2048;

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
pub(super) struct Walk {
    pub(super) out: String,
    bytes_max: usize,
    pub(super) truncated: bool,
    keep_hidden: bool,
    pub(super) has_hidden: bool,
    gap: Gap,
    /// Elements whose content is not text (style, title...), by name, with the nesting of the same
    /// name.
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
    pub(super) fn new(keep_hidden: bool, bytes_max: usize) -> Walk {
        Walk { keep_hidden, bytes_max, ..Default::default() }
    }

    pub(super) fn text(&mut self, text: &str) {
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

    pub(super) fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
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
        if is_hidden(tag) {
            self.has_hidden = true;
            if !self.keep_hidden && is_void(name) {
                return;
            }
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

    pub(super) fn end(&mut self, name: &str) {
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

    pub(super) fn end_link(&mut self) {
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
    style.split(';').any(|rule| {
        let Some((property, value)) = rule.split_once(':') else { return false };
        let value = value.split_once('!').map_or(value, |(value, _important)| value);
        let is = |names: &[&str], values: &[&str]| {
            names.iter().any(|name| property.trim().eq_ignore_ascii_case(name))
                && values.iter().any(|wanted| value.trim().eq_ignore_ascii_case(wanted))
        };
        is(&["display"], &["none"])
            || is(&["visibility"], &["hidden"])
            || is(&["mso-hide"], &["all"])
            || is(&["opacity", "font-size", "max-height"], &["0", "0px", "0pt", "0%", "0em"])
    })
}
