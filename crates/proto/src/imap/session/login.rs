//! Logging in: LOGIN (RFC 3501 6.2.3) and AUTHENTICATE (6.2.2, RFC 4959).

use super::{Phase, Session, State};
use crate::imap::command::Tag;
use crate::imap::event::{CloseReason, Event};
use crate::imap::response::{self, Code, Completion};
use crate::sasl::prepare::prepare_bytes;
use crate::sasl::{
    self, Answer, Exchange, Failure, Identity, LoginMethod, Progress, Question, Secret,
    SelectError, Success,
};
use posthorn_base::{Time, limits};
use std::time::Duration;

impl Session {
    /// LOGIN.
    pub(super) fn login(&mut self, tag: Tag, name: &[u8], password: &[u8], out: &mut Vec<u8>) {
        if !self.offer.takes_passwords() {
            // RFC 3501 6.2.3: LOGINDISABLED. The password has travelled in clear text already, but
            // a client that hears NO will not do so again.
            let refusal = needs_tls(self.offer.confidential);
            return self.refuse(Some(&tag), &refusal, out);
        }
        let prepared = prepare_bytes(name)
            .and_then(|authcid| prepare_bytes(password).map(|password| (authcid, password)));
        match prepared {
            Ok((authcid, password)) => {
                let (authcid, password) = (authcid.into(), Secret::new(password));
                let question = Question::Password { authcid, authzid: None, password };
                self.state = State::PasswordAsked(tag);
                self.pending.push_back(Event::Authenticate(question));
            }
            // RFC 4616 2: what SASLprep refuses is a wrong password.
            Err(error) => self.auth_failed(tag, Failure::Prepare(error), out),
        }
    }

    /// AUTHENTICATE.
    pub(super) fn authenticate(
        &mut self,
        tag: Tag,
        mechanism: &str,
        initial: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        match self.offer.select(mechanism.as_bytes()) {
            Ok(mechanism) => {
                let (exchange, progress) = Exchange::start(mechanism, &self.offer, initial);
                self.auth_progress(tag, Box::new(exchange), progress, out);
            }
            Err(SelectError::NeedsEncryption) => {
                let refusal = needs_tls(false);
                self.refuse(Some(&tag), &refusal, out);
            }
            Err(SelectError::NotOffered) => {
                let refusal = Completion::no("this mechanism is not offered, see CAPABILITY")
                    .with(Code::Cannot);
                self.refuse(Some(&tag), &refusal, out);
            }
        }
    }

    /// A line of the exchange.
    pub(super) fn auth_line(
        &mut self,
        tag: Tag,
        mut exchange: Box<Exchange>,
        line: &[u8],
        out: &mut Vec<u8>,
    ) {
        let progress = exchange.line(line);
        self.auth_progress(tag, exchange, progress, out);
    }

    fn auth_progress(
        &mut self,
        tag: Tag,
        exchange: Box<Exchange>,
        progress: Progress,
        out: &mut Vec<u8>,
    ) {
        match progress {
            Progress::Challenge(text) => {
                response::continuation(out, &text);
                self.pending.push_back(Event::Flush);
                self.state = State::AuthLine(tag, exchange);
            }
            Progress::Ask(question) => {
                self.state = State::AuthAsked(tag, exchange);
                self.pending.push_back(Event::Authenticate(question));
            }
            Progress::Done(Success { identity, mechanism }) => {
                self.logged_in(&tag, identity, LoginMethod::Sasl(mechanism), out);
            }
            Progress::Failed(failure) => self.auth_failed(tag, failure, out),
        }
    }

    fn logged_in(&mut self, tag: &Tag, identity: Identity, method: LoginMethod, out: &mut Vec<u8>) {
        self.phase = Phase::Authenticated;
        self.state = State::Ready;
        // RFC 3501 6.2.2 and 7.1: the code saves the client a CAPABILITY.
        let text = format!("[CAPABILITY {}] logged in", self.capabilities());
        Completion::ok(text).write(Some(tag), out);
        self.pending.push_back(Event::LoggedIn(identity, method));
    }

