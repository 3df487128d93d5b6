//! The push parser: chunks of a message in, its header and part map out.
//!
//! A message may be larger than memory, so its body passes through and is only counted. What is held
//! is the header section being read, the message's own header (which callers need whole), and the
//! map. Everything works line by line; of a line in a body, only one that may be a delimiter is held
//! back, and of that at most [`DELIMITER_LINE_BYTES_MAX`] octets.
//!
//! Invariants
//! * How the message is cut into chunks never changes the result.
//! * Memory is bounded by [`Limits`], whatever comes and however long it is.
//! * No recursion: open parts are a stack of at most [`Limits::depth`] entries.
//! * Nothing is refused. What is wrong is noted as [`Damage`].

mod delimiter;
mod entity;
mod scan;

use crate::header::{Header, Summary, ThreadKeys};
use crate::part::{Damage, Kind, Part, PartMap};
use crate::structure::Envelope;
use delimiter::Match;
use memchr::memmem::Finder;
use posthorn_base::limits;
use scan::Scan;

/// Octets of a line that is compared with boundaries. Longer lines can still begin with a delimiter.
const DELIMITER_LINE_BYTES_MAX: usize = 1024;
const _: () = assert!(DELIMITER_LINE_BYTES_MAX > limits::MIME_BOUNDARY_BYTES_MAX + 6);

/// What a parser keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one header section; the rest of it belongs to the body.
    pub header_bytes: usize,
    /// Parts; the rest of the message belongs to the last one.
    pub parts: usize,
    /// Parts within parts; what is at this depth is a leaf.
    pub depth: usize,
    /// Octets of all texts of the map together: parameters, ids, nested envelopes.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header_bytes: limits::HEADER_BYTES_MAX,
            parts: limits::MIME_PARTS_MAX,
            depth: limits::MIME_DEPTH_MAX,
            text_bytes: limits::PART_MAP_TEXT_BYTES_MAX,
        }
    }
}

/// What was found in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    header: Vec<u8>,
    map: PartMap,
    octets: u64,
}

impl Parsed {
    /// The message's own header section, with its blank line if it has one.
    pub fn header(&self) -> Header<'_> {
        Header::new(&self.header)
    }
    /// The parts.
    pub fn map(&self) -> &PartMap {
        &self.map
    }
    /// The parts, for those who keep them.
    pub fn into_map(self) -> PartMap {
        self.map
    }
    /// Octets of the whole message.
    pub fn octets(&self) -> u64 {
        self.octets
    }
    /// The envelope as IMAP shows it.
    pub fn envelope(&self) -> Envelope {
        Envelope::of(self.header())
    }
    /// What a server asks at the end of DATA.
    pub fn summary(&self) -> Summary {
        Summary::of(self.header())
    }
    /// What threading goes by.
    pub fn thread_keys(&self) -> ThreadKeys {
        ThreadKeys::of(self.header())
    }
}

/// Parses a message that is in memory.
pub fn parse(message: &[u8]) -> Parsed {
    let mut parser = Parser::new(Limits::default());
    parser.push(message);
    parser.finish()
}

/// A part whose end has not been seen.
#[derive(Debug)]
struct Open {
    index: usize,
    /// Line feeds before its body.
    newlines_before: u64,
    inside: Inside,
}

#[derive(Debug)]
enum Inside {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// In a header section, held in `section`.
    Header,
    /// At the start of a body's line; its beginning is held in `line`.
    LineStart,
    /// Within a body's line that is no delimiter.
    InLine,
    /// Within the rest of a very long delimiter line. Behind it, a part begins in this multipart.
    Delimiter(Option<usize>),
}

