//! The server's side of every mechanism, behind one machine.

use super::mechanism::{Mechanism, Offer};
use super::prepare::PrepareError;
use super::scram::{ScramError, ScramKeys, ScramServer};
use super::{Secret, external, login, plain};
use posthorn_base::{AccountId, CredentialId};

/// Who has logged in, as the driver found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account to act for.
    pub account: AccountId,
    /// The login's full name, for logs, grants and stories.
    pub login: Box<str>,
    /// What opened the account. A long session asks from time to time whether it still does.
    pub credential: CredentialId,
}

/// Why the driver refuses a login. To the client, only [`Refusal::Credentials`] says that the name
/// and password did not match; the others are for logins that did, or that were not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unknown name, wrong password, unknown certificate: never told apart.
    #[error("wrong name or password")]
    Credentials,
    /// The login is right but may not act for the requested identity.
    #[error("not allowed to act for the requested identity")]
    Authorization,
    /// The login is right but switched off, expired or not meant for this protocol.
    #[error("this login may not be used here")]
    Disabled,
    /// Too many failures from this network or for this account; nothing was looked up.
    #[error("too many failed logins, try again later")]
    Throttled,
    /// The account's data cannot be reached now.
    #[error("logins cannot be checked now")]
    Temporary,
}

/// The driver's judgement of a login.
pub type Verdict = Result<Identity, Refusal>;

/// What the driver must look up before the exchange can go on.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// Is this the password? Answered by [`Answer::Verdict`].
    Password {
        /// Whose password.
        authcid: Box<str>,
        /// Whom to act for; `None` for the same (also when the client wrote the same name).
        authzid: Option<Box<str>>,
        /// The password.
        password: Secret,
    },
    /// What are this name's SCRAM keys? Answered by [`Answer::Scram`], also for unknown names, or
    /// by [`Answer::Verdict`] with a refusal that does not depend on the name.
    ScramKeys {
        /// Whose keys.
        authcid: Box<str>,
        /// Whom to act for; `None` for the same.
        authzid: Option<Box<str>>,
    },
    /// Whom does the client's TLS certificate name? Answered by [`Answer::Verdict`].
    Certificate {
        /// Whom to act for; `None` for whom the certificate names.
        authzid: Option<Box<str>>,
    },
}

/// The driver's answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// To every question.
    Verdict(Verdict),
    /// To [`Question::ScramKeys`].
    Scram(Box<ScramAnswer>),
}

/// What a SCRAM exchange needs to know of a name.
#[derive(Debug)]
pub struct ScramAnswer {
    /// The keys; [`ScramKeys::fake`] ones for a name that has none.
    pub keys: ScramKeys,
    /// Fresh bytes from a cryptographically strong source, for the server's nonce.
    pub nonce: [u8; 18],
    /// Who it is, told only once the client has proved that it knows the password. For an unknown
    /// name: [`Refusal::Credentials`].
    pub verdict: Verdict,
    /// The account's further passwords (app passwords), each with its own verdict. Their keys must
    /// have the salt and the iterations of `keys`: the client is told these before we can know
    /// which password it holds.
    pub others: Vec<(ScramKeys, Verdict)>,
}

/// A login that succeeded.
#[derive(Debug, PartialEq, Eq)]
pub struct Success {
    /// Who it is.
    pub identity: Identity,
    /// By which mechanism.
    pub mechanism: Mechanism,
}

/// A login that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Not base64 (SMTP: 501 5.5.2).
    #[error("the response is not base64")]
    Base64,
    /// More than `limits::SASL_RESPONSE_BYTES_MAX`.
    #[error("the response is too long")]
    TooLong,
    /// The client sent `*`.
    #[error("cancelled by the client")]
    Cancelled,
    /// The response breaks the mechanism's grammar.
    #[error("the response breaks the mechanism's grammar")]
    Syntax,
    /// A name or password that SASLprep refuses. To the client: wrong credentials (RFC 4616 2).
    #[error("name or password: {0}")]
    Prepare(#[from] PrepareError),
    /// SCRAM's own checks failed.
    #[error("SCRAM: {0}")]
    Scram(#[from] ScramError),
    /// The driver refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A response while none was asked for, or an answer that fits no question: the driver's
    /// mistake.
    #[error("response or answer out of order")]
    OutOfOrder,
}

/// What happens next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the client and give its response to [`Server::respond`].
    Challenge(Vec<u8>),
    /// Give the answer to [`Server::answer`].
    Ask(Question),
    /// Logged in. `data` goes to the client with the success (RFC 4422 5, item 2b); protocols whose
    /// success cannot carry it send it as one more challenge.
    Done {
        /// Who.
        success: Success,
        /// Additional data with the success.
        data: Option<Vec<u8>>,
    },
    /// Not logged in; the machine is at its end.
    Failed(Failure),
}

