//! What one SMTP session is told about its place in the world.

use crate::sasl::Mechanisms;
use posthorn_base::{Domain, limits};
use std::time::Duration;

/// Which service a listener offers. The difference is who may send what to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Port 25: other servers bring mail for our domains. No AUTH.
    Mx,
    /// Port 587: our users send mail, after STARTTLS and AUTH (RFC 6409).
    Submission,
    /// Port 465: as 587, with TLS from the first byte (RFC 8314 3.3).
    Submissions,
}

impl Service {
    /// True where MAIL needs a login (RFC 6409 4.3).
    pub fn is_submission(self) -> bool {
        match self {
            Service::Mx => false,
            Service::Submission | Service::Submissions => true,
        }
    }
}

/// The settings of one listener's sessions; shared by all of them.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name: in the greeting, in EHLO's reply and in Received.
    pub hostname: Domain,
    /// Which service this is.
    pub service: Service,
    /// The largest message in bytes, announced as SIZE (RFC 1870).
    pub message_bytes_max: u64,
    /// Recipients of one message, announced as RCPTMAX (RFC 9422).
    pub recipients_max: usize,
    /// Messages on one connection, announced as MAILMAX (RFC 9422).
    pub messages_max: u32,
    /// Errors on one connection, without a message in between, before it is closed.
    pub errors_max: u32,
    /// SASL mechanisms that may be offered. Only submission offers them, and only what the
    /// connection can carry (`-PLUS` needs a channel binding, EXTERNAL a certificate).
    pub mechanisms: Mechanisms,
    /// AUTH is also allowed without TLS: for listeners on loopback, when the operator says so.
    pub auth_without_tls: bool,
    /// A certificate is there, so STARTTLS is offered.
    pub starttls: bool,
    /// DSN is announced (RFC 3461). Its parameters are understood and kept either way.
    pub dsn: bool,
    /// BINARYMIME is announced and taken (RFC 3030).
    pub binarymime: bool,
    /// REQUIRETLS is announced under TLS, and taken (RFC 8689). Unannounced it is refused: to take
    /// it and not to honour it would break the sender's one demand.
    pub requiretls: bool,
    /// How long the driver waits before the greeting, to see who speaks before it. Zero: not at
    /// all.
    pub greeting_pause: Duration,
    /// A client that speaks before the greeting is refused (554).
    pub early_talkers_refused: bool,
    /// Silence before the connection is closed.
    pub idle_max: Duration,
    /// How long a client's bad behaviour is answered late: after each failed login, and for each
    /// error after the first few. Zero: never.
    pub tarpit: Duration,
}

impl Config {
    /// The defaults for a service under a name.
    pub fn new(hostname: Domain, service: Service) -> Config {
        Config {
            hostname,
            service,
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            recipients_max: limits::SMTP_RECIPIENTS_MAX,
            messages_max: limits::SMTP_MESSAGES_PER_CONNECTION_MAX,
            errors_max: limits::SMTP_ERRORS_MAX,
            mechanisms: Mechanisms::NONE,
            auth_without_tls: false,
            starttls: false,
            dsn: false,
            binarymime: false,
            requiretls: false,
            greeting_pause: Duration::ZERO,
            early_talkers_refused: true,
            idle_max: limits::SMTP_IDLE_MAX,
            tarpit: limits::SMTP_TARPIT,
        }
    }
}
