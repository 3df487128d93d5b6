//! `STARTTLS` (RFC 3207).

use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::session::{Session, State};

impl Session {
    /// Agrees to TLS, and forgets the client and whatever it sent behind the command: text that an
    /// attacker put in front of the handshake must not be taken for the client's (RFC 3207 4.2 and
    /// 6, CVE-2011-0411).
    pub(super) fn starttls(
        &mut self,
        args: &str,
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        let refusal = match &self.state {
            _ if !args.is_empty() => Reply::NO_ARGUMENTS,
            _ if self.tls.is_some() => Reply::TLS_ACTIVE,
            _ if !self.offers_starttls() => Reply::TLS_UNAVAILABLE,
            State::Greeted | State::Ready(_) => {
                let discarded = input.len();
                *input = &[];
                self.state = State::StartTls;
                Reply::STARTTLS_READY.write(out);
                return Some(Event::StartTls { discarded });
            }
            State::BetweenChunks(..) => Reply::IN_CHUNKS,
            _ => Reply::BAD_SEQUENCE,
        };
        self.refuse_command(&refusal, out)
    }
}
