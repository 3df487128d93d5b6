//! `AUTH mechanism [initial-response]` and the lines that follow it (RFC 4954 4).

use crate::sasl::{Answer, Exchange, Failure, Mechanisms, Offer, Progress, Refusal, SelectError};
use crate::smtp::event::{CloseReason, Event};
use crate::smtp::reply::Reply;
use crate::smtp::session::{Client, Session, State};
use posthorn_base::limits;

/// What the client is told of a failure, and whether it counts as a failed login.
fn outcome(failure: Failure) -> (Reply, bool) {
    match failure {
        Failure::Base64 => (Reply::AUTH_BAD_BASE64, false),
        Failure::TooLong => (Reply::AUTH_TOO_LONG, false),
        Failure::Cancelled => (Reply::AUTH_CANCELLED, false),
        Failure::Syntax => (Reply::AUTH_SYNTAX, false),
        Failure::OutOfOrder | Failure::Refused(Refusal::Temporary) => {
            (Reply::AUTH_TEMPORARY, false)
        }
        Failure::Refused(Refusal::Throttled) => (Reply::AUTH_THROTTLED, true),
        Failure::Refused(Refusal::Disabled) => (Reply::AUTH_NOT_ALLOWED, true),
        Failure::Refused(Refusal::Credentials | Refusal::Authorization)
        | Failure::Prepare(_)
        | Failure::Scram(_) => (Reply::AUTH_FAILED, true),
    }
}

impl Session {
    /// What this connection may use to log in.
    pub(super) fn offer(&self) -> Offer {
        let allowed = match self.config.service.is_submission() {
            true => self.config.mechanisms,
            false => Mechanisms::NONE,
        };
        Offer::new(allowed, self.config.auth_without_tls, self.tls.as_ref())
    }

    /// Begins a login.
    pub(super) fn auth(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        if !self.config.service.is_submission() {
            return self.refuse_command(&Reply::AUTH_UNAVAILABLE, out);
        }
        let client = match std::mem::take(&mut self.state) {
            State::Ready(client) => client,
            // RFC 4954 4: not within a message.
            state => return self.out_of_order(state, &Reply::BAD_SEQUENCE, out),
        };
        let (name, initial) = match args.split_once(' ') {
            Some((name, initial)) => (name, Some(initial.trim_start_matches(' ').as_bytes())),
            None => (args, None),
        };
        let offer = self.offer();
        let refusal = match offer.select(name.as_bytes()) {
            _ if client.login.is_some() => Reply::AUTH_TWICE,
            _ if !client.hello.is_extended() => Reply::HELLO_FIRST,
            _ if name.is_empty() => Reply::ARGUMENT_MISSING,
            Err(SelectError::NeedsEncryption) => Reply::AUTH_NEEDS_TLS,
            Err(SelectError::NotOffered) => Reply::UNKNOWN_MECHANISM,
            Ok(mechanism) => {
                let (exchange, progress) = Exchange::start(mechanism, &offer, initial);
                return self.auth_progress(client, Box::new(exchange), progress, out);
            }
        };
        self.state = State::Ready(client);
        self.refuse_command(&refusal, out)
    }

    /// Takes a line from the client within a login.
    pub(crate) fn auth_line(
        &mut self,
        client: Box<Client>,
        mut exchange: Box<Exchange>,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        let progress = exchange.line(line);
        self.auth_progress(client, exchange, progress, out)
    }

    /// Answers [`Event::Authenticate`].
    pub fn auth_answered(&mut self, answer: Answer, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::AuthAsked(client, mut exchange) => {
                let progress = exchange.answer(answer);
                if let Some(event) = self.auth_progress(client, exchange, progress, out) {
                    self.pending.push_front(event);
                }
            }
            other => self.not_asked(other),
        }
    }

    fn auth_progress(
        &mut self,
        mut client: Box<Client>,
        exchange: Box<Exchange>,
        progress: Progress,
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        match progress {
            Progress::Challenge(text) => {
                // A challenge is one line, however long (RFC 4954 4: up to 12288 octets).
                out.extend_from_slice(b"334 ");
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(b"\r\n");
                self.state = State::AuthLine(client, exchange);
                None
            }
            Progress::Ask(question) => {
                self.state = State::AuthAsked(client, exchange);
                Some(Event::Authenticate(question))
            }
            Progress::Done(success) => {
                client.login = Some(success.identity.clone());
                self.state = State::Ready(client);
                Reply::AUTHENTICATED.write(out);
                Some(Event::LoggedIn(success))
            }
            Progress::Failed(failure) => {
                self.state = State::Ready(client);
                self.auth_failed(failure, out);
                Some(Event::LoginFailed(failure))
            }
        }
    }

    fn auth_failed(&mut self, failure: Failure, out: &mut Vec<u8>) {
        let (reply, counts) = outcome(failure);
        if !counts {
            return self.fail(&reply, out);
        }
        reply.write(out);
        self.login_failures = self.login_failures.saturating_add(1);
        self.delay(self.login_failures);
        if self.login_failures >= limits::AUTH_FAILURES_MAX {
            Reply::TOO_MANY_LOGINS.write(out);
            self.state = State::Closed(CloseReason::Logins);
        }
    }

    /// A line that was too long ends an open login.
    pub(crate) fn leave_auth(&mut self) {
        self.state = match std::mem::take(&mut self.state) {
            State::AuthLine(client, _) => {
                self.pending.push_back(Event::LoginFailed(Failure::TooLong));
                State::Ready(client)
            }
            other => other,
        };
    }
}
