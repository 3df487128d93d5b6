//! The data of a message on its way in: finding its end, undoing dot-stuffing, and watching its
//! line endings (RFC 5321 4.1.1.4, 4.5.2 and 2.3.8; RFC 3030 for chunks).
//!
//! Only CR LF ends a line, and only CR LF `.` CR LF ends the data. Servers that took less for an
//! end (LF `.` LF, CR LF `.` CR CR LF ...) and servers that passed such bytes on made it possible
//! to hide a second message, envelope and all, in the data of a first. We take a bare CR or LF for
//! neither: the message is read to its true end and refused.
//!
//! A NUL is a byte like any other here, and never an end. So is the line's length: RFC 5321
//! 4.5.3.1.6 obliges a server to take 1000 octets and lets it take more. Nothing here keeps a line
//! in memory, so a long one costs nothing; refusing it would lose mail that every other server
//! takes. The bound is the message's size.
//!
//! Invariants
//! * What is returned as text is a piece of the input; nothing is copied.
//! * The pieces do not depend on how the input was cut, once they are put together.

use memchr::memchr2;

/// Where in the lines of the data we stand: what the last bytes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// At the start of a line: nothing yet, or CR LF.
    LineStart,
    /// After the `.` that begins a line. It is stuffing or the beginning of the end, and not passed
    /// on.
    Dot,
    /// After CR at the end of a line that has only the `.` so far. The CR is not passed on.
    DotCr,
    /// Within a line.
    Text,
    /// After a CR that belongs to the text.
    Cr,
}

/// What the scanner found at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// Bytes of the message, never none.
    Text(&'a [u8]),
    /// A bare CR or LF. Nothing more of this message matters but its end.
    Bare,
    /// The end of the data.
    End,
    /// The input is used up.
    More,
}

/// Scans data that ends with CR LF `.` CR LF.
#[derive(Debug)]
pub(crate) struct Dotted {
    position: Position,
}

impl Dotted {
    pub(crate) fn new() -> Dotted {
        // RFC 5321 4.1.1.4: the CR LF of the DATA command itself begins the first line.
        Dotted { position: Position::LineStart }
    }

    /// Takes from the front of the input what it returns.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Found<'a> {
        loop {
            let Some((&byte, rest)) = input.split_first() else { return Found::More };
            match (self.position, byte) {
                (Position::LineStart, b'.') => self.position = Position::Dot,
                (Position::Dot, b'\r') => self.position = Position::DotCr,
                (Position::DotCr, b'\n') => {
                    *input = rest;
                    return Found::End;
                }
                (Position::DotCr, b'\r') => return self.bare(input, rest, Position::Cr),
                // The byte after the CR is looked at again, as text.
                (Position::DotCr, _) => {
                    self.position = Position::Text;
                    return Found::Bare;
                }
                (Position::LineStart | Position::Dot | Position::Text | Position::Cr, _) => {
                    return match scan(input, &mut self.position, true) {
                        Found::More => continue,
                        found => found,
                    };
                }
            }
            *input = rest;
        }
    }

    fn bare<'a>(&mut self, input: &mut &'a [u8], rest: &'a [u8], to: Position) -> Found<'a> {
        *input = rest;
        self.position = to;
        Found::Bare
    }
}

/// Scans data that comes in chunks of known size: only the line endings matter.
#[derive(Debug)]
pub(crate) struct Chunked {
    position: Position,
}

impl Chunked {
    pub(crate) fn new() -> Chunked {
        Chunked { position: Position::LineStart }
    }

    /// Takes from the front of the input, which is data to its end, what it returns.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Found<'a> {
        scan(input, &mut self.position, false)
    }

    /// True when the last byte was a CR: at the end of the message, a bare one.
    pub(crate) fn ends_in_cr(&self) -> bool {
        self.position == Position::Cr
    }
}

/// Scans text from any position that is not behind a line's first dot and CR. Stops before the
/// first dot that begins a line, when `dots` matter; at a bare CR or LF; else at the end of the
/// input.
fn scan<'a>(input: &mut &'a [u8], position: &mut Position, dots: bool) -> Found<'a> {
    // The LF that ends a line belongs to it even when the CR was in the input before.
    let start = match (*position, input.first()) {
        (_, None) => return Found::More,
        (Position::Cr, Some(b'\n')) => {
            *position = Position::LineStart;
            1
        }
        (Position::Cr, Some(_)) => {
            *position = Position::Text;
            return Found::Bare;
        }
        (_, Some(b'\n')) => {
            *input = input.get(1..).unwrap_or_default();
            *position = Position::Text;
            return Found::Bare;
        }
        (_, Some(_)) => 0,
    };
    let at_line_start = start == 1;
    let (end, found) = match dots && at_line_start && input.get(1) == Some(&b'.') {
        true => (1, Position::LineStart),
        false => lines(input, start, dots, *position),
    };
    *position = found;
    let (text, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
    *input = rest;
    if text.is_empty() { Found::More } else { Found::Text(text) }
}

/// The hot loop: how far from `start` the text is good, and where in a line it stops. One search
/// per line, for whichever of CR and LF comes first.
fn lines(input: &[u8], start: usize, dots: bool, before: Position) -> (usize, Position) {
    let mut at = start;
    let mut position = before;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        let Some(found) = memchr2(b'\r', b'\n', rest) else {
            return match rest.is_empty() {
                true => (at, position),
                false => (input.len(), Position::Text),
            };
        };
        let mark = at + found;
        if rest.get(found) == Some(&b'\n') {
            // Bare: the next call sees it at the front. (At the front it cannot be here.)
            return (mark, Position::Text);
        }
        match (input.get(mark + 1), input.get(mark + 2)) {
            (None, _) => return (mark + 1, Position::Cr),
            // Bare: the next call sees what follows the CR.
            (Some(byte), _) if *byte != b'\n' => return (mark + 1, Position::Cr),
            (Some(_), Some(b'.')) if dots => return (mark + 2, Position::LineStart),
            (Some(_), _) => (at, position) = (mark + 2, Position::LineStart),
        }
    }
}
