//! One POP3 server session: its states, the loop over the input, deadlines, and the driver's
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
//!         Event::Retrieve { uid, part } => feed the message, writing out in between
//!         ...
//!     }
//! }
//! ```
//!
//! The loop and the states are here; the driver's answers are in `login` and `update`.

mod login;
mod update;

use super::command::{
    self, Authorization, AuthorizationStep, Listing, Refused, Transaction, TransactionStep,
};
use super::config::Config;
use super::event::{CloseReason, Event};
use super::input::{Line, LineReader};
use super::outgoing::Outgoing;
use super::response::{self, Code, Refusal};
use crate::confusion::is_http;
use crate::sasl::{Exchange, Failure, Offer};
use crate::tls::TlsInfo;
use posthorn_base::{Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the session is in the middle of.
#[derive(Debug, Default)]
enum State {
    /// Nothing was said yet. Also what a state leaves behind while a command takes it apart.
    #[default]
    Connected,
    /// RFC 1939 4; with the name from USER.
    Authorization(Option<Box<str>>),
    /// The client owes a line of its AUTH.
    AuthLine(Box<Exchange>),
    /// The driver checks a PASS.
    PasswordAsked,
    /// The driver looks at an AUTH.
    AuthAsked(Box<Exchange>),
    /// The driver opens the maildrop.
    OpenAsked,
    /// RFC 1939 5.
    Transaction(Box<Transaction>),
    /// A listing is being written.
    Listing(Box<Transaction>, Listing),
    /// The driver reads a message to us.
    Retrieving(Box<Transaction>, Outgoing),
    /// RFC 1939 6: the driver deletes; with the number of messages that stay.
    CommitAsked { left: usize },
    /// The TLS handshake is under way.
    StartTls,
    /// It is over.
    Closed(CloseReason),
}

/// One connection's POP3 session, seen from the server.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    is_tls: bool,
    offer: Offer,
    is_utf8: bool,
    state: State,
    lines: LineReader,
    /// Events that go before everything else.
    pending: VecDeque<Event>,
    began: Time,
    idle_since: Time,
    errors: u32,
    login_failures: u32,
    is_draining: bool,
}

impl Session {
    /// A session on a connection that was just accepted; with `tls` when TLS came first (port 995).
    /// It says nothing until [`greet`](Self::greet).
    pub fn new(config: Arc<Config>, tls: Option<&TlsInfo>, now: Time) -> Session {
        let offer = config.offer(tls);
        Session {
            config,
            is_tls: tls.is_some(),
            offer,
            is_utf8: false,
            state: State::Connected,
            lines: LineReader::default(),
            pending: VecDeque::new(),
            began: now,
            idle_since: now,
            errors: 0,
            login_failures: 0,
            is_draining: false,
        }
    }

    /// When to call [`timed_out`](Self::timed_out). `None` while the driver owes an answer, and at
    /// the end.
    ///
    /// Whole commands and written output ([`written`](Self::written)) count as activity; an
    /// unfinished line does not. While a message is being written, the driver applies
    /// [`Config::idle_max`] to its writes itself.
    pub fn deadline(&self) -> Option<Time> {
        let idle = self.idle_since + self.config.idle_max;
        match &self.state {
            State::PasswordAsked
            | State::AuthAsked(_)
            | State::OpenAsked
            | State::Retrieving(..)
            | State::CommitAsked { .. }
            | State::Closed(_) => None,
            State::Connected | State::Authorization(_) | State::AuthLine(_) | State::StartTls => {
                Some(idle.min(self.began + limits::POP3_LOGIN_TOTAL_MAX))
            }
            State::Transaction(_) | State::Listing(..) => Some(idle),
        }
    }

    // ---- what the driver does on its own account -----------------------------------------------

