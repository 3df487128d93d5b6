//! From a name and password, or a SASL exchange, to an open maildrop.

use super::{LINE_TOO_LONG, Session, State};
use crate::pop3::command::Transaction;
use crate::pop3::event::{CloseReason, Event, OpenError};
use crate::pop3::maildrop::{Deletions, Maildrop};
use crate::pop3::response::{self, Code, Refusal};
use crate::sasl::{self, Answer, Exchange, Failure, LoginMethod, Progress, Success};
use posthorn_base::{Time, limits};
use std::time::Duration;

impl Session {
    pub(super) fn auth_progress(
        &mut self,
        exchange: Box<Exchange>,
        progress: Progress,
        out: &mut Vec<u8>,
    ) {
        match progress {
            Progress::Challenge(text) => {
                response::line(out, format_args!("+ {text}"));
                self.state = State::AuthLine(exchange);
            }
            Progress::Ask(question) => {
                self.state = State::AuthAsked(exchange);
                self.pending.push_back(Event::Authenticate(question));
            }
            Progress::Done(Success { identity, mechanism }) => {
                self.state = State::OpenAsked;
                let method = LoginMethod::Sasl(mechanism);
                self.pending.push_back(Event::OpenMaildrop(identity, method));
            }
            Progress::Failed(failure) => self.auth_failed(failure, out),
        }
    }

    pub(super) fn auth_failed(&mut self, failure: Failure, out: &mut Vec<u8>) {
        self.state = State::Authorization(None);
        let (refusal, is_attempt) = match failure {
            Failure::Base64 => (Refusal::plain("this is not base64"), false),
            Failure::TooLong => (LINE_TOO_LONG, false),
            Failure::Cancelled => (Refusal::plain("cancelled"), false),
            Failure::Syntax => (Refusal::plain("the response breaks the mechanism's rules"), false),
            // The driver's mistake, not the client's.
            Failure::OutOfOrder => (Refusal::new(Code::SysTemp, "try again later"), false),
            Failure::Prepare(_) => (WRONG_CREDENTIALS, true),
            Failure::Scram(_) => (Refusal::new(Code::Auth, "authentication failed"), true),
            Failure::Refused(refusal) => refusal_of(refusal),
        };
        refusal.write(out);
        if !is_attempt {
            let is_ours = matches!(failure, Failure::OutOfOrder | Failure::Refused(_));
            if !is_ours {
                self.mistake(out);
            }
            return;
        }
        self.login_failures += 1;
        self.pending.push_back(Event::LoginFailed(failure));
        let wait = self.config.tarpit.saturating_mul(self.login_failures);
        if wait > Duration::ZERO {
            self.pending.push_back(Event::Delay(wait));
        }
        if self.login_failures >= limits::AUTH_FAILURES_MAX {
            self.state = State::Closed(CloseReason::Logins);
        }
    }

    /// Answers [`Event::Authenticate`].
    pub fn auth_answered(&mut self, answer: Answer, out: &mut Vec<u8>, now: Time) {
        self.idle_since = now;
        match (std::mem::take(&mut self.state), answer) {
            (State::AuthAsked(mut exchange), answer) => {
                let progress = exchange.answer(answer);
                self.auth_progress(exchange, progress, out);
            }
            (State::PasswordAsked, Answer::Verdict(Ok(identity))) => {
                self.state = State::OpenAsked;
                let method = LoginMethod::UserPass;
                self.pending.push_back(Event::OpenMaildrop(identity, method));
            }
            (State::PasswordAsked, Answer::Verdict(Err(refusal))) => {
                self.auth_failed(Failure::Refused(refusal), out);
            }
            (State::PasswordAsked, Answer::Scram(_)) => self.auth_failed(Failure::OutOfOrder, out),
            (other, _) => self.not_asked(other),
        }
    }

    /// Answers [`Event::OpenMaildrop`]. A maildrop that cannot be opened leaves the client where it
    /// may log in again (RFC 1939 4).
    pub fn maildrop_opened(
        &mut self,
        opened: Result<Maildrop, OpenError>,
        out: &mut Vec<u8>,
        now: Time,
    ) {
        self.idle_since = now;
        match (std::mem::take(&mut self.state), opened) {
            (State::OpenAsked, Ok(maildrop)) => {
                let messages = response::messages(maildrop.len());
                let octets = maildrop.total();
                response::ok(out, format_args!("maildrop has {messages} ({octets} octets)"));
                let deletions = Deletions::none();
                self.state = State::Transaction(Box::new(Transaction { maildrop, deletions }));
            }
            (State::OpenAsked, Err(error)) => {
                self.state = State::Authorization(None);
                match error {
                    OpenError::InUse => {
                        Refusal::new(Code::InUse, "the maildrop is open in another session")
                    }
                    OpenError::Temporary => {
                        Refusal::new(Code::SysTemp, "the maildrop cannot be read now")
                    }
                    OpenError::Permanent => {
                        Refusal::new(Code::SysPerm, "the maildrop cannot be read")
                    }
                }
                .write(out);
            }
            (other, _) => self.not_asked(other),
        }
    }
}

const WRONG_CREDENTIALS: Refusal = Refusal::new(Code::Auth, "wrong name or password");

/// What the client is told, and whether it counts as a failed login.
fn refusal_of(refusal: sasl::Refusal) -> (Refusal, bool) {
    match refusal {
        sasl::Refusal::Credentials => (WRONG_CREDENTIALS, true),
        sasl::Refusal::Authorization => {
            (Refusal::new(Code::Auth, "not allowed to act for this name"), true)
        }
        sasl::Refusal::Disabled => {
            (Refusal::new(Code::Auth, "this login may not be used here"), true)
        }
        sasl::Refusal::Throttled => {
            (Refusal::new(Code::SysTemp, "too many failed logins, try again later"), true)
        }
        sasl::Refusal::Temporary => {
            (Refusal::new(Code::SysTemp, "logins cannot be checked now, try again later"), false)
        }
    }
}
