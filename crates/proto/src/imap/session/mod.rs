//! One IMAP server session: its states, the loop over the input, deadlines, and the driver's
//! answers.
//!
//! How a driver runs it, in short:
//!
//! ```text
//! session.greet(&mut out);
//! loop {
//!     match session.receive(&mut input, &mut out, clock.now()) {
//!         Event::Read => { write out; read more behind what is left, until session.deadline() }
//!         Event::Authenticate(q) => session.auth_answered(look_up(q), &mut out, now),
//!         Event::Run(request) => { carry it out; session.completed(completion, &mut out, now) }
//!         ...
//!     }
//! }
//! ```
//!
//! The loop and the states are here; logins in `login`, APPEND in `append`, the commands that the
//! session answers by itself in `command`.

mod append;
mod command;
mod login;

use super::command::{Enabled, Tag};
use super::config::Config;
use super::event::{CloseReason, Event};
use super::framing::{Found, Framing};
use super::response::{self, Completion, Status};
use crate::confusion::is_http;
use crate::sasl::{Exchange, Offer};
use crate::tls::TlsInfo;
use posthorn_base::{Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How far the client has come (RFC 3501 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    NotAuthenticated,
    Authenticated,
    Selected,
}

/// What the session is in the middle of.
#[derive(Debug, Default)]
enum State {
    /// Nothing was said yet. Also what a state leaves behind while a command takes it apart.
    #[default]
    Connected,
    /// The next command.
    Ready,
    /// A command is being dropped; its tagged response is owed.
    Dropping(Option<Tag>, Box<Completion>),
    /// The client owes a line of its AUTHENTICATE.
    AuthLine(Tag, Box<Exchange>),
    /// The driver looks at an AUTHENTICATE.
    AuthAsked(Tag, Box<Exchange>),
    /// The driver checks a LOGIN.
    PasswordAsked(Tag),
    /// The driver carries a command out.
    Running(Tag),
    /// The driver decides whether the message of an APPEND may come.
    AppendAsked(Tag),
    /// It comes.
    Appending(Tag, Arriving),
    /// It has come; the end of the line is missing.
    AppendTail(Tag),
    /// The client idles (RFC 2177).
    Idling(Tag),
    /// It has said something other than DONE; the driver ends what it does for IDLE.
    IdleBroken(Tag),
    /// The TLS handshake is under way.
    StartTls,
    /// The driver switches compression on.
    Compressing,
    /// It is over.
    Closed(CloseReason),
}

/// A message on its way.
#[derive(Debug)]
struct Arriving {
    began: Time,
    octets: u64,
}

impl Arriving {
    fn new(began: Time) -> Self {
        Arriving { began, octets: 0 }
    }

    /// When it is too slow: what has come is worth some time, and so much may be silence.
    fn deadline(&self, silence: Duration) -> Time {
        let worth = self.octets / limits::IMAP_APPEND_BYTES_PER_SECOND_MIN;
        self.began + silence + Duration::from_secs(worth)
    }
}

/// One connection's IMAP session, seen from the server.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    is_tls: bool,
    is_compressed: bool,
    offer: Offer,
    phase: Phase,
    enabled: Enabled,
    state: State,
    framing: Framing,
    /// Events that go before everything else.
    pending: VecDeque<Event<'static>>,
    began: Time,
    idle_since: Time,
    errors: u32,
    login_failures: u32,
    is_first_line: bool,
    is_draining: bool,
}

impl Session {
    /// A session on a connection that was just accepted; with `tls` when TLS came first (port 993).
    /// It says nothing until [`greet`](Self::greet).
    pub fn new(config: Arc<Config>, tls: Option<&TlsInfo>, now: Time) -> Session {
        let offer = config.offer(tls);
        Session {
            config,
            is_tls: tls.is_some(),
            is_compressed: false,
            offer,
            phase: Phase::NotAuthenticated,
            enabled: Enabled::default(),
            state: State::Connected,
            framing: Framing::default(),
            pending: VecDeque::new(),
            began: now,
            idle_since: now,
            errors: 0,
            login_failures: 0,
            is_first_line: true,
            is_draining: false,
        }
    }

    /// When to call [`timed_out`](Self::timed_out). `None` while the driver owes an answer, and at
    /// the end.
    ///
    /// Whole commands, written output ([`written`](Self::written)) and the message of an APPEND
    /// count as activity, this as long as it is not too slow; an unfinished line does not. While a
    /// command writes, the driver bounds its writes itself.
    pub fn deadline(&self) -> Option<Time> {
        let idle = self.idle_since + self.config.idle_max;
        match &self.state {
            State::AuthAsked(..)
            | State::PasswordAsked(_)
            | State::Running(_)
            | State::IdleBroken(_)
            | State::AppendAsked(_)
            | State::Compressing
            | State::Closed(_) => None,
            _ if self.phase == Phase::NotAuthenticated => {
                Some(idle.min(self.began + limits::IMAP_LOGIN_TOTAL_MAX))
            }
            State::Appending(_, arriving) => {
                Some(idle.min(arriving.deadline(self.config.idle_max)))
            }
            _ => Some(idle),
        }
    }

