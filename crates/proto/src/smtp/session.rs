//! One SMTP server session: its states, the loop over the input, deadlines, and the driver's answers.
//!
//! How a driver runs it, in short:
//!
//! ```text
//! session.greet(&mut out);
//! loop {
//!     let mut input = &buffer[..];
//!     match session.receive(&mut input, &mut out, clock.now()) {
//!         Event::Read => { write out; drop what was consumed; read more, until session.deadline() }
//!         Event::CheckRecipient(r) => { ask the store; session.recipient_checked(Ok(()), &mut out) }
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

use super::command::bdat::Chunk;
use super::config::{Config, TlsInfo};
use super::envelope::{Envelope, Hello, Mail, Recipient};
use super::event::{CloseReason, DataFault, Event};
use super::reply::Reply;
use super::transfer::{Chunked, Dotted, Found};
use crate::sasl::{Exchange, Identity};
use memchr::memchr;
use posthorn_base::{ArrivalId, Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Whom we talk to, as far as EHLO and AUTH have told us.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) hello: Hello,
    pub(crate) login: Option<Identity>,
}

/// A message between MAIL and its data.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) envelope: Envelope,
    /// Memory that the recipients take.
    pub(crate) weight: usize,
    /// Some RCPT was refused.
    pub(crate) some_refused: bool,
}

/// A message whose data is coming.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) client: Box<Client>,
    pub(crate) is_binary: bool,
    /// Bytes so far, while there is no fault.
    pub(crate) size: u64,
    /// Why the message is refused when its end has come.
    pub(crate) fault: Option<Reply>,
    /// When it must have come.
    pub(crate) until: Time,
}

/// What the session is in the middle of.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Nothing was said yet.
    Connected,
    /// The greeting was a refusal: only QUIT is left (RFC 5321 3.1).
    Refused,
    /// No EHLO yet. Also what a state leaves behind while a command takes it apart.
    #[default]
    Greeted,
    /// After EHLO or HELO, between messages.
    Ready(Box<Client>),
    /// The driver looks at MAIL.
    SenderAsked(Box<Client>, Box<Mail>),
    /// RCPT or data may follow.
    Mail(Box<Client>, Box<Transaction>),
    /// The driver looks at RCPT.
    RecipientAsked(Box<Client>, Box<Transaction>, Recipient),
    /// The driver looks at DATA.
    DataAsked(Box<Incoming>),
    /// Data comes, up to CR LF `.` CR LF.
    Data(Box<Incoming>, Dotted),
    /// The driver looks at the first BDAT.
    ChunkAsked(Box<Incoming>, Chunk),
    /// The octets of a BDAT come.
    Chunk(Box<Incoming>, Chunked, Chunk),
    /// Another BDAT may follow.
    BetweenChunks(Box<Incoming>, Chunked),
    /// The octets of a refused BDAT come; then the reply, then the state before it.
    Discard(u64, Reply, Box<State>),
    /// The driver decides what becomes of the message.
    DeliveryAsked(Box<Client>),
    /// The driver looks at AUTH or at a response.
    AuthAsked(Box<Client>, Box<Exchange>),
    /// The client owes a response.
    AuthLine(Box<Client>, Box<Exchange>),
    /// The TLS handshake is under way.
    StartTls,
    /// It is over.
    Closed(CloseReason),
}

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

