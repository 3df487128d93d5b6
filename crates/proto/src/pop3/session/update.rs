//! Messages on their way out, and their deletion at the end.

use super::{Session, State};
use crate::pop3::event::{CloseReason, Feed, RetrieveError};
use crate::pop3::outgoing::Outgoing;
use crate::pop3::response::{self, Code, Refusal};
use posthorn_base::{Time, limits};

impl Session {
    /// A piece of the message that [`Event::Retrieve`](crate::pop3::Event::Retrieve) asked for, of
    /// any size: what comes out is a little larger, so pieces of some 16 KiB keep the buffers
    /// small.
    pub fn message(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Feed {
        let State::Retrieving(_, outgoing) = &mut self.state else {
            self.not_asked_now();
            return Feed::Enough;
        };
        announce(outgoing, out);
        if outgoing.write(chunk, out) {
            self.end_reply(out);
            Feed::Enough
        } else if out.len() >= limits::POP3_OUTPUT_BYTES_MAX {
            Feed::Flush
        } else {
            Feed::More
        }
    }

    /// The message is complete.
    pub fn message_end(&mut self, out: &mut Vec<u8>, now: Time) {
        self.idle_since = now;
        match &mut self.state {
            State::Retrieving(_, outgoing) => {
                announce(outgoing, out);
                self.end_reply(out);
            }
            _ => self.not_asked_now(),
        }
    }

    /// The message cannot be read, or not to its end. When some of it was sent already, there is no
    /// way to say so but to close without the final dot.
    pub fn message_failed(&mut self, error: RetrieveError, out: &mut Vec<u8>, now: Time) {
        self.idle_since = now;
        match std::mem::take(&mut self.state) {
            State::Retrieving(transaction, Outgoing { announced: Some(_), .. }) => {
                self.state = State::Transaction(transaction);
                match error {
                    RetrieveError::Gone => Refusal::plain("the message was deleted elsewhere"),
                    RetrieveError::Temporary => {
                        Refusal::new(Code::SysTemp, "the message cannot be read now")
                    }
                }
                .write(out);
            }
            State::Retrieving(..) => self.state = State::Closed(CloseReason::Broken),
            other => self.not_asked(other),
        }
    }

    fn end_reply(&mut self, out: &mut Vec<u8>) {
        if let State::Retrieving(transaction, outgoing) = std::mem::take(&mut self.state) {
            outgoing.finish(out);
            self.state = State::Transaction(transaction);
        }
    }

    /// Answers [`Event::Commit`](crate::pop3::Event::Commit): true when the messages are deleted,
    /// durably.
    pub fn committed(&mut self, is_done: bool, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::CommitAsked { left } if is_done => self.goodbye(left, out),
            State::CommitAsked { .. } => {
                // RFC 1939 6: QUIT closes in any case.
                Refusal::new(Code::SysTemp, "some deleted messages not removed").write(out);
                self.state = State::Closed(CloseReason::Quit);
            }
            other => self.not_asked(other),
        }
    }
}

/// Writes the reply's first line, once.
fn announce(outgoing: &mut Outgoing, out: &mut Vec<u8>) {
    match outgoing.announced.take() {
        Some(_) if outgoing.is_top() => response::ok(out, format_args!("top of message follows")),
        Some(octets) => response::ok(out, format_args!("{octets} octets")),
        None => {}
    }
}
