//! Connections to a real server on loopback.

use super::{Connection, Received};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may think before it counts as silent. Only failing tests wait this long.
const SILENCE: Duration = Duration::from_secs(20);

/// What a connection reads from and writes to: TCP, or TLS over it.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Makes a TLS client of a connection; the testkit has no TLS of its own.
pub type Upgrade = Box<dyn FnOnce(TcpStream) -> io::Result<Box<dyn Stream>>>;

/// A connection to a listening server.
pub struct TcpConnection {
    socket: TcpStream,
    stream: Box<dyn Stream>,
    upgrade: Option<Upgrade>,
}

impl std::fmt::Debug for TcpConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpConnection").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl TcpConnection {
    /// Connects. `upgrade` is used by `C: <starttls>`, or right away when `implicit_tls`.
    pub fn connect(
        address: SocketAddr,
        upgrade: Option<Upgrade>,
        implicit_tls: bool,
    ) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_nodelay(true)?;
        let stream = Box::new(socket.try_clone()?);
        let mut connection = TcpConnection { socket, stream, upgrade };
        if implicit_tls {
            connection.start_tls()?;
        }
        Ok(connection)
    }
}

/// The server may have closed already; its last words are still to be read.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

impl Connection for TcpConnection {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.stream.write_all(bytes).and_then(|()| self.stream.flush()) {
            Err(error) if is_gone(&error) => Ok(()),
            done => done,
        }
    }

    fn receive(&mut self) -> io::Result<Received> {
        let mut buffer = [0; 16 * 1024];
        loop {
            return match self.stream.read(&mut buffer) {
                Ok(0) => Ok(Received::Closed),
                Ok(n) => Ok(Received::Bytes(buffer.iter().copied().take(n).collect())),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    Ok(Received::Silent)
                }
                Err(e) if is_gone(&e) => Ok(Received::Closed),
                Err(e) => Err(e),
            };
        }
    }

    fn pending(&mut self) -> io::Result<Vec<u8>> {
        self.socket.set_nonblocking(true)?;
        let received = self.receive();
        self.socket.set_nonblocking(false)?;
        match received? {
            Received::Bytes(bytes) => Ok(bytes),
            Received::Closed | Received::Silent => Ok(Vec::new()),
        }
    }

    fn start_tls(&mut self) -> io::Result<()> {
        let upgrade = self.upgrade.take().ok_or_else(|| io::Error::other("no TLS in this test"))?;
        self.stream = upgrade(self.socket.try_clone()?)?;
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
}
