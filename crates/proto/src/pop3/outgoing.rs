//! The message that a RETR or TOP is sending.

use super::event::Part;
use super::stuffing::DotStuffer;
use memchr::memchr;

/// A message on its way to the client.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The first line of the reply, until it is sent with the first piece.
    pub(super) announced: Option<u32>,
    stuffer: DotStuffer,
    top: Option<Top>,
}

/// Where TOP stops.
#[derive(Debug)]
struct Top {
    /// `None` within the header; then the lines of the body that are still to come.
    body_lines_left: Option<u64>,
    lines: u64,
    line: LineSoFar,
}

/// Whether the present line of the header is an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineSoFar {
    Empty,
    Cr,
    Text,
}

impl Outgoing {
    pub(super) fn new(octets: u32, part: Part) -> Self {
        let top = match part {
            Part::Whole => None,
            Part::Top { lines } => {
                Some(Top { body_lines_left: None, lines, line: LineSoFar::Empty })
            }
        };
        Outgoing { announced: Some(octets), stuffer: DotStuffer::new(), top }
    }

    /// True for TOP.
    pub(super) fn is_top(&self) -> bool {
        self.top.is_some()
    }

    /// Writes as much of a piece as is wanted; true when nothing more is.
    pub(super) fn write(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(top) = &mut self.top else {
            self.stuffer.write(chunk, out);
            return false;
        };
        let (wanted, is_enough) = top.take(chunk);
        self.stuffer.write(wanted, out);
        is_enough
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) {
        self.stuffer.finish(out);
    }
}

impl Top {
    /// The part of a piece that belongs to the top, and whether that is all of it.
    fn take<'a>(&mut self, chunk: &'a [u8]) -> (&'a [u8], bool) {
        let mut taken = 0;
        loop {
            if self.body_lines_left == Some(0) {
                return (chunk.get(..taken).unwrap_or_default(), true);
            }
            let rest = chunk.get(taken..).unwrap_or_default();
            let Some(end) = memchr(b'\n', rest) else {
                self.line = self.line.after(rest);
                return (chunk, false);
            };
            taken += end + 1;
            let line = self.line.after(rest.get(..end).unwrap_or_default());
            self.line = LineSoFar::Empty;
            self.body_lines_left = match self.body_lines_left {
                // The empty line after the header is not counted (RFC 1939 7, TOP).
                None if line == LineSoFar::Text => None,
                None => Some(self.lines),
                Some(left) => Some(left.saturating_sub(1)),
            };
        }
    }
}

impl LineSoFar {
    fn after(self, bytes: &[u8]) -> LineSoFar {
        match (self, bytes) {
            (line, []) => line,
            (LineSoFar::Empty, [b'\r']) => LineSoFar::Cr,
            _ => LineSoFar::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tops() {
        #[track_caller]
        fn check(message: &str, lines: u64, want: &str) {
            for size in [message.len().max(1), 1, 2, 3] {
                let mut outgoing = Outgoing::new(0, Part::Top { lines });
                let mut out = Vec::new();
                for chunk in message.as_bytes().chunks(size) {
                    if outgoing.write(chunk, &mut out) {
                        break;
                    }
                }
                outgoing.finish(&mut out);
                let got = String::from_utf8(out).unwrap();
                assert_eq!(got, want, "{message:?}, {lines} lines, pieces of {size}");
            }
        }
        let message = "A: b\r\nC: d\r\n\r\none\r\n.two\r\n\r\nfour";
        check(message, 0, "A: b\r\nC: d\r\n\r\n.\r\n");
        check(message, 1, "A: b\r\nC: d\r\n\r\none\r\n.\r\n");
        check(message, 2, "A: b\r\nC: d\r\n\r\none\r\n..two\r\n.\r\n");
        check(message, 3, "A: b\r\nC: d\r\n\r\none\r\n..two\r\n\r\n.\r\n");
        check(message, 4, "A: b\r\nC: d\r\n\r\none\r\n..two\r\n\r\nfour\r\n.\r\n");
        check(message, u64::MAX, "A: b\r\nC: d\r\n\r\none\r\n..two\r\n\r\nfour\r\n.\r\n");
        check("A: b\n\none\ntwo\n", 1, "A: b\r\n\r\none\r\n.\r\n");
        check("\r\none\r\n", 0, "\r\n.\r\n");
        check("A: b\r\n", 0, "A: b\r\n.\r\n");
        check("A: b\r\n\rx\r\n\r\nbody\r\n", 0, "A: b\r\n\rx\r\n\r\n.\r\n");
        check("", 5, ".\r\n");
    }
}
