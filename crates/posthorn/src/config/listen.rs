//! Where the server listens.

use super::section::section;
use super::value::{AtMost, Fault, Setting, read_text, text_setting};
use posthorn_base::limits;
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use toml::Spanned;
use toml::de::DeValue;

section! {
    /// Where each protocol listens.
    ///
    /// An address is written as `"192.0.2.1:25"` or `"[2001:db8::1]:25"`; `"*:25"` means every
    /// address of this machine, IPv4 and IPv6. An empty list switches the protocol off. Sockets
    /// that systemd hands over under a protocol's name (`FileDescriptorName=smtp`) take the place
    /// of its list.
    ///
    /// Ports below 1024 are bound before the rights to do so are dropped.
    pub struct Listen {
        /// Mail from other servers (RFC 5321). The port is 25 for the whole world.
        smtp: Vec<Endpoint> = vec![Endpoint::Any(25)], in AtMost(limits::LISTEN_ADDRESSES_MAX);
        /// Mail from the users' own programs, with STARTTLS (RFC 6409).
        submission: Vec<Endpoint> = vec![Endpoint::Any(587)],
            in AtMost(limits::LISTEN_ADDRESSES_MAX);
        /// Mail from the users' own programs, with TLS from the first byte (RFC 8314 3.3). Prefer
        /// it.
        submissions: Vec<Endpoint> = vec![Endpoint::Any(465)],
            in AtMost(limits::LISTEN_ADDRESSES_MAX);
        /// Fetching mail, with STLS (RFC 1939, RFC 2595).
        pop3: Vec<Endpoint> = vec![Endpoint::Any(110)], in AtMost(limits::LISTEN_ADDRESSES_MAX);
        /// Fetching mail, with TLS from the first byte (RFC 8314 3.1). Prefer it.
        pop3s: Vec<Endpoint> = vec![Endpoint::Any(995)], in AtMost(limits::LISTEN_ADDRESSES_MAX);
        /// Reading mail, with STARTTLS (RFC 3501).
        imap: Vec<Endpoint> = vec![Endpoint::Any(143)], in AtMost(limits::LISTEN_ADDRESSES_MAX);
        /// Reading mail, with TLS from the first byte (RFC 8314 3.2). Prefer it.
        imaps: Vec<Endpoint> = vec![Endpoint::Any(993)], in AtMost(limits::LISTEN_ADDRESSES_MAX);
    }
}

impl Listen {
    /// Every protocol's name and its addresses.
    pub fn by_protocol(&self) -> [(&'static str, &[Endpoint]); 7] {
        [
            ("smtp", &self.smtp),
            ("submission", &self.submission),
            ("submissions", &self.submissions),
            ("pop3", &self.pop3),
            ("pop3s", &self.pop3s),
            ("imap", &self.imap),
            ("imaps", &self.imaps),
        ]
    }
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// On every address of this machine.
    Any(u16),
    /// On one address.
    One(SocketAddr),
}

impl Endpoint {
    /// The port; 0 lets the system choose a free one.
    pub fn port(self) -> u16 {
        match self {
            Endpoint::Any(port) => port,
            Endpoint::One(address) => address.port(),
        }
    }
}

/// Why a text is no [`Endpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not an address.
    #[error("this is not an IP address with a port")]
    Address,
    /// No port at the end, or not 0 to 65535.
    #[error("the port is missing or not a number from 0 to 65535")]
    Port,
}

impl FromStr for Endpoint {
    type Err = EndpointError;
    fn from_str(text: &str) -> Result<Endpoint, EndpointError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Endpoint::One(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(EndpointError::Port)?;
        let port = match port.parse::<u16>() {
            Ok(port) if port.to_string() == text.get(host.len() + 1..).unwrap_or_default() => port,
            _ => return Err(EndpointError::Port),
        };
        match host {
            "*" => Ok(Endpoint::Any(port)),
            _ => Err(EndpointError::Address),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Any(port) => write!(f, "*:{port}"),
            Endpoint::One(address) => address.fmt(f),
        }
    }
}

text_setting! {
    Endpoint: "address with a port: `\"*:25\"`, `\"192.0.2.1:25\"` or `\"[2001:db8::1]:25\"`";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        #[track_caller]
        fn check(text: &str, want: Result<Endpoint, EndpointError>) {
            assert_eq!(text.parse::<Endpoint>(), want, "{text}");
            if let Ok(endpoint) = want {
                assert_eq!(endpoint.to_string(), text);
            }
        }
        check("*:25", Ok(Endpoint::Any(25)));
        check("127.0.0.1:0", Ok(Endpoint::One("127.0.0.1:0".parse().unwrap())));
        check("[::1]:995", Ok(Endpoint::One("[::1]:995".parse().unwrap())));
        check("25", Err(EndpointError::Port));
        check("*:", Err(EndpointError::Port));
        check("*:+25", Err(EndpointError::Port));
        check("*:65536", Err(EndpointError::Port));
        check("localhost:25", Err(EndpointError::Address));
        check("::1:25", Err(EndpointError::Address));
    }
}
