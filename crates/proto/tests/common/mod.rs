//! What the drivers of POP3 and IMAP sessions in memory have in common: who may log in, TLS, and
//! playing transcripts.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

pub(crate) mod transcripts;

use posthorn_base::{AccountId, CredentialId};
use posthorn_proto::sasl::scram::{ScramKeys, derive};
use posthorn_proto::sasl::{
    Answer, ChannelBindings, Failure, Identity, LoginMethod, Question, Refusal, ScramAnswer,
    Verdict,
};
use posthorn_proto::tls::TlsInfo;
use posthorn_testkit::SimClock;
use std::num::NonZeroU32;
use std::time::Duration;

/// alice@example.com, whose password is `secret` and whose name is a login, too; and what became of
/// the logins of all connections.
pub(crate) struct Logins {
    pub(crate) clock: SimClock,
    /// What every login is refused for.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) failures: Vec<Failure>,
    /// By which methods logins succeeded.
    pub(crate) methods: Vec<LoginMethod>,
    pub(crate) delays: Vec<Duration>,
}

impl Logins {
    pub(crate) fn new() -> Logins {
        Logins {
            clock: SimClock::new(),
            refusal: None,
            failures: Vec::new(),
            methods: Vec::new(),
            delays: Vec::new(),
        }
    }

    fn verdict(&self, authcid: &str, is_right: bool) -> Verdict {
        let is_alice = matches!(authcid, "alice" | "alice@example.com");
        match self.refusal {
            Some(refusal) => Err(refusal),
            None if is_alice && is_right => Ok(Identity {
                account: AccountId::new(1).unwrap(),
                login: "alice@example.com".into(),
                credential: CredentialId::new(1).unwrap(),
            }),
            None => Err(Refusal::Credentials),
        }
    }

    pub(crate) fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Password { authzid: Some(_), .. }
            | Question::ScramKeys { authzid: Some(_), .. }
            | Question::Certificate { authzid: Some(_) } => {
                Answer::Verdict(Err(Refusal::Authorization))
            }
            Question::Password { authcid, password, authzid: None } => {
                Answer::Verdict(self.verdict(authcid, password.expose() == "secret"))
            }
            Question::ScramKeys { authcid, authzid: None } => {
                let iterations = NonZeroU32::new(4096).unwrap();
                let keys = match &**authcid {
                    "alice" => derive("secret", b"0123456789abcdef", iterations).unwrap(),
                    _ => ScramKeys::fake(b"key", authcid, iterations),
                };
                let verdict = self.verdict(authcid, true);
                let others = Vec::new();
                Answer::Scram(Box::new(ScramAnswer { keys, nonce: [1; 18], verdict, others }))
            }
            Question::Certificate { authzid: None } => Answer::Verdict(self.verdict("alice", true)),
        }
    }
}

/// TLS that can be bound to.
pub(crate) fn tls(client_certificate: bool) -> TlsInfo {
    TlsInfo {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        group: None,
        bindings: ChannelBindings { exporter: Some([4; 32]), end_point: None },
        client_certificate,
    }
}
