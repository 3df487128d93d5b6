//! One SMTP server session: its states, the loop over the input, deadlines, and the driver's
//! answers.
//!
//! How a driver runs it, in short:
//!
//! ```text
//! session.greet(&mut out);
//! loop {
//!     let mut input = &buffer[..];
//!     match session.receive(&mut input, &mut out, clock.now()) {
//!         Event::Read => { write out; drop what was consumed; read on until session.deadline() }
//!         Event::CheckRecipient(r) => { ask; session.recipient_checked(Ok(()), &mut out) }
//!         ...
//!     }
//! }
//! ```
//!
//! Invariants
//! * A state holds what is known in it and nothing else: after STARTTLS the client's name and login
//!   are not "cleared", they are gone with the state that held them (RFC 3207 4.2).
//! * Every command gets exactly one reply, in order.
//! * An answer to a question that is not open changes nothing.

mod answers;
mod line;
mod state;

pub(crate) use state::{Client, Incoming, State, Transaction};

use super::config::Config;
use super::envelope::Hello;
use super::event::{CloseReason, Event};
use super::reply::Reply;
use super::transfer::Found;
use crate::sasl::Identity;
use crate::tls::TlsInfo;
use posthorn_base::{Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// One connection's SMTP session, seen from the server.
#[derive(Debug)]
pub struct Session {
    pub(crate) config: Arc<Config>,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) state: State,
    /// Events that go before everything else.
    pub(crate) pending: VecDeque<Event<'static>>,
    /// The time of the last call that brought it.
    pub(crate) now: Time,
    began: Time,
    idle_since: Time,
    /// The last event was a question.
    was_asking: bool,
    /// Bytes of the unfinished line that have no LF, so that they are searched once.
    searched: usize,
    /// Within a line that is too long; true after a CR.
    skipping: Option<bool>,
    errors: u32,
    refused_recipients: u32,
    pub(crate) login_failures: u32,
    pub(crate) messages: u32,
    is_draining: bool,
    early_talk: bool,
}

impl Session {
    /// A session on a connection that was just accepted; with `tls` when TLS came first (port 465).
    /// It says nothing until [`greet`](Self::greet) or [`refuse`](Self::refuse).
    pub fn new(config: Arc<Config>, tls: Option<TlsInfo>, now: Time) -> Session {
        Session {
            config,
            tls,
            state: State::Connected,
            pending: VecDeque::new(),
            now,
            began: now,
            idle_since: now,
            was_asking: false,
            searched: 0,
            skipping: None,
            errors: 0,
            refused_recipients: 0,
            login_failures: 0,
            messages: 0,
            is_draining: false,
            early_talk: false,
        }
    }

    // ---- what the driver can see -------------------------------------------------------------

    /// The client's name, once EHLO or HELO gave one.
    pub fn hello(&self) -> Option<&Hello> {
        self.client().map(|client| &client.hello)
    }
    /// Who has logged in.
    pub fn login(&self) -> Option<&Identity> {
        self.client().and_then(|client| client.login.as_ref())
    }
    /// The TLS layer, when there is one.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }
    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn client(&self) -> Option<&Client> {
        self.state.client()
    }

    /// When to call [`timed_out`](Self::timed_out). `None` while the driver owes an answer, and at
    /// the end.
    ///
    /// An unfinished line does not count as activity, so commands cannot be dripped in; a message
    /// has [`limits::SMTP_DATA_TOTAL_MAX`] in all.
    pub fn deadline(&self) -> Option<Time> {
        let idle = self.idle_since + self.config.idle_max;
        match &self.state {
            State::Closed(_) => None,
            state if state.is_asking() => None,
            State::Data(incoming, _)
            | State::Chunk(incoming, _, _)
            | State::BetweenChunks(incoming, _) => Some(idle.min(incoming.until)),
            _ => Some(idle.min(self.began + limits::SMTP_CONNECTION_TOTAL_MAX)),
        }
    }

    // ---- what the driver does on its own account -----------------------------------------------

