//! What an IMAP session is told about its place in the world.

use crate::sasl::{Mechanisms, Offer};
use crate::tls::TlsInfo;
use posthorn_base::{Domain, limits};
use std::time::Duration;

/// The settings of one listener's sessions; shared by all of them.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our name, in the greeting.
    pub hostname: Domain,
    /// SASL mechanisms that may be offered, as far as the connection can carry them. LOGIN is
    /// taken where PLAIN is: both hand over the password itself.
    pub mechanisms: Mechanisms,
    /// Logins are also allowed without TLS: for listeners on loopback, when the operator says so.
    pub auth_without_tls: bool,
    /// A certificate is there, so STARTTLS is offered.
    pub starttls: bool,
    /// Silence before the connection is closed; RFC 3501 5.4: at least 30 minutes.
    pub idle_max: Duration,
    /// How long the reply to a failed login is held back, times the failures so far. Zero: not.
    pub tarpit: Duration,
    /// The largest message that APPEND takes, announced as APPENDLIMIT (RFC 7889).
    pub message_bytes_max: u64,
}

impl Config {
    /// The defaults under a name.
    pub fn new(hostname: Domain) -> Config {
        Config {
            hostname,
            mechanisms: Mechanisms::ALL,
            auth_without_tls: false,
            starttls: false,
            idle_max: limits::IMAP_IDLE_MAX,
            tarpit: limits::IMAP_TARPIT,
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
        }
    }

    /// What may be used to log in on a connection with or without TLS.
    pub(super) fn offer(&self, tls: Option<&TlsInfo>) -> Offer {
        Offer::new(self.mechanisms, self.auth_without_tls, tls)
    }
}
