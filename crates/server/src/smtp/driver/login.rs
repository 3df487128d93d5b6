//! Logins: asked of the handler, counted by the throttle.

use super::{Driver, Facts, Handler, Note};
use posthorn_proto::sasl::{Answer, Failure, LoginMethod, Question, Refusal, Success};

impl<H: Handler> Driver<H> {
    pub(super) async fn authenticate(&mut self, question: Question) {
        let answer = match self.logins.attempt(&question, self.steady.now()) {
            Ok(()) => self.handler.authenticate(facts!(self), question).await,
            Err(name) => {
                self.note(Note::LoginThrottled(&name));
                Answer::Verdict(Err(Refusal::Throttled))
            }
        };
        self.session.auth_answered(answer, &mut self.out.bytes);
    }

    pub(super) fn login_failed(&mut self, failure: &Failure) {
        let failed = self.logins.failed(failure, self.steady.now());
        self.out.hold_back(failed.hold);
        self.note(Note::LoginFailed(&failed.name, failure));
    }

    pub(super) fn logged_in(&mut self, success: &Success) {
        let method = LoginMethod::Sasl(success.mechanism);
        self.logins.succeeded(&success.identity, method, self.steady.now());
        self.note(Note::LoggedIn(success));
    }
}
