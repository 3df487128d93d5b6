//! Which mechanisms there are, and which of them a connection is offered.

use super::ChannelBindings;
use crate::tls::TlsInfo;
use std::fmt;

/// A SASL mechanism that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Never standardised, spoken by everybody: asks for `Username:` and `Password:`.
    Login,
    /// RFC 7677, without channel binding.
    ScramSha256,
    /// RFC 7677, bound to the TLS connection.
    ScramSha256Plus,
    /// RFC 4422 appendix A: the client's TLS certificate says who it is.
    External,
}

impl Mechanism {
    /// All of them, in the order in which they are announced.
    pub const ALL: [Mechanism; 5] = [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::ScramSha256,
        Mechanism::ScramSha256Plus,
        Mechanism::External,
    ];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::External => "EXTERNAL",
        }
    }

    /// The mechanism of this name, in any case of letters (as RFC 5034 5 and RFC 4954 8 allow).
    pub fn parse(name: &[u8]) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|m| m.name().as_bytes().eq_ignore_ascii_case(name))
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How somebody logged in: what the story and the log say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginMethod {
    /// By a SASL exchange.
    Sasl(Mechanism),
    /// By POP3's own commands (RFC 1939 7).
    UserPass,
    /// By IMAP's own command (RFC 3501 6.2.3), which is not the SASL mechanism of that name.
    LoginCommand,
}

impl LoginMethod {
    /// The word for people.
    pub const fn name(self) -> &'static str {
        match self {
            LoginMethod::Sasl(mechanism) => mechanism.name(),
            LoginMethod::UserPass => "USER/PASS",
            LoginMethod::LoginCommand => "LOGIN command",
        }
    }
}

impl fmt::Display for LoginMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of mechanisms. `Display` writes it as the protocols announce it: `PLAIN LOGIN`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// No mechanism.
    pub const NONE: Mechanisms = Mechanisms(0);
    /// Every mechanism.
    pub const ALL: Mechanisms = Mechanisms(0b1_1111);

    /// This set and one more.
    pub const fn with(self, mechanism: Mechanism) -> Mechanisms {
        Mechanisms(self.0 | mechanism.bit())
    }
    /// This set without one.
    pub const fn without(self, mechanism: Mechanism) -> Mechanisms {
        Mechanisms(self.0 & !mechanism.bit())
    }
    /// True when the mechanism is in the set.
    pub const fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & mechanism.bit() != 0
    }
    /// True when there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The mechanisms, in the order in which they are announced.
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.into_iter().filter(move |m| self.contains(*m))
    }
    /// Reads names separated by spaces, as EHLO, CAPA and the configuration write them; names that
    /// we don't know are left out.
    pub fn parse(names: &str) -> Mechanisms {
        let known = names.split_ascii_whitespace().filter_map(|n| Mechanism::parse(n.as_bytes()));
        known.fold(Mechanisms::NONE, Mechanisms::with)
    }
}

impl fmt::Display for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mechanism) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(mechanism.name())?;
        }
        Ok(())
    }
}
impl fmt::Debug for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mechanisms({self})")
    }
}

/// What a connection may use, given the configuration and its TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What the configuration allows.
    pub allowed: Mechanisms,
    /// The connection is encrypted, or the configuration trusts its path (loopback). Without,
    /// nothing is offered: not even SCRAM, whose login would be safe but whose connection can be
    /// taken over right after it, and which hands an eavesdropper what it takes to guess the
    /// password offline.
    pub confidential: bool,
    /// What the TLS connection can be bound to.
    pub bindings: ChannelBindings,
    /// The client showed a certificate that TLS verified.
    pub certificate: bool,
}

/// Why a mechanism cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// We don't know it, it is switched off, or this connection lacks what it needs.
    #[error("this mechanism is not offered")]
    NotOffered,
    /// It will be offered once the connection is encrypted.
    #[error("this mechanism needs encryption first")]
    NeedsEncryption,
}

impl Offer {
    /// Nothing: for a listener without logins.
    pub const fn nothing() -> Offer {
        Offer {
            allowed: Mechanisms::NONE,
            confidential: false,
            bindings: ChannelBindings::none(),
            certificate: false,
        }
    }

    /// What `allowed` comes to on a connection with or without TLS. `trusted_path`: logins are
    /// allowed without it, too.
    pub fn new(allowed: Mechanisms, trusted_path: bool, tls: Option<&TlsInfo>) -> Offer {
        Offer {
            allowed,
            confidential: tls.is_some() || trusted_path,
            bindings: tls.map(|tls| tls.bindings.clone()).unwrap_or_default(),
            certificate: tls.is_some_and(|tls| tls.client_certificate),
        }
    }

    /// True where the protocols' own commands for a name and a password may be used: they hand over
    /// the password itself, as PLAIN does.
    pub fn takes_passwords(&self) -> bool {
        self.mechanisms().contains(Mechanism::Plain)
    }

    /// The mechanisms to announce now.
    pub fn mechanisms(&self) -> Mechanisms {
        if !self.confidential {
            return Mechanisms::NONE;
        }
        let mut offered = self.allowed;
        // RFC 5802 6: the -PLUS name is announced only when a channel binding is at hand.
        if self.bindings.is_empty() {
            offered = offered.without(Mechanism::ScramSha256Plus);
        }
        if !self.certificate {
            offered = offered.without(Mechanism::External);
        }
        offered
    }

    /// The mechanism that a client asked for by name.
    pub fn select(&self, name: &[u8]) -> Result<Mechanism, SelectError> {
        let mechanism = Mechanism::parse(name).ok_or(SelectError::NotOffered)?;
        if self.mechanisms().contains(mechanism) {
            Ok(mechanism)
        } else if !self.confidential && self.allowed.contains(mechanism) {
            Err(SelectError::NeedsEncryption)
        } else {
            Err(SelectError::NotOffered)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sets() {
        for mechanism in Mechanism::ALL {
            let name = mechanism.name();
            assert_eq!(Mechanism::parse(name.to_lowercase().as_bytes()), Some(mechanism));
            assert_eq!(Mechanisms::parse(name), Mechanisms::NONE.with(mechanism));
        }
        assert_eq!(Mechanism::parse(b"SCRAM-SHA-256-PLU"), None);
        assert_eq!(Mechanism::parse(b""), None);
        let all = "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL";
        assert_eq!(Mechanisms::ALL.to_string(), all);
        assert_eq!(Mechanisms::parse("login CRAM-MD5 plain").to_string(), "PLAIN LOGIN");
        assert!(Mechanisms::parse("").is_empty());
    }

    #[test]
    fn what_is_offered_depends_on_the_connection() {
        let mut offer = Offer { allowed: Mechanisms::ALL, ..Offer::nothing() };
        assert!(offer.mechanisms().is_empty());
        assert_eq!(offer.select(b"PLAIN"), Err(SelectError::NeedsEncryption));
        assert_eq!(offer.select(b"GSSAPI"), Err(SelectError::NotOffered));
        offer.confidential = true;
        assert_eq!(offer.mechanisms().to_string(), "PLAIN LOGIN SCRAM-SHA-256");
        assert_eq!(offer.select(b"plain"), Ok(Mechanism::Plain));
        assert_eq!(offer.select(b"SCRAM-SHA-256-PLUS"), Err(SelectError::NotOffered));
        offer.bindings.exporter = Some([0; 32]);
        offer.certificate = true;
        assert_eq!(offer.mechanisms(), Mechanisms::ALL);
        offer.allowed = offer.allowed.without(Mechanism::Login);
        assert_eq!(offer.select(b"LOGIN"), Err(SelectError::NotOffered));
    }
}