    fn auth_failed(&mut self, tag: Tag, failure: Failure, out: &mut Vec<u8>) {
        self.state = State::Ready;
        let (refusal, is_attempt) = match failure {
            // RFC 3501 6.2.2: BAD for what is no base64, and for `*`.
            Failure::Base64 => (Completion::bad("this is not base64"), false),
            Failure::TooLong => (Completion::bad("the response is too long"), false),
            Failure::Cancelled => (Completion::bad("cancelled"), false),
            Failure::Syntax => {
                (Completion::bad("the response breaks the mechanism's rules"), false)
            }
            // The driver's mistake, not the client's.
            Failure::OutOfOrder => {
                (Completion::no("try again later").with(Code::Unavailable), false)
            }
            Failure::Prepare(_) | Failure::Scram(_) => (wrong_credentials(), true),
            Failure::Refused(refusal) => refusal_of(refusal),
        };
        self.refuse(Some(&tag), &refusal, out);
        if !is_attempt {
            return;
        }
        self.login_failures += 1;
        self.pending.push_back(Event::LoginFailed(failure));
        let wait = self.config.tarpit.saturating_mul(self.login_failures);
        if wait > Duration::ZERO {
            self.pending.push_back(Event::Delay(wait));
        }
        if self.login_failures >= limits::AUTH_FAILURES_MAX {
            self.bye("too many failed logins", CloseReason::Logins, out);
        }
    }

    /// Answers [`Event::Authenticate`].
    pub fn auth_answered(&mut self, answer: Answer, out: &mut Vec<u8>, now: Time) {
        self.idle_since = now;
        match (std::mem::take(&mut self.state), answer) {
            (State::AuthAsked(tag, mut exchange), answer) => {
                let progress = exchange.answer(answer);
                self.auth_progress(tag, exchange, progress, out);
            }
            (State::PasswordAsked(tag), Answer::Verdict(Ok(identity))) => {
                self.logged_in(&tag, identity, LoginMethod::LoginCommand, out);
            }
            (State::PasswordAsked(tag), Answer::Verdict(Err(refusal))) => {
                self.auth_failed(tag, Failure::Refused(refusal), out);
            }
            (State::PasswordAsked(tag), Answer::Scram(_)) => {
                self.auth_failed(tag, Failure::OutOfOrder, out);
            }
            (other, _) => self.not_asked(other),
        }
    }
}

fn wrong_credentials() -> Completion {
    Completion::no("wrong name or password").with(Code::AuthenticationFailed)
}

/// RFC 5530 3: PRIVACYREQUIRED where TLS would help.
fn needs_tls(is_confidential: bool) -> Completion {
    if is_confidential {
        return Completion::no("passwords are not taken here, see CAPABILITY").with(Code::Cannot);
    }
    Completion::no("passwords are only taken over TLS, use STARTTLS or the TLS port first")
        .with(Code::PrivacyRequired)
}

/// What the client is told, and whether it counts as a failed login.
fn refusal_of(refusal: sasl::Refusal) -> (Completion, bool) {
    match refusal {
        sasl::Refusal::Credentials => (wrong_credentials(), true),
        sasl::Refusal::Authorization => {
            let text = "not allowed to act for this name";
            (Completion::no(text).with(Code::AuthorizationFailed), true)
        }
        sasl::Refusal::Disabled => {
            let text = "this login may not be used here";
            (Completion::no(text).with(Code::AuthorizationFailed), true)
        }
        sasl::Refusal::Throttled => {
            let text = "too many failed logins, try again later";
            (Completion::no(text).with(Code::Unavailable), true)
        }
        sasl::Refusal::Temporary => {
            let text = "logins cannot be checked now, try again later";
            (Completion::no(text).with(Code::Unavailable), false)
        }
    }
}