/// The push parser. See the module's documentation.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    mode: Mode,
    parts: Vec<Part>,
    /// The open parts, outermost first; never empty.
    open: Vec<Open>,
    /// How many of them are multiparts whose delimiters are looked for.
    delimited: usize,
    /// The header section being read, and where its last line begins.
    section: Vec<u8>,
    section_line: usize,
    /// The held-back beginning of a body's line.
    line: Vec<u8>,
    /// The first header section.
    header: Vec<u8>,
    /// Everything before `section` and `line` has passed here.
    scan: Scan,
    /// Octets that have passed `scan`.
    passed: u64,
    /// Octets of texts that the map may still take.
    text_left: usize,
    finder: Finder<'static>,
}

impl Default for Parser {
    fn default() -> Self {
        Parser::new(Limits::default())
    }
}

impl Parser {
    /// A parser at the start of a message.
    pub fn new(limits: Limits) -> Self {
        let mut parser = Parser {
            limits,
            mode: Mode::Header,
            parts: Vec::new(),
            open: Vec::new(),
            delimited: 0,
            section: Vec::new(),
            section_line: 0,
            line: Vec::new(),
            header: Vec::new(),
            scan: Scan::new(),
            passed: 0,
            text_left: limits.text_bytes,
            finder: Finder::new(b"\n--"),
        };
        parser.begin_part(None);
        parser
    }

