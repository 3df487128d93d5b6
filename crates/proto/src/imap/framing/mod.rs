//! Framing: where a command ends, from its lines and literals alone (RFC 3501 4.3, RFC 7888).
//!
//! A line that ends in `{N}` or `{N+}` goes on with N octets, whatever stands in front of it: a
//! quoted string cannot hold the end of a line, so the announcement is one even when the command
//! makes no sense. What becomes of a literal the session decides: it is kept with its command,
//! streamed (APPEND's message), or refused.
//!
//! Invariants
//! * No octet of a literal is ever taken for a line. After a refused non-synchronizing literal its
//!   octets are dropped, and so is all that belongs to the same command.
//! * A synchronizing literal's octets come only after [`Framing::accept`] or [`Framing::stream`];
//!   after [`Framing::refuse`] the command is over, for the client never sends them.
//! * A command that is kept is at most as long as the session allows; nothing is kept of what is
//!   dropped but the first octets, for the tag.

mod announcement;

use announcement::{announcement, is_cut_announcement};
use memchr::memchr;
use posthorn_base::limits;

pub(super) use announcement::Announcement;

/// Octets at the end of a line that is not kept, in which an announcement is looked for: braces,
/// 20 digits (more than a number can have, but for zeros in front), a plus.
const TAIL_BYTES: usize = 24;

/// What is being read.
#[derive(Debug, Default)]
enum Mode {
    /// A line of a command.
    #[default]
    Line,
    /// The session decides about the literal that was announced.
    Asked(Announcement),
    /// A literal that is kept.
    Literal { left: u64 },
    /// A literal that is handed on.
    Stream { left: u64 },
    /// Lines and literals of a command that is dropped. `tail`: the end of the line so far.
    SkipLine { tail: Vec<u8> },
    /// A literal of such a command.
    SkipLiteral { left: u64 },
}

/// What was found at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// More input is needed.
    More,
    /// The command goes on with a literal; [`Framing::text`] is what there is of it. Decide.
    Literal(Announcement),
    /// The command is whole; see [`Framing::take`].
    Command,
    /// The end of a command that was dropped.
    Dropped,
    /// A line is too long; it is dropped from now on, and [`Found::Dropped`] comes at its end.
    TooLong,
    /// A line that a bare LF ended: where commands begin is no longer sure.
    BareLf,
    /// More was dropped than is worth reading.
    Endless,
    /// Octets of a literal that is streamed.
    Data(&'a [u8]),
    /// Its last octet has been handed on; the command's line goes on.
    DataEnd,
}

/// What follows a literal that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The next command: the client waits for our word.
    Over,
    /// Octets that are dropped; [`Found::Dropped`] comes at their end.
    Dropping,
    /// More octets than are worth reading.
    Endless,
}

/// The framing of one connection.
#[derive(Debug, Default)]
pub(super) struct Framing {
    mode: Mode,
    /// The command so far, literals in their places.
    text: Vec<u8>,
    /// Octets that were dropped in a row.
    dropped: u64,
}

impl Framing {
    /// True between two commands.
    pub(super) fn is_at_start(&self) -> bool {
        matches!(self.mode, Mode::Line) && self.text.is_empty()
    }

