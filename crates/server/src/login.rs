//! The logins of one connection, counted by the throttle: what the drivers of all protocols do
//! around the question *who is this?*
//!
//! Invariants
//! * While the peer's network, or its network for this account, is blocked, no login is looked at.
//! * What cannot be guessing (a client's syntax error, a fault of ours) is not counted as such.
//! * No password is kept: what is remembered of an attempt is its name and a keyed hash.

use crate::auth::Authenticator;
use crate::throttle::{Attempt, Throttle};
use crate::tls::TlsInfo;
use posthorn_base::Time;
use posthorn_base::shown::Shown;
use posthorn_proto::sasl::{Answer, Failure, Identity, LoginMethod, Question, Refusal};
use posthorn_store::directory::Scopes;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The logins of one connection.
#[derive(Debug)]
pub struct Logins {
    throttle: Arc<Throttle>,
    peer: IpAddr,
    attempt: Option<Attempt>,
}

/// A login that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The name that was tried, in lower case; empty when it came to no name.
    pub name: Box<str>,
    /// How long the reply is to be held back.
    pub hold: Duration,
}

impl Logins {
    /// None yet.
    pub fn new(throttle: Arc<Throttle>, peer: IpAddr) -> Self {
        Logins { throttle, peer, attempt: None }
    }

    /// Asked before a login is looked at. Whatever the outcome, the session reports it, and it
    /// comes to [`Logins::failed`] or [`Logins::succeeded`].
    ///
    /// # Errors
    /// The name, when the login must not be looked at: the session is answered
    /// [`Refusal::Throttled`].
    pub fn attempt(&mut self, question: &Question, now: Time) -> Result<(), Box<str>> {
        let (name, secret) = match question {
            Question::Password { authcid, password, .. } => {
                (authcid.as_ref(), Some(password.expose().as_bytes()))
            }
            Question::ScramKeys { authcid, .. } => (authcid.as_ref(), None),
            Question::Certificate { authzid } => (authzid.as_deref().unwrap_or_default(), None),
        };
        let attempt = self.throttle.attempt(name, secret);
        let allowed = self.throttle.may_log_in(self.peer, name, now).map_err(|refusal| {
            tracing::info!(login = %Shown::text(attempt.name()), %refusal, "login not looked at");
            attempt.name().into()
        });
        self.attempt = Some(attempt);
        allowed
    }

    /// Who this is, of those who may use `service`; unless no login must be looked at.
    pub async fn answer(
        &mut self,
        question: Question,
        auth: &Authenticator,
        service: Scopes,
        tls: Option<&TlsInfo>,
        now: Time,
    ) -> Answer {
        match self.attempt(&question, now) {
            Ok(()) => {
                let certificate = tls.and_then(|tls| tls.client_certificate.as_deref());
                auth.answer(question, service, certificate).await
            }
            Err(_name) => Answer::Verdict(Err(Refusal::Throttled)),
        }
    }

    /// Told of every login that failed.
    pub fn failed(&mut self, failure: &Failure, now: Time) -> Failed {
        let attempt = self.attempt.take();
        let name = attempt.as_ref().map_or("", Attempt::name);
        tracing::info!(login = %Shown::text(name), %failure, "login failed");
        let hold = match &attempt {
            Some(attempt) if is_guess(failure) => {
                self.throttle.login_failed(self.peer, attempt, now)
            }
            Some(_) | None => Duration::ZERO,
        };
        Failed { name: name.into(), hold }
    }

    /// Told of every login that succeeded.
    pub fn succeeded(&mut self, identity: &Identity, method: LoginMethod, now: Time) {
        if let Some(attempt) = self.attempt.take() {
            self.throttle.login_succeeded(self.peer, attempt.name(), now);
        }
        // What was typed may be another of its names.
        self.throttle.login_succeeded(self.peer, &identity.login, now);
        tracing::info!(login = %Shown::text(&identity.login), %method, "logged in");
    }
}

fn is_guess(failure: &Failure) -> bool {
    match failure {
        Failure::Scram(_) | Failure::Prepare(_) => true,
        Failure::Refused(refusal) => match refusal {
            Refusal::Credentials | Refusal::Authorization | Refusal::Disabled => true,
            Refusal::Throttled | Refusal::Temporary => false,
        },
        Failure::Base64
        | Failure::TooLong
        | Failure::Cancelled
        | Failure::Syntax
        | Failure::OutOfOrder => false,
    }
}
