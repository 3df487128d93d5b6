//! The loop around a session, the same for every protocol: read, work, write, wait.
//!
//! ```text
//!            +--> work: the session takes what was read, step by step --+
//!            |                                                          |
//!          wait: input, deadline, end of the server                   write
//!            |                                                          |
//!            +--- TLS handshake, compression, or nothing in between <---+
//! ```
//!
//! What is one protocol's own (its events, what it asks of the store, what else it waits for) is
//! its [`Dialogue`].
//!
//! Invariants
//! * Replies go out before the loop waits for the peer, and not before a delay that the peer
//!   earned.
//! * Input that stood before a TLS handshake is not read after it.
//! * Who sends commands without end takes turns with the others.
//! * The word that the server stops reaches a session once.

use crate::conn::{CloseReason, Connection, ConnectionTimeouts};
use crate::shutdown::Shutdown;
use crate::tls::{Offer, Tls, TlsInfo};
use bytes::{Buf, BytesMut};
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

/// The settings of one listener.
#[derive(Debug)]
pub struct Setup<C> {
    /// For the sessions.
    pub config: Arc<C>,
    /// What TLS offers.
    pub offer: Offer,
    /// TLS comes first (ports 465, 993, 995).
    pub implicit_tls: bool,
    /// How long to wait for the peer.
    pub timeouts: ConnectionTimeouts,
}

impl<C> Setup<C> {
    /// The connection over a socket that was accepted, after its handshake where TLS comes first.
    /// `None` when that failed, which the log says.
    pub(crate) async fn connection(
        &self,
        stream: TcpStream,
        (peer, local): (SocketAddr, SocketAddr),
        tls: &Tls,
    ) -> Option<Connection> {
        let conn = Connection::plain(stream, peer, local, self.timeouts);
        if !self.implicit_tls {
            return Some(conn);
        }
        // Boxed, as every handshake: it is large, and over in a moment.
        match Box::pin(conn.start_tls(tls, self.offer)).await {
            Ok(conn) => Some(conn),
            Err(reason) => {
                tracing::info!(%reason, "closed before the greeting");
                None
            }
        }
    }
}

/// Replies that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// Where sessions append them.
    pub(crate) bytes: Vec<u8>,
    hold: Duration,
}

impl Replies {
    /// Holds them back for this long, counted from when they are about to be written.
    pub(crate) fn hold_back(&mut self, hold: Duration) {
        self.hold = self.hold.max(hold);
    }

    /// Sends them, late if the peer earned that. False when there was nothing to send.
    pub(crate) async fn write(&mut self, conn: &mut Connection) -> Result<bool, CloseReason> {
        if self.bytes.is_empty() {
            return Ok(false);
        }
        let hold = std::mem::take(&mut self.hold);
        if !hold.is_zero() {
            sleep(hold).await;
        }
        conn.send_now(&self.bytes).await?;
        // Freed, not cleared: the next reply may be hours away.
        self.bytes = Vec::new();
        Ok(true)
    }
}

/// What the loop does after a step of the session.
#[derive(Debug)]
pub(crate) enum Step {
    /// Takes the next step.
    Next,
    /// Writes, then takes the next step.
    Flush,
    /// Writes, then waits.
    Wait,
    /// Writes, then makes the handshake.
    StartTls,
    /// Writes, then compresses.
    Compress,
    /// Writes and ends.
    Close(CloseReason),
}

impl Step {
    /// The session waits for an answer that it was not given.
    pub(crate) fn left_open() -> Step {
        Step::Close(CloseReason::Internal("a question of the session was left open".into()))
    }
}

/// Why the waiting is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// There is input, or something else was done: the session goes on.
    Input,
    /// The server stops.
    Stopping,
}

/// Hears that the server stops, once.
#[derive(Debug)]
pub(crate) struct Stopping {
    shutdown: Shutdown,
    is_heard: bool,
}

impl Stopping {
    /// Returns when the server stops, and never again. Safe to cancel.
    pub(crate) async fn heard(&mut self) {
        if self.is_heard {
            return pending().await;
        }
        self.shutdown.draining().await;
        self.is_heard = true;
    }
}

