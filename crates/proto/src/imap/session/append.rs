//! Literals: APPEND's message is handed to the driver, others are kept or refused.

use super::{Arriving, Phase, Session, State};
use crate::imap::command::{self, Append, ParseError};
use crate::imap::event::{CloseReason, Event};
use crate::imap::framing::{Announcement, Refused};
use crate::imap::response::{self, Code, Completion};
use posthorn_base::Time;

impl Session {
    /// A command goes on with a literal.
    pub(super) fn literal(&mut self, announcement: Announcement, out: &mut Vec<u8>) {
        match &self.state {
            State::Ready => {}
            // Here MULTIAPPEND (RFC 3502) has its next message. We don't speak it.
            State::AppendTail(_) => {
                let refusal = Completion::bad("APPEND takes one message, and nothing behind it");
                return self.refuse_literal(refusal, out);
            }
            // RFC 2177 3, RFC 3501 6.2.2: neither IDLE nor AUTHENTICATE has literals.
            _ => {
                return self.bye("a literal cannot stand here", CloseReason::Errors, out);
            }
        }
        if let Some((tag, append)) = command::append_head(self.framing.text()) {
            return self.append(tag, append, announcement, out);
        }
        let room = self.command_bytes_max().saturating_sub(self.framing.text().len());
        if announcement.octets > room.min(self.literal_bytes_max()) as u64 {
            let refusal = Completion::bad("the literal is too large").with(Code::TooBig);
            return self.refuse_literal(refusal, out);
        }
        if announcement.is_synchronizing {
            response::continuation(out, "go on");
            self.pending.push_back(Event::Flush);
        }
        self.framing.accept();
    }

    fn append(
        &mut self,
        tag: command::Tag,
        append: Result<Append, ParseError>,
        announcement: Announcement,
        out: &mut Vec<u8>,
    ) {
        let refusal = if self.phase == Phase::NotAuthenticated {
            Completion::bad("log in first")
        } else if append.is_ok() && announcement.octets > self.config.message_bytes_max {
            // RFC 7889 4.
            Completion::no("the message is larger than APPENDLIMIT").with(Code::TooBig)
        } else {
            match append {
                Ok(append) => {
                    self.state = State::AppendAsked(tag);
                    self.pending.push_back(Event::AppendBegin(append));
                    return;
                }
                Err(error) => error.into_completion().1,
            }
        };
        self.refuse_literal(refusal, out);
    }

    /// Refuses the literal that was announced, and its command.
    fn refuse_literal(&mut self, refusal: Completion, out: &mut Vec<u8>) {
        let tag = match std::mem::take(&mut self.state) {
            State::AppendTail(tag) => {
                self.pending.push_back(Event::AppendAbandon);
                Some(tag)
            }
            State::AppendAsked(tag) | State::Appending(tag, _) => Some(tag),
            _ => command::tag_of(self.framing.text()),
        };
        match self.framing.refuse() {
            Refused::Over => {
                self.state = State::Ready;
                self.refuse(tag.as_ref(), &refusal, out);
            }
            Refused::Dropping => self.state = State::Dropping(tag, Box::new(refusal)),
            // RFC 7888 4: the second of its choices.
            Refused::Endless => {
                refusal.write(tag.as_ref(), out);
                self.bye("the literal is too large to be skipped", CloseReason::TooLong, out);
            }
        }
    }

    /// Answers [`Event::AppendBegin`].
    pub fn append_checked(
        &mut self,
        checked: Result<(), Completion>,
        out: &mut Vec<u8>,
        now: Time,
    ) {
        self.idle_since = now;
        match (std::mem::take(&mut self.state), checked) {
            (State::AppendAsked(tag), Ok(())) => {
                if self.framing.awaits_word() {
                    response::continuation(out, "go on");
                    self.pending.push_back(Event::Flush);
                }
                self.framing.stream();
                self.state = State::Appending(tag, Arriving::new(now));
            }
            (state @ State::AppendAsked(_), Err(refusal)) => {
                self.state = state;
                self.refuse_literal(refusal, out);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// The message of an APPEND cannot be taken, as was found while its octets come: the rest of
    /// them is dropped, and then the client is told. No other event of this APPEND follows.
    pub fn append_failed(&mut self, refusal: Completion, out: &mut Vec<u8>) {
        match &self.state {
            State::Appending(..) => self.refuse_literal(refusal, out),
            _ => debug_assert!(false, "no message is coming: {:?}", self.state),
        }
    }
}
