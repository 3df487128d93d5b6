//! Within a header section: lines are gathered until the blank one, then the part is described.

use super::entity::Found;
use super::open::Inside;
use super::{DELIMITER_LINE_BYTES_MAX, Mode, Parser, delimiter, entity};
use crate::header::Header;
use crate::part::{Damage, Kind, Part};
use crate::structure::Envelope;

impl Parser {
    pub(super) fn push_header<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let room = self.limits.header_bytes.saturating_sub(self.section.len());
        let end = delimiter::line_end(chunk).unwrap_or(chunk.len()).min(room);
        let (taken, rest) = chunk.split_at_checked(end).unwrap_or((chunk, &[]));
        self.section.extend_from_slice(taken);
        if taken.ends_with(b"\n") {
            self.header_line();
        }
        if self.mode == Mode::Header && self.section.len() >= self.limits.header_bytes {
            self.end_header(Some(Damage::HEADER_TOO_LONG));
        }
        rest
    }

    /// A line of the header section is complete.
    pub(super) fn header_line(&mut self) {
        let line = self.section.get(self.section_line..).unwrap_or_default();
        if matches!(line, b"\r\n" | b"\n") {
            self.end_header(None);
        } else if !self.delimiter_in_header() {
            self.section_line = self.section.len();
        }
    }

    /// The message ended within a header section; its last line may still be a delimiter.
    pub(super) fn last_header_line(&mut self) {
        if self.section.len() > self.section_line {
            self.delimiter_in_header();
        }
    }

    /// RFC 2046 5.1.1: a delimiter ends a part wherever it stands. One among the header's lines
    /// means that the blank line and the body are missing.
    pub(super) fn delimiter_in_header(&mut self) -> bool {
        let line = self.section.get(self.section_line..).unwrap_or_default();
        if self.delimited == 0 || !line.starts_with(b"--") {
            return false;
        }
        let (head, rest) = line.split_at_checked(DELIMITER_LINE_BYTES_MAX).unwrap_or((line, &[]));
        let Some((level, close)) = self.delimiter(head, rest.is_empty()) else {
            return false;
        };
        if !self.has_room(close) {
            return false;
        }
        let line = self.section.split_off(self.section_line);
        let line_end = if self.section.ends_with(b"\r\n") {
            2
        } else {
            usize::from(self.section.ends_with(b"\n"))
        };
        // The line end before the delimiter belongs to it, not to the header.
        let kept = self.section.len().saturating_sub(line_end);
        let line_end = self.section.split_off(kept);
        while self.mode == Mode::Header {
            self.end_header(Some(Damage::NO_BLANK_LINE));
        }
        self.pass(&line_end);
        self.end_parts(level, close, &line);
        true
    }

    /// The section is complete: describes its part and decides what comes next.
    pub(super) fn end_header(&mut self, damage: Option<Damage>) {
        let section = std::mem::take(&mut self.section);
        self.pass(&section);
        self.section_line = 0;
        let Some(index) = self.open.last().map(|open| open.index) else { return };
        let is_in_digest = self.is_in_digest();
        let room_below = self.open.len() <= self.limits.depth;
        let room_for_message = self.parts.len() < self.limits.parts;
        let newlines = self.scan.newlines;
        let seen = self.scan.take_damage().without(Damage::EIGHT_BIT_BODY);
        let envelope_is_wanted =
            self.parts.get(index).and_then(|part| part.parent).filter(|parent| {
                self.parts.get(*parent).is_some_and(|parent| parent.kind == Kind::Message)
            });
        if let Some(parent) = envelope_is_wanted {
            self.keep_envelope(parent, &section);
        }
        let Some(part) = self.parts.get_mut(index) else { return };
        part.body_start = self.passed;
        part.body_end = self.passed;
        part.damage |= seen | damage.unwrap_or_default();
        let found =
            entity::describe(Header::new(&section), part, is_in_digest, &mut self.text_left);
        let inside = inside(found, part, room_below, room_for_message);
        self.delimited += usize::from(matches!(inside, Inside::Multipart { .. }));
        let is_message = matches!(inside, Inside::Message);
        if let Some(open) = self.open.last_mut() {
            open.newlines_before = newlines;
            open.inside = inside;
        }
        // A section that was cut off at its limit ends within a line.
        let is_at_line_start = section.is_empty() || section.ends_with(b"\n");
        self.mode = if is_at_line_start { Mode::LineStart } else { Mode::InLine };
        if index == 0 {
            self.header = section;
        } else {
            // The allocation serves the next section.
            self.section = section;
            self.section.clear();
        }
        if is_message {
            self.begin_part(Some(index));
        }
    }

    pub(super) fn is_in_digest(&self) -> bool {
        let parent = self.open.iter().rev().nth(1);
        matches!(parent.map(|open| &open.inside), Some(Inside::Multipart { is_digest: true, .. }))
    }

    pub(super) fn keep_envelope(&mut self, parent: usize, section: &[u8]) {
        let envelope = Envelope::of(Header::new(section));
        let size = envelope.text_bytes();
        let Some(part) = self.parts.get_mut(parent) else { return };
        if size > self.text_left {
            part.damage |= Damage::TEXT_LEFT_OUT;
            part.envelope = Some(Box::default());
        } else {
            self.text_left -= size;
            part.envelope = Some(Box::new(envelope));
        }
    }
}

/// What may be within a part of which this was found, by the room that is left.
fn inside(found: Found, part: &mut Part, room_below: bool, room_for_message: bool) -> Inside {
    match found {
        Found::Leaf => Inside::Leaf,
        Found::Multipart(_) | Found::Message if !room_below => {
            part.damage |= Damage::TOO_DEEP;
            Inside::Leaf
        }
        Found::Message if !room_for_message => {
            part.damage |= Damage::TOO_MANY_PARTS;
            Inside::Leaf
        }
        Found::Message => {
            part.kind = Kind::Message;
            Inside::Message
        }
        Found::Multipart(boundary) => {
            part.kind = Kind::Multipart;
            Inside::Multipart { boundary, is_digest: &*part.content_type.subtype == "digest" }
        }
    }
}