    /// What the client has enabled. It may have risen with each [`Event::Run`]: some commands
    /// enable CONDSTORE by themselves (RFC 7162 3.1).
    pub fn enabled(&self) -> Enabled {
        self.enabled
    }

    // ---- what the driver does on its own account -----------------------------------------------

    /// Sends the greeting (RFC 3501 7.1).
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, State::Connected) {
            self.state = State::Ready;
            let (capabilities, hostname) = (self.capabilities(), &self.config.hostname);
            let text = format!("[CAPABILITY {capabilities}] {hostname} IMAP ready");
            Completion::ok(text).write(None, out);
        }
    }

    /// The time of [`deadline`](Self::deadline) has come. Closes the session when it really has.
    pub fn timed_out(&mut self, out: &mut Vec<u8>, now: Time) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.bye("you were silent for too long", CloseReason::Timeout, out);
        }
    }

    /// The client has taken some output.
    pub fn written(&mut self, now: Time) {
        self.idle_since = now;
    }

    /// Ends the session as soon as no command is being worked on: the server stops.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Ends the session with these words. To be called between commands, or while the client idles.
    pub fn close(&mut self, text: &'static str, reason: CloseReason, out: &mut Vec<u8>) {
        if !matches!(self.state, State::Closed(_)) {
            self.bye(text, reason, out);
        }
    }

    /// The handshake that [`Event::StartTls`] asked for has succeeded. The session begins anew,
    /// without a greeting (RFC 3501 6.2.1).
    pub fn tls_started(&mut self, tls: &TlsInfo, now: Time) {
        if matches!(self.state, State::StartTls) {
            self.is_tls = true;
            self.offer = self.config.offer(Some(tls));
            self.state = State::Ready;
            self.idle_since = now;
        }
    }

    /// What [`Event::Compress`] asked for is done.
    pub fn compressed(&mut self) {
        if matches!(self.state, State::Compressing) {
            self.is_compressed = true;
            self.state = State::Ready;
        }
    }

    // ---- the loop ------------------------------------------------------------------------------

    /// Takes what it can use from the front of `input`, appends replies to `out`, and returns what
    /// the driver must do next. After [`Event::Read`] the input is used up.
    pub fn receive<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>, now: Time) -> Event<'a> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            match &self.state {
                State::Connected => return Event::Read,
                State::AuthAsked(..)
                | State::PasswordAsked(_)
                | State::Running(_)
                | State::IdleBroken(_)
                | State::AppendAsked(_)
                | State::StartTls
                | State::Compressing => return Event::Wait,
                State::Closed(reason) => return Event::Close(*reason),
                State::Ready | State::AuthLine(..) | State::Idling(_) if self.is_draining => {
                    self.bye("the server is stopping", CloseReason::Shutdown, out);
                    continue;
                }
                _ if out.len() >= limits::IMAP_OUTPUT_BYTES_MAX => return Event::Flush,
                _ => {}
            }
            if self.begins_tls(input) {
                self.state = State::Closed(CloseReason::UnexpectedTls);
                continue;
            }
            match self.framing.next(input, self.command_bytes_max()) {
                Found::More => {
                    // A client that is silent now may be so for long.
                    self.pending = VecDeque::new();
                    return Event::Read;
                }
                Found::Data(octets) => {
                    self.idle_since = now;
                    if let State::Appending(_, arriving) = &mut self.state {
                        arriving.octets = arriving.octets.saturating_add(octets.len() as u64);
                    }
                    return Event::AppendData(octets);
                }
                found => self.found(&found, input, out, now),
            }
        }
    }

    fn found(&mut self, found: &Found<'_>, input: &mut &[u8], out: &mut Vec<u8>, now: Time) {
        match found {
            Found::More | Found::Data(_) => {}
            Found::Command => {
                self.idle_since = now;
                let text = self.framing.take();
                self.line(&text, input, out);
            }
            Found::Literal(announcement) => self.literal(*announcement, out),
            Found::DataEnd => {
                if let State::Appending(tag, _) = std::mem::take(&mut self.state) {
                    self.state = State::AppendTail(tag);
                }
            }
            Found::TooLong => {
                let refusal =
                    Completion::bad("the command is too long").with(response::Code::TooBig);
                self.drop_command(refusal, out);
            }
            Found::Dropped => {
                self.idle_since = now;
                if let State::Dropping(tag, refusal) = std::mem::take(&mut self.state) {
                    self.state = State::Ready;
                    self.refuse(tag.as_ref(), &refusal, out);
                }
            }
            Found::BareLf => {
                self.bye("lines end in CR LF, not in LF alone", CloseReason::BareLf, out);
            }
            Found::Endless => {
                self.bye("the command is too long to be skipped", CloseReason::TooLong, out);
            }
        }
    }

    /// A command, or what a state takes for one.
    fn line(&mut self, text: &[u8], input: &mut &[u8], out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::AuthLine(tag, exchange) => self.auth_line(tag, exchange, text, out),
            State::Idling(tag) => {
                // RFC 2177 3: nothing but DONE may come. Anything else ends IDLE as well, with BAD;
                // were it a command, its client had to say it again.
                let is_done = text.eq_ignore_ascii_case(b"DONE");
                self.state = if is_done { State::Running(tag) } else { State::IdleBroken(tag) };
                self.pending.push_back(Event::IdleEnd);
            }
            State::AppendTail(tag) => {
                if text.is_empty() {
                    self.state = State::Running(tag);
                    self.pending.push_back(Event::AppendEnd);
                } else {
                    self.state = State::Ready;
                    self.pending.push_back(Event::AppendAbandon);
                    let refusal =
                        Completion::bad("APPEND takes one message, and nothing behind it");
                    self.refuse(Some(&tag), &refusal, out);
                }
            }
            state => {
                self.state = state;
                self.command(text, input, out);
            }
        }
    }

    /// From now on the command is dropped; its response is `refusal`.
    fn drop_command(&mut self, refusal: Completion, out: &mut Vec<u8>) {
        let text = self.framing.take();
        match std::mem::take(&mut self.state) {
            // A line of AUTHENTICATE or IDLE that has no end: no client does so.
            State::AuthLine(..) | State::Idling(_) => {
                self.bye("the line is too long", CloseReason::TooLong, out);
            }
            State::AppendTail(tag) => {
                self.pending.push_back(Event::AppendAbandon);
                self.state = State::Dropping(Some(tag), Box::new(refusal));
            }
            // A tag may look like a method of HTTP, but not at the front of such a line.
            _ if std::mem::take(&mut self.is_first_line) && is_http(&text) => {
                self.state = State::Closed(CloseReason::Http);
            }
            _ => {
                self.state = State::Dropping(super::command::tag_of(&text), Box::new(refusal));
            }
        }
    }

    fn command_bytes_max(&self) -> usize {
        match self.phase {
            Phase::NotAuthenticated => limits::IMAP_COMMAND_BEFORE_LOGIN_BYTES_MAX,
            Phase::Authenticated | Phase::Selected => limits::IMAP_COMMAND_BYTES_MAX,
        }
    }

    fn literal_bytes_max(&self) -> usize {
        match self.phase {
            Phase::NotAuthenticated => limits::IMAP_LITERAL_BEFORE_LOGIN_BYTES_MAX,
            Phase::Authenticated | Phase::Selected => limits::IMAP_COMMAND_BYTES_MAX,
        }
    }

    /// A TLS handshake where none was agreed on. (HTTP is found when its first line is whole.)
    fn begins_tls(&self, input: &[u8]) -> bool {
        // A TLS record begins with 22, which no command does.
        !self.is_tls
            && !self.is_compressed
            && matches!(self.state, State::Ready)
            && self.framing.is_at_start()
            && input.first() == Some(&22)
    }

    /// True for the first line of an HTTP request; a tag may look like its method, no more.
    fn is_http_request(&mut self, text: &[u8]) -> bool {
        let is_first = std::mem::take(&mut self.is_first_line);
        is_first && is_http(text) && memchr::memmem::find(text, b" HTTP/").is_some()
    }

    // ---- the driver's answers ------------------------------------------------------------------

    /// Answers [`Event::Run`], [`Event::AppendEnd`] and [`Event::IdleEnd`].
    pub fn completed(&mut self, completion: Completion, out: &mut Vec<u8>, now: Time) {
        self.idle_since = now;
        match std::mem::take(&mut self.state) {
            State::Running(tag) => {
                self.state = State::Ready;
                self.refuse(Some(&tag), &completion, out);
            }
            State::IdleBroken(tag) => {
                self.state = State::Ready;
                let bad = Completion::bad("IDLE ends with DONE, what you said was not read");
                let selected = completion.selected;
                self.refuse(Some(&tag), &Completion { selected, ..bad }, out);
            }
            other => self.not_asked(other),
        }
    }

    /// Writes a completion and counts it when it is a mistake.
    fn refuse(&mut self, tag: Option<&Tag>, completion: &Completion, out: &mut Vec<u8>) {
        match completion.selected {
            Some(true) => self.phase = Phase::Selected,
            Some(false) if self.phase == Phase::Selected => self.phase = Phase::Authenticated,
            _ => {}
        }
        completion.write(tag, out);
        match completion.status {
            Status::Bad => {
                self.errors += 1;
                if self.errors >= limits::IMAP_ERRORS_MAX {
                    self.bye("too many errors", CloseReason::Errors, out);
                }
            }
            // A session may last for weeks; only errors in a row tell that something is wrong.
            Status::Ok if self.phase != Phase::NotAuthenticated => self.errors = 0,
            Status::Ok | Status::No => {}
        }
    }

    fn bye(&mut self, text: &'static str, reason: CloseReason, out: &mut Vec<u8>) {
        response::bye(out, text);
        self.state = State::Closed(reason);
    }

    /// An answer without its question is a fault of the driver, not of the peer.
    fn not_asked(&mut self, state: State) {
        self.state = state;
        debug_assert!(false, "an answer, but no such question is open: {:?}", self.state);
    }
}