    /// Takes the next octets, however many.
    pub fn push(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            chunk = match self.mode {
                Mode::Header => self.push_header(chunk),
                Mode::LineStart => self.push_line_start(chunk),
                Mode::InLine => self.push_in_line(chunk),
                Mode::Delimiter(parent) => self.push_delimiter(chunk, parent),
            };
        }
    }

    /// The message is over.
    pub fn finish(mut self) -> Parsed {
        match self.mode {
            Mode::Header => self.last_header_line(),
            Mode::LineStart => self.line_is_decided(true),
            Mode::InLine | Mode::Delimiter(_) => {}
        }
        self.drop_empty_last_part();
        // A header may have ended here; and a message part's inner header begins where it ends.
        while self.mode == Mode::Header {
            self.end_header(Some(Damage::NO_BLANK_LINE));
        }
        if self.scan.ends_in_cr() {
            self.note(Damage::BARE_CR);
        }
        let (end, newlines) = (self.passed, self.scan.newlines);
        self.close_down_to(0, end, newlines);
        let octets = self.passed;
        Parsed { header: self.header, map: PartMap { parts: self.parts }, octets }
    }

    // ---- header sections ----

    fn push_header<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
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
    fn header_line(&mut self) {
        let line = self.section.get(self.section_line..).unwrap_or_default();
        if matches!(line, b"\r\n" | b"\n") {
            self.end_header(None);
        } else if !self.delimiter_in_header() {
            self.section_line = self.section.len();
        }
    }

    /// The message ended within a header section; its last line may still be a delimiter.
    fn last_header_line(&mut self) {
        if self.section.len() > self.section_line {
            self.delimiter_in_header();
        }
    }

    /// RFC 2046 5.1.1: a delimiter ends a part wherever it stands. One among the header's lines means
    /// that the blank line and the body are missing.
    fn delimiter_in_header(&mut self) -> bool {
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
    fn end_header(&mut self, damage: Option<Damage>) {
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
        let inside = match found {
            entity::Found::Multipart(_) | entity::Found::Message if !room_below => {
                part.damage |= Damage::TOO_DEEP;
                Inside::Leaf
            }
            entity::Found::Message if !room_for_message => {
                part.damage |= Damage::TOO_MANY_PARTS;
                Inside::Leaf
            }
            entity::Found::Leaf => Inside::Leaf,
            entity::Found::Message => {
                part.kind = Kind::Message;
                Inside::Message
            }
            entity::Found::Multipart(boundary) => {
                part.kind = Kind::Multipart;
                self.delimited += 1;
                Inside::Multipart { boundary, is_digest: &*part.content_type.subtype == "digest" }
            }
        };
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

    fn is_in_digest(&self) -> bool {
        let parent = self.open.iter().rev().nth(1);
        matches!(parent.map(|open| &open.inside), Some(Inside::Multipart { is_digest: true, .. }))
    }

    fn keep_envelope(&mut self, parent: usize, section: &[u8]) {
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

    // ---- bodies ----

    fn push_line_start<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
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
    fn line_is_decided(&mut self, is_whole: bool) {
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

    fn push_in_line<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
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
    fn next_candidate(&self, chunk: &[u8]) -> Option<usize> {
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

    fn push_delimiter<'a>(&mut self, chunk: &'a [u8], parent: Option<usize>) -> &'a [u8] {
        let end = delimiter::line_end(chunk);
        let (taken, rest) = end.and_then(|end| chunk.split_at_checked(end)).unwrap_or((chunk, &[]));
        self.pass_delimiter(taken);
        if end.is_some() {
            self.behind_delimiter(parent);
        }
        rest
    }

    // ---- delimiters ----

    /// The open multipart whose delimiter this line is, as a place in `open`, and whether it closes.
    ///
    /// Exact matches go first, the innermost first (nested multiparts may use one boundary twice,
    /// which RFC 2046 5.1.2 forbids); then the longest boundary that the line begins with. A
    /// multipart that was closed has no delimiters any more, but its exact lines are not taken for a
    /// prefix of another's.
    fn delimiter(&self, line: &[u8], is_whole: bool) -> Option<(usize, bool)> {
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
    fn has_room(&mut self, close: bool) -> bool {
        let has_room = close || self.parts.len() < self.limits.parts;
        if !has_room {
            self.note(Damage::TOO_MANY_PARTS);
        }
        has_room
    }

    /// A delimiter of the multipart at `level`: ends what is open within it.
    fn end_parts(&mut self, level: usize, close: bool, line: &[u8]) {
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

    fn behind_delimiter(&mut self, parent: Option<usize>) {
        self.mode = Mode::LineStart;
        if parent.is_some() {
            self.begin_part(parent);
        }
    }

    // ---- parts ----

    /// A part begins here, with its header.
    fn begin_part(&mut self, parent: Option<usize>) {
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

    /// A delimiter that begins a part at the very end of the message was meant to close the multipart,
    /// or the mail was cut off there: nobody wants to see an empty attachment.
    fn drop_empty_last_part(&mut self) {
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
    fn close_down_to(&mut self, level: usize, mut end: u64, mut newlines: u64) {
        self.take_notes();
        while self.open.len() > level {
            let Some(open) = self.open.pop() else { return };
            let Some(part) = self.parts.get_mut(open.index) else { continue };
            if let Inside::Multipart { .. } = open.inside {
                self.delimited = self.delimited.saturating_sub(1);
                part.damage |= Damage::NO_END_BOUNDARY;
            }
            // Where a header stands right before a delimiter, its blank line is the delimiter's too.
            // We leave it to the header, and what is around the part ends no earlier than it.
            end = end.max(part.body_start);
            newlines = newlines.max(open.newlines_before);
            part.body_end = end;
            part.lines = newlines - open.newlines_before;
        }
    }

    /// Octets go by.
    fn pass(&mut self, bytes: &[u8]) {
        self.scan.pass(bytes);
        self.passed += bytes.len() as u64;
    }

    /// Octets of a delimiter line go by; they belong to no part.
    fn pass_delimiter(&mut self, bytes: &[u8]) {
        self.pass(bytes);
        self.scan.take_damage();
    }

    /// Notes what was seen to the innermost open part.
    fn take_notes(&mut self) {
        let seen = self.scan.take_damage();
        self.note(seen);
    }

    fn note(&mut self, seen: Damage) {
        let innermost = self.open.last().map(|open| open.index);
        if let Some(part) = innermost.and_then(|index| self.parts.get_mut(index)) {
            use crate::encoding::Encoding::{Binary, EightBit};
            let may_have_8bit = matches!(part.encoding, EightBit | Binary);
            part.damage |= if may_have_8bit { seen.without(Damage::EIGHT_BIT_BODY) } else { seen };
        }
    }
}