    /// Sends the greeting (RFC 5321 3.1).
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, State::Connected) {
            self.state = State::Greeted;
            let text = format!("{} ESMTP Posthorn", self.config.hostname.ascii());
            Reply::bare(220, text).write(out);
        }
    }

    /// Refuses the client in the greeting's place. A 421 closes at once; after a 554 the client is
    /// owed the chance to say QUIT (RFC 5321 3.1).
    pub fn refuse(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        if matches!(self.state, State::Connected) {
            reply.write(out);
            self.state = match reply.code() {
                421 => State::Closed(CloseReason::Refused),
                _ => State::Refused,
            };
        }
    }

    /// The time of [`deadline`](Self::deadline) has come. Closes the session when it really has.
    pub fn timed_out(&mut self, out: &mut Vec<u8>, now: Time) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            // In the middle of a handshake there is nobody who could read it.
            if !matches!(self.state, State::StartTls) {
                Reply::TIMEOUT.write(out);
            }
            self.state = State::Closed(CloseReason::Timeout);
        }
    }

    /// Ends the session as soon as no message is open, with a 421 (RFC 5321 3.8). Call
    /// [`receive`](Self::receive) afterwards: it closes at once when the session is between
    /// messages.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// The handshake that [`Event::StartTls`] asked for has succeeded. The session begins anew,
    /// without a greeting (RFC 3207 4.2).
    pub fn tls_started(&mut self, tls: TlsInfo, now: Time) {
        if matches!(self.state, State::StartTls) {
            self.tls = Some(tls);
            self.state = State::Greeted;
            self.idle_since = now;
        }
    }

    // ---- the loop ------------------------------------------------------------------------------

    /// Takes what it can use from the front of `input`, appends replies to `out`, and returns what
    /// the driver must do next.
    ///
    /// After [`Event::Read`] less than [`limits::SMTP_LINE_BYTES_MAX`] bytes are left in `input`;
    /// the driver keeps them and appends what it reads.
    pub fn receive<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>, now: Time) -> Event<'a> {
        self.now = now;
        // However long the driver took to answer, the client is not to blame for it.
        if std::mem::take(&mut self.was_asking) && !self.state.is_asking() {
            self.idle_since = now;
        }
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            let is_between =
                matches!(self.state, State::Refused | State::Greeted | State::Ready(_));
            if self.is_draining && is_between {
                Reply::SHUTDOWN.write(out);
                self.state = State::Closed(CloseReason::Shutdown);
            }
            let before = input.len();
            let event = match &mut self.state {
                State::SenderAsked(..)
                | State::RecipientAsked(..)
                | State::DataAsked(_)
                | State::ChunkAsked(..)
                | State::DeliveryAsked(_)
                | State::AuthAsked(..)
                | State::StartTls => Some(Event::Wait),
                State::Closed(reason) => Some(Event::Close(*reason)),
                State::Connected => self.early(input, out),
                State::Data(..) => self.take_data(input, out),
                State::Chunk(..) => self.take_chunk(input, out),
                State::Discard(..) => self.discard(input, out),
                State::Refused
                | State::Greeted
                | State::Ready(_)
                | State::Mail(..)
                | State::BetweenChunks(..)
                | State::AuthLine(..) => self.take_line(input, out),
            };
            if input.len() < before {
                self.idle_since = now;
            }
            if let Some(event) = event {
                self.was_asking = self.state.is_asking();
                return event;
            }
        }
    }

    /// The client may not speak before the greeting (RFC 5321 4.3.1). Those who do are mostly
    /// programs that don't read replies at all.
    fn early(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<Event<'static>> {
        if input.is_empty() || self.early_talk {
            return Some(Event::Read);
        }
        self.early_talk = true;
        if self.config.early_talkers_refused {
            self.refuse(&Reply::EARLY_TALK, out);
        }
        Some(Event::EarlyTalk)
    }

    fn take_data<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Option<Event<'a>> {
        let State::Data(incoming, dotted) = &mut self.state else { return None };
        match dotted.next(input) {
            Found::More => Some(Event::Read),
            Found::Text(text) => incoming.text(text, self.config.message_bytes_max),
            Found::Bare => incoming.bare(),
            Found::End => {
                let State::Data(incoming, _) = std::mem::take(&mut self.state) else { return None };
                self.data_complete(*incoming, out)
            }
        }
    }

    /// The last byte of a message has come.
    pub(crate) fn data_complete(
        &mut self,
        incoming: Incoming,
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        match incoming.fault {
            None => {
                self.state = State::DeliveryAsked(incoming.client);
                Some(Event::DataEnd { size: incoming.size })
            }
            Some(reply) => {
                self.state = State::Ready(incoming.client);
                self.fail(&reply, out);
                None
            }
        }
    }

    fn discard(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Option<Event<'static>> {
        let State::Discard(left, ..) = &mut self.state else { return None };
        let have = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
        *left -= have as u64;
        *input = input.get(have..).unwrap_or_default();
        if *left > 0 {
            return Some(Event::Read);
        }
        if let State::Discard(_, reply, next) = std::mem::take(&mut self.state) {
            self.state = *next;
            self.fail(&reply, out);
        }
        None
    }

    // ---- replies and errors --------------------------------------------------------------------

    /// Writes a refusal and counts it.
    pub(crate) fn fail(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        reply.write(out);
        if !reply.is_permanent() {
            return;
        }
        self.errors = self.errors.saturating_add(1);
        self.punish(self.errors, self.config.errors_max, limits::SMTP_ERRORS_FREE, out);
    }

    /// Writes the refusal of a recipient. These are counted by themselves: one message to a list
    /// may meet dozens of dead addresses, and closing then would keep it from the living ones for
    /// ever.
    pub(crate) fn fail_recipient(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        reply.write(out);
        self.refused_recipients = self.refused_recipients.saturating_add(1);
        self.punish(
            self.refused_recipients,
            limits::SMTP_REFUSED_RECIPIENTS_MAX,
            limits::SMTP_ERRORS_FREE,
            out,
        );
    }

    fn punish(&mut self, count: u32, max: u32, free: u32, out: &mut Vec<u8>) {
        if count >= max {
            Reply::TOO_MANY_ERRORS.write(out);
            self.state = State::Closed(CloseReason::Errors);
        } else if count > free {
            self.delay(1);
        }
    }

    pub(crate) fn delay(&mut self, times: u32) {
        let wait = self.config.tarpit.saturating_mul(times);
        if wait > Duration::ZERO {
            self.pending.push_back(Event::Delay(wait));
        }
    }
}
