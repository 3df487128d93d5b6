//! The commands, one file each, and how a line finds its command.
//!
//! A command is one method of [`Session`]: it gets what followed its name, and either writes one
//! reply or leaves the session with an open question. To add one, write its file and name it in
//! [`Session::command`].

mod auth;
pub(super) mod bdat;
mod data;
mod hello;
mod help;
mod mail;
mod noop;
mod quit;
mod rcpt;
mod rset;
mod starttls;
mod vrfy;

use super::event::{CloseReason, Event};
use super::reply::Reply;
use super::session::{Session, State};
use crate::confusion::is_http;

/// A command line as text: UTF-8 (RFC 6531 3.3) without control characters. White space at its end
/// is tolerated (RFC 5321 4.1.1).
fn text(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?.trim_end_matches([' ', '\t']);
    (!text.contains(char::is_control)).then_some(text)
}

impl Session {
    /// Carries out one command line (without its CR LF). `input` is what follows it.
    pub(super) fn command(
        &mut self,
        line: &[u8],
        input: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        if is_http(line) {
            Reply::NOT_HTTP.write(out);
            self.state = State::Closed(CloseReason::Http);
            return None;
        }
        let Some(text) = text(line) else {
            self.fail(&Reply::BAD_CHARACTERS, out);
            return None;
        };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim_start_matches(' ');
        let is = |name: &str| verb.eq_ignore_ascii_case(name);
        // RFC 5321 3.1: after a 554 greeting only QUIT gets anything but 503.
        if matches!(self.state, State::Refused) && !is("QUIT") {
            self.fail(&Reply::BAD_SEQUENCE, out);
            return None;
        }
        let event = match () {
            () if is("RCPT") => self.rcpt(rest, out),
            () if is("MAIL") => self.mail(rest, out),
            () if is("DATA") => self.data(rest, out),
            () if is("BDAT") => self.bdat(rest, out),
            () if is("EHLO") => self.greet_client(rest, true, out),
            () if is("HELO") => self.greet_client(rest, false, out),
            () if is("QUIT") => self.quit(rest, out),
            () if is("RSET") => self.rset(rest, out),
            () if is("NOOP") => self.noop(out),
            () if is("AUTH") => self.auth(rest, out),
            () if is("STARTTLS") => self.starttls(rest, input, out),
            () if is("VRFY") => self.vrfy(rest, out),
            () if is("HELP") => self.help(out),
            // RFC 5321 4.2.4: 502 for what is known but not offered, 500 for what is not known.
            // EXPN would give a list's members away; the others are obsolete.
            () if ["EXPN", "ETRN", "TURN", "SEND", "SOML", "SAML"].iter().any(|n| is(n)) => {
                self.refuse_command(&Reply::NOT_IMPLEMENTED, out)
            }
            () => self.refuse_command(&Reply::UNKNOWN_COMMAND, out),
        };
        // RFC 2920 3.2: the replies to all others are sent at once, even when commands follow.
        // (DATA's is written when its question has been answered; that comes before this event.)
        if !["RCPT", "MAIL", "BDAT", "RSET"].iter().any(|name| is(name)) {
            self.pending.push_back(Event::Flush);
        }
        event
    }

    /// Refuses a command and leaves everything else as it is.
    fn refuse_command(&mut self, reply: &Reply, out: &mut Vec<u8>) -> Option<Event<'static>> {
        self.fail(reply, out);
        None
    }

    /// Refuses a command in a state where it has no place.
    fn out_of_order(
        &mut self,
        state: State,
        reply: &Reply,
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        let reply = match &state {
            State::Greeted => &Reply::HELLO_FIRST,
            State::BetweenChunks(..) => &Reply::IN_CHUNKS,
            _ => reply,
        };
        self.state = state;
        self.refuse_command(reply, out)
    }

    /// Gives up the open transaction, if there is one, and returns to the state between messages.
    fn end_transaction(&mut self) {
        self.state = match std::mem::take(&mut self.state) {
            State::Mail(client, _) => {
                self.pending.push_back(Event::Abandon);
                State::Ready(client)
            }
            State::BetweenChunks(incoming, _) => {
                self.pending.push_back(Event::Abandon);
                State::Ready(incoming.client)
            }
            other => other,
        };
    }
}