    /// Sends the greeting (RFC 1939 4), without the timestamp that would offer APOP.
    pub fn greet(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, State::Connected) {
            self.state = State::Authorization(None);
            response::ok(out, format_args!("{} POP3 ready", self.config.hostname.ascii()));
        }
    }

    /// Refuses the client in the greeting's place, for now: too many connections, or no room.
    pub fn refuse(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, State::Connected) {
            Refusal::new(Code::SysTemp, "no connections now, try again later").write(out);
            self.state = State::Closed(CloseReason::Shutdown);
        }
    }

    /// The time of [`deadline`](Self::deadline) has come. Closes the session when it really has,
    /// without a word and without deleting anything (RFC 1939 3).
    pub fn timed_out(&mut self, now: Time) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.state = State::Closed(CloseReason::Timeout);
        }
    }

    /// The client has taken some output.
    pub fn written(&mut self, now: Time) {
        self.idle_since = now;
    }

    /// Ends the session as soon as no maildrop is open: closing one that is would forget the
    /// client's deletions, and it would download everything again. The driver decides how long it
    /// waits.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// The handshake that [`Event::StartTls`] asked for has succeeded. The session begins anew,
    /// without a greeting (RFC 2595 4).
    pub fn tls_started(&mut self, tls: &TlsInfo, now: Time) {
        if matches!(self.state, State::StartTls) {
            self.is_tls = true;
            self.offer = self.config.offer(Some(tls));
            self.state = State::Authorization(None);
            self.idle_since = now;
        }
    }

    // ---- the loop ------------------------------------------------------------------------------

    /// Takes what it can use from the front of `input`, appends replies to `out`, and returns what
    /// the driver must do next.
    ///
    /// After [`Event::Read`] less than [`limits::POP3_LINE_BYTES_MAX`] bytes are left in `input`;
    /// the driver keeps them and appends what it reads.
    pub fn receive(&mut self, input: &mut &[u8], out: &mut Vec<u8>, now: Time) -> Event {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            match &mut self.state {
                State::Connected => return Event::Read,
                State::PasswordAsked
                | State::AuthAsked(_)
                | State::OpenAsked
                | State::Retrieving(..)
                | State::CommitAsked { .. }
                | State::StartTls => return Event::Wait,
                State::Closed(reason) => return Event::Close(*reason),
                State::Authorization(_) | State::AuthLine(_) if self.is_draining => {
                    Refusal::new(Code::SysTemp, "the server is stopping").write(out);
                    self.state = State::Closed(CloseReason::Shutdown);
                }
                State::Listing(transaction, listing) => {
                    if !listing.write(transaction, out) {
                        return Event::Flush;
                    }
                    if let State::Listing(transaction, _) = std::mem::take(&mut self.state) {
                        self.state = State::Transaction(transaction);
                    }
                }
                State::Authorization(_) | State::AuthLine(_) | State::Transaction(_) => {
                    if out.len() >= limits::POP3_OUTPUT_BYTES_MAX {
                        return Event::Flush;
                    }
                    if !self.take_line(input, out, now) {
                        return Event::Read;
                    }
                }
            }
        }
    }

    /// False when there is no whole line.
    fn take_line(&mut self, input: &mut &[u8], out: &mut Vec<u8>, now: Time) -> bool {
        // A TLS record begins with 22, which no command does.
        if !self.is_tls && self.lines.is_at_start() && input.first() == Some(&22) {
            self.state = State::Closed(CloseReason::UnexpectedTls);
            return true;
        }
        let Some(line) = self.lines.next(input) else { return false };
        self.idle_since = now;
        match (std::mem::take(&mut self.state), line) {
            (State::AuthLine(mut exchange), Line::Whole(line)) => {
                let progress = exchange.line(line);
                self.auth_progress(exchange, progress, out);
            }
            (State::AuthLine(_), Line::TooLong) => self.auth_failed(Failure::TooLong, out),
            (State::Authorization(_), Line::TooLong) => {
                // No mail program does this before its login, and it could have been an HTTP
                // request whose body looks like commands.
                LINE_TOO_LONG.write(out);
                self.state = State::Closed(CloseReason::Errors);
            }
            (state, Line::TooLong) => {
                self.state = state;
                LINE_TOO_LONG.write(out);
                self.mistake(out);
            }
            (_, Line::Whole(line)) if is_http(line) => {
                self.state = State::Closed(CloseReason::Http);
            }
            (state, Line::Whole(line)) => {
                self.state = state;
                self.command(line, out);
                if matches!(self.state, State::StartTls) {
                    // RFC 2595 4, CVE-2011-0411: what came in clear text must not be taken for
                    // protected.
                    self.pending.push_back(Event::StartTls { discarded: input.len() });
                    *input = &[];
                }
            }
        }
        true
    }

    fn command(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (keyword, args) = match command::parse(line) {
            Ok(command) => command,
            Err(refused) => return self.refused(&refused, out),
        };
        match std::mem::take(&mut self.state) {
            State::Authorization(mut name) => {
                let mut state = Authorization {
                    config: &self.config,
                    offer: &self.offer,
                    is_tls: self.is_tls,
                    name: &mut name,
                    is_utf8: &mut self.is_utf8,
                };
                let step = command::in_authorization(keyword, args, &mut state, out);
                self.state = State::Authorization(name);
                match step {
                    Ok(step) => self.authorization_step(step, out),
                    Err(refused) => self.refused(&refused, out),
                }
            }
            State::Transaction(mut transaction) => {
                let step =
                    command::in_transaction(keyword, args, &mut transaction, &self.offer, out);
                match step {
                    Ok(step) => self.transaction_step(step, transaction, out),
                    Err(refused) => {
                        self.state = State::Transaction(transaction);
                        self.refused(&refused, out);
                    }
                }
            }
            // Lines are taken in the two states above only.
            other => self.state = other,
        }
    }

    fn authorization_step(&mut self, step: AuthorizationStep, out: &mut Vec<u8>) {
        match step {
            AuthorizationStep::Replied => {}
            AuthorizationStep::Password(question) => {
                self.state = State::PasswordAsked;
                self.pending.push_back(Event::Authenticate(question));
            }
            AuthorizationStep::Sasl(exchange, progress) => {
                self.auth_progress(exchange, progress, out);
            }
            AuthorizationStep::Failed(failure) => self.auth_failed(failure, out),
            AuthorizationStep::StartTls => self.state = State::StartTls,
            AuthorizationStep::Quit => self.state = State::Closed(CloseReason::Quit),
        }
    }

    fn transaction_step(
        &mut self,
        step: TransactionStep,
        transaction: Box<Transaction>,
        out: &mut Vec<u8>,
    ) {
        match step {
            TransactionStep::Replied => self.state = State::Transaction(transaction),
            TransactionStep::List(listing) => self.state = State::Listing(transaction, listing),
            TransactionStep::Retrieve(outgoing, event) => {
                self.state = State::Retrieving(transaction, outgoing);
                self.pending.push_back(event);
            }
            TransactionStep::Quit => {
                let left = transaction.messages();
                let uids = transaction.deletions.uids(&transaction.maildrop);
                if uids.is_empty() {
                    self.goodbye(left, out);
                } else {
                    self.state = State::CommitAsked { left };
                    self.pending.push_back(Event::Commit(uids));
                }
            }
        }
    }

    fn goodbye(&mut self, left: usize, out: &mut Vec<u8>) {
        response::ok(out, format_args!("goodbye ({} left)", response::messages(left)));
        self.state = State::Closed(CloseReason::Quit);
    }

    fn refused(&mut self, refused: &Refused, out: &mut Vec<u8>) {
        refused.write(out);
        if let Refused::Mistake(_) = refused {
            self.mistake(out);
        }
    }

    fn mistake(&mut self, out: &mut Vec<u8>) {
        self.errors += 1;
        if self.errors >= limits::POP3_ERRORS_MAX {
            Refusal::plain("too many errors").write(out);
            self.state = State::Closed(CloseReason::Errors);
        }
    }

    /// An answer without its question is a fault of the driver, not of the peer.
    fn not_asked(&mut self, state: State) {
        self.state = state;
        self.not_asked_now();
    }

    fn not_asked_now(&self) {
        debug_assert!(false, "an answer, but no such question is open: {:?}", self.state);
    }
}

const LINE_TOO_LONG: Refusal = Refusal::plain("the line is too long");
