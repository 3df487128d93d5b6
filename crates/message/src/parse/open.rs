//! The parts whose end has not been seen, and how they begin and end.

use super::{Mode, Parser};
use crate::part::{Damage, Kind, Part};

/// A part whose end has not been seen.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) index: usize,
    /// Line feeds before its body.
    pub(super) newlines_before: u64,
    pub(super) inside: Inside,
}

#[derive(Debug)]
pub(super) enum Inside {
    Leaf,
    Message,
    /// A multipart before its closing delimiter.
    Multipart {
        boundary: Box<[u8]>,
        is_digest: bool,
    },
    /// A multipart behind its closing delimiter: only epilogue follows.
    Closed {
        boundary: Box<[u8]>,
    },
}

impl Parser {
    /// A part begins here, with its header.
    pub(super) fn begin_part(&mut self, parent: Option<usize>) {
        let index = self.parts.len();
        let mut part = Part::at(self.passed);
        part.parent = parent;
        if let Some(parent) = parent.and_then(|parent| self.parts.get_mut(parent)) {
            parent.children += 1;
            part.number = parent.children;
            part.depth = parent.depth + 1;
        }
        self.parts.push(part);
        let newlines_before = self.scan.newlines;
        self.open.push(Open { index, newlines_before, inside: Inside::Leaf });
        self.section.clear();
        self.section_line = 0;
        self.mode = Mode::Header;
    }

    /// A delimiter that begins a part at the very end of the message was meant to close the
    /// multipart, or the mail was cut off there: nobody wants to see an empty attachment.
    pub(super) fn drop_empty_last_part(&mut self) {
        let Some(part) = self.parts.last() else { return };
        let is_empty = self.mode == Mode::Header
            && self.section.is_empty()
            && part.header_start == self.passed;
        let multipart = part.parent.and_then(|parent| self.parts.get_mut(parent));
        if let Some(multipart) = multipart.filter(|part| is_empty && part.kind == Kind::Multipart) {
            multipart.children -= 1;
            self.parts.pop();
            self.open.pop();
            self.mode = Mode::LineStart;
        }
    }

    /// Ends all open parts from `level` on.
    pub(super) fn close_down_to(&mut self, level: usize, mut end: u64, mut newlines: u64) {
        self.take_notes();
        while self.open.len() > level {
            let Some(open) = self.open.pop() else { return };
            let Some(part) = self.parts.get_mut(open.index) else { continue };
            if let Inside::Multipart { .. } = open.inside {
                self.delimited = self.delimited.saturating_sub(1);
                part.damage |= Damage::NO_END_BOUNDARY;
            }
            // Where a header stands right before a delimiter, its blank line is the delimiter's
            // too. We leave it to the header, and what is around the part ends no earlier than it.
            end = end.max(part.body_start);
            newlines = newlines.max(open.newlines_before);
            part.body_end = end;
            part.lines = newlines - open.newlines_before;
        }
    }

    /// Octets go by.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.scan.pass(bytes);
        self.passed += bytes.len() as u64;
    }

    /// Octets of a delimiter line go by; they belong to no part.
    pub(super) fn pass_delimiter(&mut self, bytes: &[u8]) {
        self.pass(bytes);
        self.scan.take_damage();
    }

    /// Notes what was seen to the innermost open part.
    pub(super) fn take_notes(&mut self) {
        let seen = self.scan.take_damage();
        self.note(seen);
    }

    pub(super) fn note(&mut self, seen: Damage) {
        let innermost = self.open.last().map(|open| open.index);
        if let Some(part) = innermost.and_then(|index| self.parts.get_mut(index)) {
            use crate::encoding::Encoding::{Binary, EightBit};
            let may_have_8bit = matches!(part.encoding, EightBit | Binary);
            part.damage |= if may_have_8bit { seen.without(Damage::EIGHT_BIT_BODY) } else { seen };
        }
    }
}
