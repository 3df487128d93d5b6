//! Sockets that wait for connections.

use posthorn_base::limits;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Connections that the kernel holds until we take them.
const BACKLOG: i32 = 1024;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(source))]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program has this port: see `ss -ltnp`, stop it or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need root, CAP_NET_BIND_SERVICE or a socket from systemd"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
}

/// Listens on all the addresses, or on none. `[::]` takes IPv4 too, unless `0.0.0.0` with the same
/// port is among them.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<Listener>, ListenError> {
    let bind_one = |address: &SocketAddr| {
        let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
        let both = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !addresses.contains(&v4);
        Listener::bind(*address, both)
    };
    addresses.iter().map(bind_one).collect()
}

impl Listener {
    fn bind(address: SocketAddr, both: bool) -> Result<Self, ListenError> {
        let bound = || {
            let socket =
                Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            if address.is_ipv6() {
                // The system's default differs between machines; ours does not.
                socket.set_only_v6(!both)?;
            }
            // Connections of the process before us may still be in TIME_WAIT.
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            Self::from_socket(socket.into())
        };
        bound().map_err(|source| ListenError { address, source })
    }

    /// A socket that somebody else bound, for example systemd.
    pub fn from_socket(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // What is set here, the connections inherit. Our replies are whole when we write them.
        let shared = SockRef::from(&socket);
        shared.set_tcp_nodelay(true)?;
        #[cfg(target_os = "linux")]
        shared.set_tcp_notsent_lowat(limits::CONNECTION_UNSENT_BYTES_MAX)?;
        let address = socket.local_addr()?;
        Ok(Listener { socket, address })
    }

    /// The address, with the real port where the kernel chose it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For the accept loop. Must be called within the runtime.
    pub(super) fn into_tokio(self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_kernel_chooses_and_we_report_it() {
        let listeners = bind(&[address("127.0.0.1:0"), address("127.0.0.1:0")]).unwrap();
        assert!(listeners.iter().all(|listener| listener.address().port() != 0));
        TcpStream::connect(listeners[0].address()).unwrap();
    }

    #[test]
    fn a_taken_port_is_explained() {
        let first = bind(&[address("127.0.0.1:0")]).unwrap();
        let error = bind(&[first[0].address()]).unwrap_err().to_string();
        assert!(error.contains("another program has this port"), "{error}");
        let error = bind(&[address("192.0.2.1:0")]).unwrap_err().to_string();
        assert!(error.contains("no such address"), "{error}");
    }

    #[test]
    fn sockets_from_elsewhere() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let want = socket.local_addr().unwrap();
        assert_eq!(Listener::from_socket(socket).unwrap().address(), want);
    }
}
