//! Command lines: finding their ends, and surviving those that have none.

use super::{Session, State};
use crate::confusion::is_http;
use crate::smtp::event::{CloseReason, Event};
use crate::smtp::reply::Reply;
use memchr::memchr;
use posthorn_base::limits;

/// A command line, or what came instead of one.
enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
    BareLf(&'a [u8]),
}

impl Session {
    pub(super) fn take_line<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        if out.len() >= limits::SMTP_OUTPUT_BYTES_MAX {
            return Some(Event::Flush);
        }
        // A TLS record begins with 22, which no command does.
        if self.tls.is_none() && self.skipping.is_none() && input.first() == Some(&22) {
            self.state = State::Closed(CloseReason::UnexpectedTls);
            return None;
        }
        match self.next_line(input) {
            None => Some(Event::Read),
            Some(Line::Whole(line)) => match std::mem::take(&mut self.state) {
                State::AuthLine(client, exchange) => self.auth_line(client, exchange, line, out),
                state => {
                    self.state = state;
                    self.command(line, input, out)
                }
            },
            Some(Line::TooLong) => {
                self.leave_auth();
                self.fail(&Reply::LINE_TOO_LONG, out);
                None
            }
            Some(Line::BareLf(line)) => {
                let (reply, reason) = match is_http(line) {
                    true => (Reply::NOT_HTTP, CloseReason::Http),
                    false => (Reply::BARE_LF, CloseReason::BareLf),
                };
                reply.write(out);
                self.state = State::Closed(reason);
                None
            }
        }
    }

    /// Takes a line from the input, when it is there. A line that is too long is taken as it comes,
    /// so that nobody has to keep it.
    fn next_line<'a>(&mut self, input: &mut &'a [u8]) -> Option<Line<'a>> {
        let bytes = *input;
        let found = memchr(b'\n', bytes.get(self.searched..).unwrap_or_default());
        let Some(found) = found else {
            if bytes.len() >= limits::SMTP_LINE_BYTES_MAX || self.skipping.is_some() {
                if let Some(last) = bytes.last() {
                    self.skipping = Some(*last == b'\r');
                }
                (*input, self.searched) = (&[], 0);
            } else {
                self.searched = bytes.len();
            }
            return None;
        };
        let end = self.searched + found + 1;
        let (line, rest) = bytes.split_at_checked(end)?;
        *input = rest;
        self.searched = 0;
        let skipped = self.skipping.take();
        let is_long = skipped.is_some() || line.len() > limits::SMTP_LINE_BYTES_MAX;
        let cr_before = skipped == Some(true) && line.len() == 1;
        match line.strip_suffix(b"\r\n") {
            // Of a line that is too long nothing is looked at: how much of it is here is chance.
            None if !cr_before && is_long => Some(Line::BareLf(&[])),
            None if !cr_before => Some(Line::BareLf(line)),
            _ if is_long => Some(Line::TooLong),
            Some(line) => Some(Line::Whole(line)),
            None => Some(Line::TooLong),
        }
    }
}
