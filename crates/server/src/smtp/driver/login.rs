//! Logins: asked of the handler, counted by the throttle.

use super::{Driver, Facts, Handler, Note};
use crate::throttle::Attempt;
use posthorn_base::shown::Shown;
use posthorn_proto::sasl::{Answer, Failure, Identity, Question, Refusal};

impl<H: Handler> Driver<H> {
    pub(super) async fn authenticate(&mut self, question: Question) {
        let (name, secret) = match &question {
            Question::Password { authcid, password, .. } => {
                (authcid.as_ref(), Some(password.expose().as_bytes()))
            }
            Question::ScramKeys { authcid, .. } => (authcid.as_ref(), None),
            Question::Certificate { authzid } => (authzid.as_deref().unwrap_or_default(), None),
        };
        let throttle = &self.shared.throttle;
        let attempt = throttle.attempt(name, secret);
        let allowed = throttle.may_log_in(self.facts.peer.ip(), name, self.steady.now());
        let answer = match allowed {
            Ok(()) => self.handler.authenticate(facts!(self), question).await,
            Err(refusal) => {
                tracing::info!(login = %Shown::text(attempt.name()), %refusal, "login not looked at");
                self.note(Note::LoginThrottled(attempt.name()));
                Answer::Verdict(Err(Refusal::Throttled))
            }
        };
        self.attempt = Some(attempt);
        self.session.auth_answered(answer, &mut self.out);
    }

    pub(super) fn login_failed(&mut self, failure: &Failure) {
        let attempt = self.attempt.take();
        let name = attempt.as_ref().map_or("", Attempt::name);
        tracing::info!(login = %Shown::text(name), %failure, "login failed");
        let is_guess = match failure {
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
        };
        if is_guess && let Some(attempt) = &attempt {
            let peer = self.facts.peer.ip();
            let wait = self.shared.throttle.login_failed(peer, attempt, self.steady.now());
            self.hold = self.hold.max(wait);
        }
        self.note(Note::LoginFailed(name, failure));
    }

    pub(super) fn logged_in(&mut self, identity: &Identity) {
        let (peer, now) = (self.facts.peer.ip(), self.steady.now());
        if let Some(attempt) = self.attempt.take() {
            self.shared.throttle.login_succeeded(peer, attempt.name(), now);
        }
        // What was typed may be another of its names.
        self.shared.throttle.login_succeeded(peer, &identity.login, now);
        tracing::info!(login = %Shown::text(&identity.login), "logged in");
        self.note(Note::LoggedIn(identity));
    }
}
