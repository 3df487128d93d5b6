//! Conversations as text files: `C:` what the client sends, `S:` what the server must say.
//!
//! The format is described in `tests/transcripts/README.md`. The same files run against a session
//! in memory and against a real server: a test gives a [`World`], which opens [`Connection`]s.

mod pattern;
mod run;
mod script;
mod tcp;
mod text;

pub use run::{Failure, run, run_dir, run_file};
pub use script::{ParseError, Script};
pub use tcp::{Stream, TcpConnection, Upgrade};

use std::io;
use std::time::Duration;

/// Where a transcript's connections lead.
pub trait World {
    /// Takes a `config: key=value` line; all of them come before the first connection. An error
    /// says that the key or value is unknown: the transcript is wrong, or not meant for this world.
    fn config(&mut self, key: &str, value: &str) -> Result<(), String>;
    /// Opens a connection.
    fn connect(&mut self) -> io::Result<Box<dyn Connection>>;
    /// Lets this much time pass, for all connections. An error says that this world's clock is
    /// real.
    fn wait(&mut self, time: Duration) -> Result<(), String>;
}

/// One connection, seen from the client.
pub trait Connection {
    /// Sends bytes. Sending to a server that has closed is no error: its last words can be read.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// What the server sends next.
    fn receive(&mut self) -> io::Result<Received>;
    /// What has arrived already, without waiting for more.
    fn pending(&mut self) -> io::Result<Vec<u8>>;
    /// Goes over to TLS as the client.
    fn start_tls(&mut self) -> io::Result<()>;
    /// Closes the client's sending side.
    fn close(&mut self) -> io::Result<()>;
}

/// What [`Connection::receive`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// At least one byte.
    Bytes(Vec<u8>),
    /// The server has closed.
    Closed,
    /// Nothing, and nothing will come until the client sends (in memory), or nothing came within
    /// the time limit (network).
    Silent,
}
