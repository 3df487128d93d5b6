//! Which parts are the body, and which are attachments (RFC 8621 4.1.4).

use crate::part::{Kind, Part, PartMap};

/// The parts of a message by what they are for, as indexes into its map.
///
/// RFC 8621 4.1.4: `text` and `html` are each the whole body, for readers who prefer that form;
/// both hold the same parts where there is only one form. A part may be shown within the body and
/// be an attachment too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// To be shown one after the other, plain text preferred.
    pub text: Vec<usize>,
    /// To be shown one after the other, HTML preferred.
    pub html: Vec<usize>,
    /// All others.
    pub attachments: Vec<usize>,
}

/// An attachment, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its index in the map.
    pub part: usize,
    /// `type/subtype`, in small letters.
    pub media_type: String,
    /// Its name, if it has one. From a stranger: no path to write to.
    pub file_name: Option<String>,
    /// Octets on the wire.
    pub octets: u64,
    /// True when the body shows it (RFC 2183 2.1 `inline`, or by its Content-ID).
    pub is_inline: bool,
}

/// A multipart that the walk is in.
struct Frame {
    index: usize,
    is_alternative: bool,
    is_related: bool,
    /// It, or one around it, is an alternative.
    in_alternative: bool,
    /// Whether its parts may still go to the text and to the HTML body.
    to_text: bool,
    to_html: bool,
    /// How long these were when it began.
    text_from: usize,
    html_from: usize,
}

impl Bodies {
    /// Sorts a message's parts.
    pub fn of(map: &PartMap) -> Bodies {
        let mut bodies = Bodies::default();
        let mut frames: Vec<Frame> = Vec::new();
        // A message within the message is an attachment as a whole; what is in it is not looked at.
        let mut skip_below: Option<usize> = None;
        for (index, part) in map.parts().iter().enumerate() {
            if skip_below.is_some_and(|depth| part.depth > depth) {
                continue;
            }
            skip_below = (part.kind == Kind::Message).then_some(part.depth);
            while frames.last().is_some_and(|frame| Some(frame.index) != part.parent) {
                frames.pop().iter().for_each(|frame| bodies.leave(frame));
            }
            if part.kind == Kind::Multipart {
                let frame = bodies.enter(index, part, frames.last());
                frames.push(frame);
            } else {
                bodies.sort(index, part, frames.last_mut());
            }
        }
        while let Some(frame) = frames.pop() {
            bodies.leave(&frame);
        }
        bodies
    }

    fn enter(&self, index: usize, part: &Part, around: Option<&Frame>) -> Frame {
        let is_alternative = &*part.content_type.subtype == "alternative";
        Frame {
            index,
            is_alternative,
            is_related: &*part.content_type.subtype == "related",
            in_alternative: is_alternative || around.is_some_and(|frame| frame.in_alternative),
            to_text: around.is_none_or(|frame| frame.to_text),
            to_html: around.is_none_or(|frame| frame.to_html),
            text_from: self.text.len(),
            html_from: self.html.len(),
        }
    }

    fn sort(&mut self, index: usize, part: &Part, frame: Option<&mut Frame>) {
        let is_plain = part.content_type.is("text", "plain");
        let is_html = part.content_type.is("text", "html");
        let is_media = matches!(&*part.content_type.kind, "image" | "audio" | "video");
        let is_attached = part.disposition.as_ref().is_some_and(|d| &*d.kind == "attachment");
        let is_first = part.number == 1;
        let is_related = frame.as_ref().is_some_and(|frame| frame.is_related);
        let has_place = is_first || (!is_related && (is_media || part.file_name().is_none()));
        if is_attached || !has_place || !(is_plain || is_html || is_media) {
            self.attachments.push(index);
            return;
        }
        let Some(frame) = frame else {
            self.text.push(index);
            self.html.push(index);
            return;
        };
        if frame.is_alternative {
            match (is_plain, is_html) {
                (true, _) if frame.to_text => self.text.push(index),
                (_, true) if frame.to_html => self.html.push(index),
                (false, false) => self.attachments.push(index),
                // The other form of what this one is an alternative to has been decided above.
                _ => {}
            }
            return;
        }
        if frame.in_alternative {
            frame.to_html &= !is_plain;
            frame.to_text &= !is_html;
        }
        if frame.to_text {
            self.text.push(index);
        }
        if frame.to_html {
            self.html.push(index);
        }
        if is_media && !(frame.to_text && frame.to_html) {
            self.attachments.push(index);
        }
    }

    /// An alternative with only one form is both.
    fn leave(&mut self, frame: &Frame) {
        if !(frame.is_alternative && frame.to_text && frame.to_html) {
            return;
        }
        let text = self.text.get(frame.text_from..).unwrap_or_default().to_vec();
        let html = self.html.get(frame.html_from..).unwrap_or_default().to_vec();
        if text.is_empty() {
            self.text.extend(html);
        } else if html.is_empty() {
            self.html.extend(text);
        }
    }
}

/// A message's attachments, in their order.
pub fn attachments(map: &PartMap) -> Vec<Attachment> {
    let describe = |index: usize| {
        let part = map.get(index)?;
        let is_within_related = part
            .parent
            .and_then(|parent| map.get(parent))
            .is_some_and(|parent| parent.content_type.is("multipart", "related"));
        let is_inline = part.disposition.as_ref().is_some_and(|d| &*d.kind == "inline");
        Some(Attachment {
            part: index,
            media_type: format!("{}/{}", part.content_type.kind, part.content_type.subtype),
            file_name: part.file_name(),
            octets: part.octets(),
            is_inline: is_inline || (is_within_related && part.id.is_some()),
        })
    };
    Bodies::of(map).attachments.into_iter().filter_map(describe).collect()
}

impl Part {
    /// The name of the file it came from: Content-Disposition's, else Content-Type's (RFC 2183
    /// 2.3), decoded.
    pub fn file_name(&self) -> Option<String> {
        let disposition = self.disposition.as_ref();
        disposition
            .and_then(|d| d.parameters.get("filename"))
            .or_else(|| self.content_type.parameters.get("name"))
            .filter(|name| !name.is_empty())
    }
}
