//! The push parser: chunks of a message in, its header and part map out.
//!
//! A message may be larger than memory, so its body passes through and is only counted. What is
//! held is the header section being read, the message's own header (which callers need whole), and
//! the map. Everything works line by line; of a line in a body, only one that may be a delimiter is
//! held back, and of that at most `DELIMITER_LINE_BYTES_MAX` octets.
//!
//! Invariants
//! * How the message is cut into chunks never changes the result.
//! * Memory is bounded by [`Limits`], whatever comes and however long it is.
//! * No recursion: open parts are a stack of at most [`Limits::depth`] entries.
//! * Nothing is refused. What is wrong is noted as [`Damage`].

mod body;
mod delimiter;
mod entity;
mod open;
mod scan;
mod section;

use crate::header::{Header, Summary, ThreadKeys};
use crate::part::{Damage, Part, PartMap};
use crate::structure::Envelope;
use memchr::memmem::Finder;
use open::Open;
use posthorn_base::limits;
use scan::Scan;

/// Octets of a line that is compared with boundaries. Longer lines can still begin with a
/// delimiter.
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

    /// About how much memory the parser holds: what a server counts against the budget of all its
    /// connections. Never more than the limits allow, however long the message is.
    pub fn memory_bytes(&self) -> usize {
        let texts = self.limits.text_bytes.saturating_sub(self.text_left);
        let sections = self.header.capacity() + self.section.capacity() + self.line.capacity();
        size_of::<Parser>() + texts + sections + self.parts.capacity() * size_of::<Part>()
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
}