    /// The command so far. After [`Found::Literal`] it ends with the announcement.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The whole command; the next one begins.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.dropped = 0;
        std::mem::take(&mut self.text)
    }

    /// True when a literal was announced and its octets come only after our word.
    pub(super) fn awaits_word(&self) -> bool {
        matches!(&self.mode, Mode::Asked(announcement) if announcement.is_synchronizing)
    }

    /// Keeps the announced literal with its command.
    pub(super) fn accept(&mut self) {
        if let Mode::Asked(announcement) = &self.mode {
            self.text.extend_from_slice(b"\r\n");
            self.mode = Mode::Literal { left: announcement.octets };
        }
    }

    /// Hands the announced literal on. What was kept of the command is forgotten.
    pub(super) fn stream(&mut self) {
        if let Mode::Asked(announcement) = &self.mode {
            self.mode = Mode::Stream { left: announcement.octets };
            self.text = Vec::new();
        }
    }

    /// Refuses the announced literal, or drops what is left of one that is streamed.
    pub(super) fn refuse(&mut self) -> Refused {
        match self.mode {
            Mode::Asked(Announcement { is_synchronizing: true, .. }) => {
                *self = Framing::default();
                Refused::Over
            }
            Mode::Asked(Announcement { octets: left, .. }) | Mode::Stream { left } => {
                self.mode = Mode::SkipLiteral { left };
                self.text = Vec::new();
                if left > limits::IMAP_SKIPPED_LITERAL_BYTES_MAX {
                    Refused::Endless
                } else {
                    Refused::Dropping
                }
            }
            _ => Refused::Over,
        }
    }

    /// Looks at the front of the input, and takes off what it has understood. A line may be `most`
    /// octets long, together with what is kept of its command.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8], most: usize) -> Found<'a> {
        loop {
            match &mut self.mode {
                Mode::Asked(announcement) => return Found::Literal(*announcement),
                Mode::Literal { left } => {
                    let taken = take(input, left);
                    self.text.extend_from_slice(taken);
                    if *left > 0 {
                        return Found::More;
                    }
                    self.mode = Mode::Line;
                }
                Mode::Stream { left } => {
                    let taken = take(input, left);
                    if !taken.is_empty() {
                        return Found::Data(taken);
                    }
                    if *left > 0 {
                        return Found::More;
                    }
                    self.mode = Mode::Line;
                    return Found::DataEnd;
                }
                Mode::SkipLiteral { left } => {
                    self.dropped = self.dropped.saturating_add(take(input, left).len() as u64);
                    let is_more = *left > 0;
                    if self.is_endless() {
                        return Found::Endless;
                    }
                    if is_more {
                        return Found::More;
                    }
                    self.mode = Mode::SkipLine { tail: Vec::new() };
                }
                Mode::SkipLine { .. } => {
                    if let Some(found) = self.skip_line(input) {
                        return found;
                    }
                }
                Mode::Line => return self.line(input, most),
            }
        }
    }

    fn is_endless(&self) -> bool {
        self.dropped > limits::IMAP_SKIPPED_LITERAL_BYTES_MAX
    }

    /// A line of a command that is kept.
    fn line<'a>(&mut self, input: &mut &'a [u8], most: usize) -> Found<'a> {
        let room = most.saturating_sub(self.text.len());
        let window = input.get(..room.min(input.len())).unwrap_or_default();
        let Some(at) = memchr(b'\n', window) else {
            self.text.extend_from_slice(window);
            let is_full = window.len() == room;
            *input = input.get(window.len()..).unwrap_or_default();
            if is_full {
                let tail = self.text.len().saturating_sub(TAIL_BYTES);
                let tail = self.text.get(tail..).unwrap_or_default().to_vec();
                self.mode = Mode::SkipLine { tail };
                return Found::TooLong;
            }
            return Found::More;
        };
        let (line, rest) = input.split_at_checked(at + 1).unwrap_or((input, &[]));
        *input = rest;
        self.text.extend_from_slice(line);
        if !self.text.ends_with(b"\r\n") {
            return Found::BareLf;
        }
        self.text.truncate(self.text.len().saturating_sub(2));
        match announcement(&self.text) {
            Some(announcement) => {
                self.mode = Mode::Asked(announcement);
                Found::Literal(announcement)
            }
            None => Found::Command,
        }
    }

    /// A line of a command that is dropped. Its literals are dropped with it; a synchronizing one
    /// ends it, for the client waits for our word. `None`: a literal follows.
    fn skip_line(&mut self, input: &mut &[u8]) -> Option<Found<'static>> {
        let Mode::SkipLine { tail } = &mut self.mode else { return None };
        let line = match memchr(b'\n', input) {
            Some(at) => input.get(..=at).unwrap_or(input),
            None => input,
        };
        *input = input.get(line.len()..).unwrap_or_default();
        self.dropped = self.dropped.saturating_add(line.len() as u64);
        let new = line.get(line.len().saturating_sub(TAIL_BYTES + 2)..).unwrap_or_default();
        tail.extend_from_slice(new);
        let surplus = tail.len().saturating_sub(TAIL_BYTES + 2);
        tail.drain(..surplus);
        if self.dropped > limits::IMAP_SKIPPED_LITERAL_BYTES_MAX {
            return Some(Found::Endless);
        }
        if !tail.ends_with(b"\n") {
            return Some(Found::More);
        }
        let Some(line) = tail.strip_suffix(b"\r\n") else { return Some(Found::BareLf) };
        match announcement(line) {
            Some(Announcement { octets, is_synchronizing: false }) => {
                self.mode = Mode::SkipLiteral { left: octets };
                None
            }
            // Zeros in front of a number may push its brace out of what we keep of the line. Nobody
            // writes such a thing; but were it an announcement, its octets must not be commands.
            None if is_cut_announcement(line) => Some(Found::Endless),
            _ => {
                *self = Framing::default();
                Some(Found::Dropped)
            }
        }
    }
}

/// Takes octets of a literal off the input.
fn take<'a>(input: &mut &'a [u8], left: &mut u64) -> &'a [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let (taken, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
    *input = rest;
    *left -= taken.len() as u64;
    taken
}

#[cfg(test)]
mod tests;
