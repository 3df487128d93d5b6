//! Within a body: everything passes but the lines that may be delimiters.

use super::delimiter::Match;
use super::open::Inside;
use super::{DELIMITER_LINE_BYTES_MAX, Mode, Parser, delimiter};
use crate::part::Damage;

impl Parser {
    pub(super) fn push_line_start<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        if self.delimited == 0 {
            self.pass(chunk);
            return &[];
        }
        let room = DELIMITER_LINE_BYTES_MAX.saturating_sub(self.line.len());
        let end = delimiter::line_end(chunk).unwrap_or(chunk.len()).min(room);
        let (taken, rest) = chunk.split_at_checked(end).unwrap_or((chunk, &[]));
        // Most lines are told apart by their first octet and need no copy.
        if self.line.is_empty() && !b"--".starts_with(taken.get(..2).unwrap_or(taken)) {
            self.mode = Mode::InLine;
            return chunk;
        }
        self.line.extend_from_slice(taken);
        let is_whole = self.line.ends_with(b"\n");
        let may_be = self.line.starts_with(b"--") || self.line == b"-";
        if is_whole || !may_be || self.line.len() >= DELIMITER_LINE_BYTES_MAX {
            self.line_is_decided(is_whole);
        }
        rest
    }

    /// Enough of a line is held to know whether it is a delimiter.
    pub(super) fn line_is_decided(&mut self, is_whole: bool) {
        let line = std::mem::take(&mut self.line);
        match self.delimiter(&line, is_whole) {
            Some((level, close)) if self.has_room(close) => self.end_parts(level, close, &line),
            _ => {
                self.pass(&line);
                self.mode = if line.ends_with(b"\n") { Mode::LineStart } else { Mode::InLine };
                self.line = line;
                self.line.clear();
            }
        }
    }

    pub(super) fn push_in_line<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let candidate = if self.delimited == 0 { None } else { self.next_candidate(chunk) };
        let (taken, rest) =
            candidate.and_then(|at| chunk.split_at_checked(at)).unwrap_or((chunk, &[]));
        self.pass(taken);
        if candidate.is_some() {
            self.mode = Mode::LineStart;
        }
        rest
    }

    /// Where the next line begins that is a delimiter, or that is not whole in this chunk and may
    /// become one. The chunk begins within a line.
    pub(super) fn next_candidate(&self, chunk: &[u8]) -> Option<usize> {
        let mut from = 0;
        loop {
            let rest = chunk.get(from..)?;
            let at = from + delimiter::next_candidate(rest, &self.finder)?;
            let line = chunk.get(at..)?;
            let line = delimiter::line_end(line).and_then(|end| line.get(..end));
            let is_other = line.is_some_and(|line| {
                line.len() < DELIMITER_LINE_BYTES_MAX && self.delimiter(line, true).is_none()
            });
            if !is_other {
                return Some(at);
            }
            from = at;
        }
    }

    pub(super) fn push_delimiter<'a>(
        &mut self,
        chunk: &'a [u8],
        parent: Option<usize>,
    ) -> &'a [u8] {
        let end = delimiter::line_end(chunk);
        let (taken, rest) = end.and_then(|end| chunk.split_at_checked(end)).unwrap_or((chunk, &[]));
        self.pass_delimiter(taken);
        if end.is_some() {
            self.behind_delimiter(parent);
        }
        rest
    }

    /// The open multipart whose delimiter this line is, as a place in `open`, and whether it
    /// closes.
    ///
    /// Exact matches go first, the innermost first (nested multiparts may use one boundary twice,
    /// which RFC 2046 5.1.2 forbids); then the longest boundary that the line begins with. A
    /// multipart that was closed has no delimiters any more, but its exact lines are not taken for
    /// a prefix of another's.
    pub(super) fn delimiter(&self, line: &[u8], is_whole: bool) -> Option<(usize, bool)> {
        if self.delimited == 0 || !line.starts_with(b"--") {
            return None;
        }
        let mut best: Option<(usize, bool, usize)> = None;
        let mut is_old = false;
        for (level, open) in self.open.iter().enumerate().rev() {
            let (boundary, is_open) = match &open.inside {
                Inside::Multipart { boundary, .. } => (boundary, true),
                Inside::Closed { boundary } => (boundary, false),
                Inside::Leaf | Inside::Message => continue,
            };
            match delimiter::compare(line, is_whole, boundary) {
                Match::Exact { close } if is_open => return Some((level, close)),
                Match::Exact { .. } => is_old = true,
                Match::Prefix { close } if is_open => {
                    if best.is_none_or(|(_, _, length)| boundary.len() > length) {
                        best = Some((level, close, boundary.len()));
                    }
                }
                Match::Prefix { .. } | Match::None => {}
            }
        }
        best.filter(|_| !is_old).map(|(level, close, _)| (level, close))
    }

    /// Beyond the last part that we take, delimiters that begin a part are text.
    pub(super) fn has_room(&mut self, close: bool) -> bool {
        let has_room = close || self.parts.len() < self.limits.parts;
        if !has_room {
            self.note(Damage::TOO_MANY_PARTS);
        }
        has_room
    }

    /// A delimiter of the multipart at `level`: ends what is open within it.
    pub(super) fn end_parts(&mut self, level: usize, close: bool, line: &[u8]) {
        let end = self.passed.saturating_sub(self.scan.line_end_bytes());
        let newlines = self.scan.newlines.saturating_sub(1);
        // The multipart's own text (preamble) keeps its notes; so does the part that ends.
        self.take_notes();
        self.close_down_to(level + 1, end, newlines);
        let Some(open) = self.open.last_mut() else { return };
        let index = open.index;
        let inside = std::mem::replace(&mut open.inside, Inside::Leaf);
        open.inside = match inside {
            Inside::Multipart { boundary, .. } if close => {
                self.delimited = self.delimited.saturating_sub(1);
                Inside::Closed { boundary }
            }
            other => other,
        };
        self.pass_delimiter(line);
        // The part whose header ended here may have been a message, and its inside the last part.
        let parent = (!close && self.has_room(close)).then_some(index);
        if line.ends_with(b"\n") {
            self.behind_delimiter(parent);
        } else {
            self.mode = Mode::Delimiter(parent);
        }
    }

    pub(super) fn behind_delimiter(&mut self, parent: Option<usize>) {
        self.mode = Mode::LineStart;
        if parent.is_some() {
            self.begin_part(parent);
        }
    }
}