/// Waits for input.
///
/// # Errors
/// [`CloseReason::IdleTimeout`] at the deadline; and every end of a connection.
pub(crate) async fn input(
    conn: &mut Connection,
    deadline: Instant,
    stopping: &mut Stopping,
) -> Result<Woken, CloseReason> {
    tokio::select! {
        read = conn.read(deadline) => read.map(|_| Woken::Input),
        () = stopping.heard() => Ok(Woken::Stopping),
    }
}

/// One protocol's part in the loop.
pub(crate) trait Dialogue: Send {
    /// What TLS offers here.
    fn tls(&self) -> (&Tls, Offer);

    /// The first words.
    fn greet(
        &mut self,
        conn: &mut Connection,
    ) -> impl Future<Output = Result<(), CloseReason>> + Send;

    /// Lets the session use some of the input, and does what it asks for.
    fn step(
        &mut self,
        conn: &mut Connection,
        input: &mut &[u8],
    ) -> impl Future<Output = Result<Step, CloseReason>> + Send;

    /// Sends the replies that are there.
    fn write(
        &mut self,
        conn: &mut Connection,
    ) -> impl Future<Output = Result<(), CloseReason>> + Send;

    /// Waits until the session has something to do.
    fn wait(
        &mut self,
        conn: &mut Connection,
        stopping: &mut Stopping,
    ) -> impl Future<Output = Result<Woken, CloseReason>> + Send;

    /// The peer was silent for too long.
    fn timed_out(&mut self);

    /// The server stops.
    fn drain(&mut self);

    /// The handshake that the session asked for is made.
    fn tls_started(&mut self, tls: &TlsInfo);

    /// Both directions are compressed from now on. Protocols without compression never ask for it.
    fn compressed(&mut self) {}
}

/// From the greeting to the end. The connection is `None` when nothing can be said on it any more.
pub(crate) async fn converse(
    dialogue: &mut impl Dialogue,
    mut conn: Connection,
    shutdown: Shutdown,
) -> (Option<Connection>, CloseReason) {
    let mut stopping = Stopping { shutdown, is_heard: false };
    if let Err(reason) = dialogue.greet(&mut conn).await {
        return (Some(conn), reason);
    }
    loop {
        let step = match work(dialogue, &mut conn).await {
            Ok(step) => step,
            Err(reason) => return (Some(conn), reason),
        };
        if let Err(reason) = dialogue.write(&mut conn).await {
            return (Some(conn), reason);
        }
        match step {
            Step::Next | Step::Flush => {}
            Step::Close(reason) => return (Some(conn), reason),
            Step::StartTls => {
                let (tls, offer) = dialogue.tls();
                conn = match Box::pin(conn.start_tls(tls, offer)).await {
                    Ok(conn) => conn,
                    Err(reason) => return (None, reason),
                };
                if let Some(tls) = conn.tls() {
                    dialogue.tls_started(tls);
                }
            }
            Step::Compress => {
                conn.start_compression();
                dialogue.compressed();
            }
            Step::Wait => match dialogue.wait(&mut conn, &mut stopping).await {
                Ok(Woken::Input) => {}
                Ok(Woken::Stopping) => dialogue.drain(),
                Err(CloseReason::IdleTimeout) => dialogue.timed_out(),
                Err(reason) => return (Some(conn), reason),
            },
        }
    }
}

/// Lets the session work through the input.
async fn work(dialogue: &mut impl Dialogue, conn: &mut Connection) -> Result<Step, CloseReason> {
    let mut input: BytesMut = conn.take_input();
    let mut rest: &[u8] = &input;
    let step = loop {
        match dialogue.step(conn, &mut rest).await? {
            Step::Next => {}
            Step::Flush => {
                dialogue.write(conn).await?;
                yield_now().await;
            }
            step @ (Step::Wait | Step::StartTls | Step::Compress | Step::Close(_)) => break step,
        }
    };
    if matches!(step, Step::StartTls) {
        rest = &[];
    }
    let used = input.len() - rest.len();
    input.advance(used);
    conn.put_back(input);
    Ok(step)
}
