//! Binding what the configuration says, while we may.

use super::systemd::Inherited;
use crate::config::{Endpoint, Listen};
use crate::exit::{Exit, Explain};
use posthorn_server::listen::{ListenError, Listener, bind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Why there are no listeners.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be had.
    #[error("[listen] {protocol}: {source}")]
    Address {
        /// The protocol.
        protocol: &'static str,
        /// What is wrong.
        source: ListenError,
    },
    /// Systemd hands over a socket under a name that we do not know.
    #[error("systemd handed over a socket named {0:?}, which is no protocol")]
    UnknownName(String),
}

impl Explain for BindError {
    fn exit(&self) -> Exit {
        match self {
            BindError::Address { source, .. } => match source.source.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::Unavailable,
            },
            BindError::UnknownName(_) => Exit::Config,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            // The error of an address says it itself.
            BindError::Address { .. } => None,
            BindError::UnknownName(_) => Some(
                "set FileDescriptorName= in the socket unit to smtp, submission, submissions, \
                 pop3, pop3s, imap or imaps"
                    .to_owned(),
            ),
        }
    }
}

/// The listeners of one protocol.
#[derive(Debug)]
pub struct Bound {
    /// The protocol's name, as in `[listen]`.
    pub protocol: &'static str,
    /// Its sockets; empty when it is switched off.
    pub listeners: Vec<Listener>,
}

/// Binds every address of `listen`, or none. For a protocol whose sockets were inherited, they take
/// the place of its addresses.
pub fn bind_all(listen: &Listen, mut inherited: Inherited) -> Result<Vec<Bound>, BindError> {
    let mut all = Vec::new();
    for (protocol, endpoints) in listen.by_protocol() {
        let listeners = match inherited.take(protocol) {
            sockets if !sockets.is_empty() => sockets,
            _ => bind_protocol(endpoints)
                .map_err(|source| BindError::Address { protocol, source })?,
        };
        all.push(Bound { protocol, listeners });
    }
    match inherited.into_names().into_iter().next() {
        Some(name) => Err(BindError::UnknownName(name)),
        None => Ok(all),
    }
}

fn bind_protocol(endpoints: &[Endpoint]) -> Result<Vec<Listener>, ListenError> {
    let with_any = |any: IpAddr| -> Vec<SocketAddr> {
        let address = |endpoint: &Endpoint| match endpoint {
            Endpoint::Any(port) => SocketAddr::new(any, *port),
            Endpoint::One(address) => *address,
        };
        endpoints.iter().map(address).collect()
    };
    match bind(&with_any(IpAddr::V6(Ipv6Addr::UNSPECIFIED))) {
        // A machine without IPv6: every address means every IPv4 address.
        Err(error) if is_any_v6(&error) && !is_taken(&error) => {
            bind(&with_any(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
        }
        bound => bound,
    }
}

fn is_any_v6(error: &ListenError) -> bool {
    error.address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

/// The port is the trouble, not the address family.
fn is_taken(error: &ListenError) -> bool {
    use std::io::ErrorKind::{AddrInUse, PermissionDenied};
    matches!(error.source.kind(), AddrInUse | PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn only(smtp: Vec<Endpoint>) -> Listen {
        let none = Vec::new;
        Listen {
            smtp,
            submission: none(),
            submissions: none(),
            pop3: none(),
            pop3s: none(),
            imap: none(),
            imaps: none(),
        }
    }

    #[test]
    fn a_star_is_every_address() {
        let bound = bind_all(&only(vec![Endpoint::Any(0)]), Inherited::none()).unwrap();
        assert_eq!(bound.len(), 7);
        assert!(bound.iter().skip(1).all(|bound| bound.listeners.is_empty()));
        let port = bound[0].listeners[0].address().port();
        TcpStream::connect(("127.0.0.1", port)).unwrap();
    }

    #[test]
    fn a_taken_port_names_its_protocol() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint::One(taken.local_addr().unwrap());
        let error = bind_all(&only(vec![endpoint]), Inherited::none()).unwrap_err();
        assert_eq!(error.exit(), Exit::Unavailable);
        assert!(error.to_string().starts_with("[listen] smtp: cannot listen on 127.0.0.1:"));
    }

    #[test]
    fn inherited_sockets_take_the_place_of_addresses() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let want = socket.local_addr().unwrap();
        let inherited =
            Inherited::of(vec![("smtp".into(), Listener::from_socket(socket).unwrap())]);
        let bound = bind_all(&only(vec![Endpoint::Any(1)]), inherited).unwrap();
        assert_eq!(bound[0].listeners[0].address(), want);

        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stray = Inherited::of(vec![("web".into(), Listener::from_socket(socket).unwrap())]);
        let error = bind_all(&only(Vec::new()), stray).unwrap_err();
        assert!(matches!(&error, BindError::UnknownName(name) if name == "web"), "{error}");
    }
}