impl From<Failure> for Step {
    fn from(failure: Failure) -> Step {
        Step::Failed(failure)
    }
}

/// One authentication exchange.
#[derive(Debug)]
pub struct Server {
    mechanism: Mechanism,
    state: State,
}

/// Each state holds what the exchange knows in it.
#[derive(Debug)]
enum State {
    PlainMessage,
    LoginName,
    LoginPassword {
        authcid: Box<str>,
    },
    ExternalMessage,
    Scram(ScramServer),
    /// A verdict ends it.
    AwaitVerdict,
    Ended,
}

impl Server {
    /// Starts an exchange; `initial` is the client's initial response, if it sent one. The
    /// mechanism has been chosen by [`Offer::select`].
    pub fn start(mechanism: Mechanism, offer: &Offer, initial: Option<&[u8]>) -> (Server, Step) {
        let state = match mechanism {
            Mechanism::Plain => State::PlainMessage,
            Mechanism::Login => State::LoginName,
            Mechanism::External => State::ExternalMessage,
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => {
                State::Scram(ScramServer::new(mechanism, offer))
            }
        };
        let mut server = Server { mechanism, state };
        let step = match initial {
            Some(response) => server.respond(response),
            // LOGIN speaks first; it has always taken an initial response for the name as well.
            None if mechanism == Mechanism::Login => Step::Challenge(login::NAME_PROMPT.to_vec()),
            // RFC 4422 5.1: a client-first mechanism without initial response gets an empty
            // challenge.
            None => Step::Challenge(Vec::new()),
        };
        (server, step)
    }

    /// The mechanism of this exchange.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the client's response to the last challenge.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        self.try_respond(response).unwrap_or_else(Step::from)
    }

    fn try_respond(&mut self, response: &[u8]) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::PlainMessage => {
                let question = plain::parse(response)?;
                self.state = State::AwaitVerdict;
                Ok(Step::Ask(question))
            }
            State::LoginName => {
                let authcid = login::name(response)?;
                self.state = State::LoginPassword { authcid };
                Ok(Step::Challenge(login::PASSWORD_PROMPT.to_vec()))
            }
            State::LoginPassword { authcid } => {
                let password = login::password(response)?;
                self.state = State::AwaitVerdict;
                Ok(Step::Ask(Question::Password { authcid, authzid: None, password }))
            }
            State::ExternalMessage => {
                let question = external::parse(response)?;
                self.state = State::AwaitVerdict;
                Ok(Step::Ask(question))
            }
            State::Scram(mut scram) => {
                let step = scram.respond(response)?;
                self.state = State::Scram(scram);
                Ok(step)
            }
            State::AwaitVerdict | State::Ended => Err(Failure::OutOfOrder),
        }
    }

    /// Takes the driver's answer to the last question.
    pub fn answer(&mut self, answer: Answer) -> Step {
        match (std::mem::replace(&mut self.state, State::Ended), answer) {
            (_, Answer::Verdict(Err(refusal))) => Failure::Refused(refusal).into(),
            (State::AwaitVerdict, Answer::Verdict(Ok(identity))) => {
                Step::Done { success: Success { identity, mechanism: self.mechanism }, data: None }
            }
            (State::Scram(mut scram), Answer::Scram(answer)) => {
                let step = scram.answer(*answer);
                self.state = State::Scram(scram);
                step.unwrap_or_else(Step::from)
            }
            (_, Answer::Verdict(Ok(_)) | Answer::Scram(_)) => Failure::OutOfOrder.into(),
        }
    }
}