/// A command line, or what came instead of one.
enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
    BareLf(&'a [u8]),
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
        match &self.state {
            State::Ready(client)
            | State::SenderAsked(client, _)
            | State::Mail(client, _)
            | State::RecipientAsked(client, _, _)
            | State::DeliveryAsked(client)
            | State::AuthAsked(client, _)
            | State::AuthLine(client, _) => Some(client),
            State::DataAsked(incoming)
            | State::Data(incoming, _)
            | State::ChunkAsked(incoming, _)
            | State::Chunk(incoming, _, _)
            | State::BetweenChunks(incoming, _) => Some(&incoming.client),
            State::Connected
            | State::Refused
            | State::Greeted
            | State::Discard(..)
            | State::StartTls
            | State::Closed(_) => None,
        }
    }

    /// When to call [`timed_out`](Self::timed_out). `None` while the driver owes an answer, and at the
    /// end.
    ///
    /// An unfinished line does not count as activity, so commands cannot be dripped in; a message has
    /// [`limits::SMTP_DATA_TOTAL_MAX`] in all.
    pub fn deadline(&self) -> Option<Time> {
        let idle = self.idle_since + self.config.idle_max;
        match &self.state {
            State::SenderAsked(..)
            | State::RecipientAsked(..)
            | State::DataAsked(_)
            | State::ChunkAsked(..)
            | State::DeliveryAsked(_)
            | State::AuthAsked(..)
            | State::Closed(_) => None,
            State::Data(incoming, _)
            | State::Chunk(incoming, _, _)
            | State::BetweenChunks(incoming, _) => Some(idle.min(incoming.until)),
            State::Connected
            | State::Refused
            | State::Greeted
            | State::Ready(_)
            | State::Mail(..)
            | State::Discard(..)
            | State::AuthLine(..)
            | State::StartTls => Some(idle.min(self.began + limits::SMTP_CONNECTION_TOTAL_MAX)),
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

    /// Refuses the client in the greeting's place. A 421 closes at once; after a 554 the client is owed
    /// the chance to say QUIT (RFC 5321 3.1).
    pub fn refuse(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        if matches!(self.state, State::Connected) {
            reply.write(out);
            self.state = match reply.code() {
                421 => State::Closed(CloseReason::Shutdown),
                _ => State::Refused,
            };
        }
    }

    /// The time of [`deadline`](Self::deadline) has come. Closes the session when it really has.
    pub fn timed_out(&mut self, out: &mut Vec<u8>, now: Time) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            Reply::TIMEOUT.write(out);
            self.state = State::Closed(CloseReason::Timeout);
        }
    }

    /// Ends the session as soon as no message is open, with a 421 (RFC 5321 3.8). Call
    /// [`receive`](Self::receive) afterwards: it closes at once when the session is between messages.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// The handshake that [`Event::StartTls`] asked for has succeeded. The session begins anew, without
    /// a greeting (RFC 3207 4.2).
    pub fn tls_started(&mut self, tls: TlsInfo, now: Time) {
        if matches!(self.state, State::StartTls) {
            self.tls = Some(tls);
            self.state = State::Greeted;
            self.idle_since = now;
        }
    }

    // ---- the loop ------------------------------------------------------------------------------

    /// Takes what it can use from the front of `input`, appends replies to `out`, and returns what the
    /// driver must do next.
    ///
    /// After [`Event::Read`] less than [`limits::SMTP_LINE_BYTES_MAX`] bytes are left in `input`; the
    /// driver keeps them and appends what it reads.
    pub fn receive<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>, now: Time) -> Event<'a> {
        self.now = now;
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            if self.is_draining && matches!(self.state, State::Greeted | State::Ready(_)) {
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
                return event;
            }
        }
    }

    /// The client may not speak before the greeting (RFC 5321 4.3.1). Those who do are mostly programs
    /// that don't read replies at all.
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

    fn take_line<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Option<Event<'a>> {
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
                let is_http = super::command::is_http(line);
                let (reply, reason) = match is_http {
                    true => (Reply::NOT_HTTP, CloseReason::Http),
                    false => (Reply::BARE_LF, CloseReason::BareLf),
                };
                reply.write(out);
                self.state = State::Closed(reason);
                None
            }
        }
    }

    /// Takes a line from the input, when it is there. A line that is too long is taken as it comes, so
    /// that nobody has to keep it.
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
        let cr_before = skipped == Some(true) && line.len() == 1;
        match line.strip_suffix(b"\r\n") {
            None if !cr_before => Some(Line::BareLf(line)),
            _ if skipped.is_some() || line.len() > limits::SMTP_LINE_BYTES_MAX => {
                Some(Line::TooLong)
            }
            Some(line) => Some(Line::Whole(line)),
            None => Some(Line::TooLong),
        }
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

    /// Writes the refusal of a recipient. These are counted by themselves: one message to a list may
    /// meet dozens of dead addresses, and closing then would keep it from the living ones for ever.
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

    // ---- the driver's answers ------------------------------------------------------------------

    /// Answers [`Event::CheckSender`].
    pub fn sender_checked(&mut self, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        match (std::mem::take(&mut self.state), verdict) {
            (State::SenderAsked(client, mail), Ok(())) => {
                let envelope = Envelope { mail: *mail, recipients: Vec::new() };
                let transaction = Transaction { envelope, weight: 0, some_refused: false };
                self.state = State::Mail(client, Box::new(transaction));
                self.messages = self.messages.saturating_add(1);
                Reply::SENDER_OK.write(out);
            }
            (State::SenderAsked(client, _), Err(reply)) => {
                self.state = State::Ready(client);
                self.fail(&reply, out);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// Answers [`Event::CheckRecipient`].
    pub fn recipient_checked(&mut self, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        match (std::mem::take(&mut self.state), verdict) {
            (State::RecipientAsked(client, mut transaction, recipient), Ok(())) => {
                transaction.weight += recipient.weight();
                transaction.envelope.recipients.push(recipient);
                self.state = State::Mail(client, transaction);
                Reply::RECIPIENT_OK.write(out);
            }
            (State::RecipientAsked(client, mut transaction, _), Err(reply)) => {
                transaction.some_refused = true;
                self.state = State::Mail(client, transaction);
                self.fail_recipient(&reply, out);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// Answers [`Event::DataBegin`].
    pub fn data_checked(&mut self, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        match (std::mem::take(&mut self.state), verdict) {
            (State::DataAsked(incoming), Ok(())) => {
                self.state = State::Data(incoming, Dotted::new());
                Reply::bare(354, "Send the message, then a line with only a dot").write(out);
            }
            (State::DataAsked(incoming), Err(reply)) => {
                self.state = State::Ready(incoming.client);
                self.fail(&reply, out);
            }
            (State::ChunkAsked(incoming, chunk), Ok(())) => {
                self.state = chunk.begin(incoming);
            }
            (State::ChunkAsked(incoming, chunk), Err(reply)) => {
                let next = Box::new(State::Ready(incoming.client));
                self.state = State::Discard(chunk.left, reply, next);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// Data cannot be kept any more (the disk is full, say): refuses the message when its end has come.
    /// No more [`Event::Data`] of it follows.
    pub fn data_failed(&mut self, reply: Reply) {
        match &mut self.state {
            State::Data(incoming, _)
            | State::Chunk(incoming, _, _)
            | State::BetweenChunks(incoming, _) => {
                incoming.fault.get_or_insert(reply);
            }
            _ => {}
        }
    }

    /// Answers [`Event::DataEnd`]: the message is on stable storage. This is the promise.
    pub fn delivered(&mut self, id: ArrivalId, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::DeliveryAsked(client) => {
                self.state = State::Ready(client);
                (self.errors, self.refused_recipients) = (0, 0);
                Reply::DELIVERED.with_text(format!("Message accepted, id {id}")).write(out);
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Event::DataEnd`]: the message is not taken.
    pub fn refused(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::DeliveryAsked(client) => {
                self.state = State::Ready(client);
                self.fail(reply, out);
            }
            other => self.not_asked(other),
        }
    }

    /// An answer without its question is a fault of the driver, not of the peer.
    pub(crate) fn not_asked(&mut self, state: State) {
        debug_assert!(false, "an answer, but no such question is open: {state:?}");
        self.state = state;
    }
}

impl Incoming {
    /// Passes text on, until there is a fault.
    pub(crate) fn text<'a>(&mut self, text: &'a [u8], max: u64) -> Option<Event<'a>> {
        if self.fault.is_some() {
            return None;
        }
        // RFC 1870 5: CR LF counts; stuffed dots and the end of the data don't.
        self.size = self.size.saturating_add(text.len() as u64);
        if self.size > max {
            self.fault = Some(Reply::TOO_BIG);
            return Some(Event::DataRefused(DataFault::TooBig));
        }
        Some(Event::Data(text))
    }

    /// A bare CR or LF was found.
    pub(crate) fn bare(&mut self) -> Option<Event<'static>> {
        if self.fault.is_some() {
            return None;
        }
        self.fault = Some(Reply::BARE_CR_OR_LF);
        Some(Event::DataRefused(DataFault::BareCrOrLf))
    }
}
