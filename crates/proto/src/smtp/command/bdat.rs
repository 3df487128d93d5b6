//! `BDAT size [LAST]` and its octets (RFC 3030 2).
//!
//! The octets follow the command whatever we think of it, so every refusal reads them first. Only
//! when the size cannot be read is there nothing left but to close: what came next, commands or
//! data, would be a guess.

use crate::smtp::event::{CloseReason, Event};
use crate::smtp::parameter::number;
use crate::smtp::reply::Reply;
use crate::smtp::session::{Incoming, Session, State};
use crate::smtp::transfer::{Chunked, Found};

/// One chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Its octets.
    pub(crate) size: u64,
    /// Those that have not come yet.
    pub(crate) left: u64,
    /// The message ends with it.
    pub(crate) is_last: bool,
}

fn parse(args: &str) -> Option<Chunk> {
    let mut words = args.split(' ').filter(|word| !word.is_empty());
    let size = number(words.next()?).ok()?;
    let is_last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Chunk { size, left: size, is_last })
}

impl Session {
    /// Takes the command; the octets come next.
    pub(super) fn bdat(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let Some(chunk) = parse(args) else {
            Reply::BAD_CHUNK_SIZE.write(out);
            self.state = State::Closed(CloseReason::ChunkSize);
            return None;
        };
        let (refusal, state) = match std::mem::take(&mut self.state) {
            State::BetweenChunks(incoming, chunked) => {
                self.state = State::Chunk(incoming, chunked, chunk);
                return None;
            }
            State::Mail(client, transaction) => match transaction.no_recipients() {
                Some(reply) => (reply, State::Mail(client, transaction)),
                None => {
                    let (incoming, envelope) = self.begin_data(client, *transaction);
                    self.state = State::ChunkAsked(Box::new(incoming), chunk);
                    return Some(Event::DataBegin(envelope));
                }
            },
            State::Greeted => (Reply::HELLO_FIRST, State::Greeted),
            other => (Reply::MAIL_FIRST, other),
        };
        self.state = State::Discard(chunk.left, refusal, Box::new(state));
        None
    }

    /// Takes octets of the open chunk from the input.
    pub(crate) fn take_chunk<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        let State::Chunk(incoming, chunked, chunk) = &mut self.state else { return None };
        if chunk.left == 0 {
            return self.chunk_complete(out);
        }
        let have = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(input.len());
        let mut octets = input.get(..have).unwrap_or_default();
        let found = match incoming.is_binary {
            false => chunked.next(&mut octets),
            true if octets.is_empty() => Found::More,
            true => Found::Text(std::mem::take(&mut octets)),
        };
        let taken = have - octets.len();
        chunk.left -= taken as u64;
        *input = input.get(taken..).unwrap_or_default();
        match found {
            Found::More => Some(Event::Read),
            Found::Text(text) => incoming.text(text, self.config.message_bytes_max),
            Found::Bare => incoming.bare(),
            // Chunks have no such thing.
            Found::End => None,
        }
    }

    fn chunk_complete(&mut self, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let State::Chunk(mut incoming, chunked, chunk) = std::mem::take(&mut self.state) else {
            return None;
        };
        let ends_in_cr = chunk.is_last && !incoming.is_binary && chunked.ends_in_cr();
        if ends_in_cr && let Some(event) = incoming.bare() {
            self.state = State::Chunk(incoming, chunked, chunk);
            return Some(event);
        }
        // RFC 3030 2: a chunk that fails ends the message; those that were on their way get 503.
        if chunk.is_last || incoming.fault.is_some() {
            return self.data_complete(*incoming, out);
        }
        self.state = State::BetweenChunks(incoming, chunked);
        Reply::OK.with_text(format!("{} octets received", chunk.size)).write(out);
        None
    }
}

impl Chunk {
    /// The state in which its octets are awaited.
    pub(crate) fn begin(self, incoming: Box<Incoming>) -> State {
        State::Chunk(incoming, Chunked::new(), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let chunk = |size, is_last| Some(Chunk { size, left: size, is_last });
        assert_eq!(parse("0"), chunk(0, false));
        assert_eq!(parse("10 LAST"), chunk(10, true));
        assert_eq!(parse("10  last"), chunk(10, true));
        assert_eq!(parse("18446744073709551615"), chunk(u64::MAX, false));
        for bad in ["", "LAST", "-1", "1.5", "18446744073709551616", "10 LAS", "10 LAST x", "1x"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
