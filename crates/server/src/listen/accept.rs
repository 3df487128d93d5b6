//! The loop that takes connections and looks after their tasks.

use super::{Admission, ConnectionLimits, LimitReached, Listener};
use crate::log::{self, Seldom};
use crate::shutdown::Shutdown;
use crate::system::Ids;
use crate::throttle::{Refusal, Throttle};
use posthorn_base::{Clock, ConnectionId};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

/// The first pause when the system has no room for another connection, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// What strangers cause is logged at most this often per listener.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What a peer that is not let in is told, as whole lines of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalTexts {
    /// When a limit is reached: worth another try soon.
    pub busy: &'static [u8],
    /// When the network is blocked.
    pub blocked: &'static [u8],
}

/// What a listener serves.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name, in logs and for the limit per service.
    pub name: &'static str,
    /// `None` where TLS comes first: nothing in plaintext can be said there.
    pub refusals: Option<RefusalTexts>,
}

/// Who may come in. One for all listeners.
#[derive(Debug)]
pub struct Door {
    /// How many at once.
    pub limits: ConnectionLimits,
    /// How fast, and who is blocked.
    pub throttle: Arc<Throttle>,
    /// Ids for connections.
    pub ids: Arc<Ids>,
}

#[derive(Debug, thiserror::Error)]
enum Turned {
    #[error(transparent)]
    Limit(#[from] LimitReached),
    #[error(transparent)]
    Throttle(#[from] Refusal),
}

impl Door {
    fn admit(
        &self,
        service: &'static str,
        peer: IpAddr,
        clock: &dyn Clock,
    ) -> Result<Admission, Turned> {
        let now = clock.now();
        self.throttle.connect(peer, now)?;
        Ok(self.limits.admit(service, peer, self.throttle.is_trusted(peer, now))?)
    }
}

/// A connection that was let in. Its place is given back when this is dropped.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, with TCP_NODELAY: replies are small and waited for.
    pub stream: TcpStream,
    /// The peer's address, IPv4 as IPv4.
    pub peer: SocketAddr,
    /// Our address, IPv4 as IPv4.
    pub local: SocketAddr,
    /// Its id.
    pub id: ConnectionId,
    /// Its place among the connections.
    pub admission: Admission,
    /// Tells when to come to an end.
    pub shutdown: Shutdown,
}

/// How the connections of a listener ended when it was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Came to their end in time.
    pub finished: usize,
    /// Were cut.
    pub aborted: usize,
}

/// Where connections come from: a socket, or a test that also makes errors.
pub(super) trait Source: Send {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Source for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }
}

/// Takes connections until `shutdown`, each in a task of its own that `handle` makes; then waits up
/// to `drain` for those that are open, and cuts the rest.
///
/// # Errors
/// Only when the socket cannot be used in this runtime at all.
pub async fn serve<H, F>(
    listener: Listener,
    service: Service,
    door: Arc<Door>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    drain: Duration,
    handle: H,
) -> io::Result<Drained>
where
    H: Fn(Accepted) -> F + Send + Sync,
    F: Future<Output = ()> + Send + 'static,
{
    let local = listener.address();
    let source = listener.into_tokio()?;
    let accepting = Accepting {
        service,
        door,
        clock,
        shutdown,
        local,
        tasks: JoinSet::new(),
        pause: PAUSE_MIN,
        refused: Seldom::every(LOG_INTERVAL),
        failed: Seldom::every(LOG_INTERVAL),
    };
    Ok(accepting.run(source, drain, handle).await)
}

struct Accepting {
    service: Service,
    door: Arc<Door>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    local: SocketAddr,
    tasks: JoinSet<()>,
    pause: Duration,
    refused: Seldom,
    failed: Seldom,
}

impl Accepting {
    async fn run<S, H, F>(mut self, mut source: S, drain: Duration, handle: H) -> Drained
    where
        S: Source,
        H: Fn(Accepted) -> F + Send + Sync,
        F: Future<Output = ()> + Send + 'static,
    {
        tracing::info!(service = self.service.name, address = %self.local, "listening");
        let mut shutdown = self.shutdown.clone();
        loop {
            tokio::select! {
                // The word to stop comes first, so that whoever ends because of it is counted
                // below.
                biased;
                () = shutdown.draining() => break,
                Some(ended) = self.tasks.join_next() => report(ended),
                accepted = source.accept() => match accepted {
                    Ok((stream, peer)) => {
                        self.pause = PAUSE_MIN;
                        self.take(stream, peer, &handle);
                    }
                    Err(error) => self.after(&error).await,
                },
            }
        }
        drop(source); // from now on the kernel refuses
        self.drain(drain).await
    }

    fn take<H, F>(&mut self, stream: TcpStream, peer: SocketAddr, handle: &H)
    where
        H: Fn(Accepted) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let admission = match self.door.admit(self.service.name, peer.ip(), self.clock.as_ref()) {
            Ok(admission) => admission,
            Err(turned) => return self.refuse(&stream, peer, &turned),
        };
        // The peer may be gone already; its task will find that out.
        let local = stream.local_addr().unwrap_or(self.local);
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let id = self.door.ids.next(self.clock.now());
        let span = log::connection(id, self.service.name, peer);
        let shutdown = self.shutdown.clone();
        let accepted = Accepted { stream, peer, local, id, admission, shutdown };
        self.tasks.spawn(handle(accepted).instrument(span));
    }

    /// Says why, if the kernel takes it at once: a fresh connection has room for a line.
    fn refuse(&self, stream: &TcpStream, peer: SocketAddr, turned: &Turned) {
        if let Some(texts) = &self.service.refusals {
            let text = match turned {
                Turned::Limit(_) | Turned::Throttle(Refusal::TooFast(_)) => texts.busy,
                Turned::Throttle(Refusal::Blocked { .. }) => texts.blocked,
            };
            if let Err(error) = stream.try_write(text) {
                tracing::debug!(%peer, %error, "a refused peer did not wait for the reason");
            }
        }
        if let Some(others) = self.refused.pass(self.clock.now()) {
            let service = self.service.name;
            tracing::info!(service, %peer, reason = %turned, others, "connection refused");
        }
    }

    async fn after(&mut self, error: &io::Error) {
        match error.kind() {
            // Errors of one connection, which ended before we could take it (accept(2)).
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock => {}
            // EMFILE, ENFILE, ENOBUFS, ENOMEM and whatever else: the connection stays in the
            // kernel's queue, and accepting again at once would only burn the processor.
            _ => {
                if let Some(others) = self.failed.pass(self.clock.now()) {
                    let service = self.service.name;
                    tracing::error!(service, %error, others, "cannot accept connections for now");
                }
                let mut shutdown = self.shutdown.clone();
                tokio::select! {
                    () = shutdown.draining() => {}
                    () = sleep(self.pause) => {}
                }
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
        }
    }

    async fn drain(mut self, limit: Duration) -> Drained {
        let open = self.tasks.len();
        let wait = async {
            while let Some(ended) = self.tasks.join_next().await {
                report(ended);
            }
        };
        let aborted = match timeout(limit, wait).await {
            Ok(()) => 0,
            Err(_) => self.tasks.len(),
        };
        self.tasks.shutdown().await;
        let service = self.service.name;
        if aborted > 0 {
            tracing::warn!(service, aborted, "connections did not end in time and were cut");
        }
        Drained { finished: open - aborted, aborted }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task failed; this is a bug, please report it");
    }
}

#[cfg(test)]
mod tests;
