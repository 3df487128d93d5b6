//! A server from its open sockets to its end: signals, reloads, the watchdog, the control socket.
//!
//! Invariants
//! * It says that it is ready when every listener takes connections and the control socket answers.
//! * SIGTERM and SIGINT drain and stop it; a second one of them stops it at once. What was
//!   acknowledged is safe either way.
//! * SIGHUP and `posthorn reload` do the same.
//! * When the store can write no more, the server ends with a failure, so that whoever supervises
//!   it starts it again: only opening the store recovers it.

use crate::exit::{Exit, Explain, Failure};
use crate::startup::systemd;
use posthorn_server::control::{self, Operations, Refusal, ReloadOrder, reload_orders};
use posthorn_server::listen::Listener;
use posthorn_server::open::{EngineError, OpenStore, StoreError, StoreSettings};
use posthorn_server::run::{Running, ServiceKind, Settings, StartError};
use posthorn_server::system::SystemClock;
use posthorn_server::tls::Tls;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Why a server does not start, or has to end.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The store.
    #[error("cannot open the store")]
    Store(#[source] StoreError),
    /// Certificates, the spool directory.
    #[error("cannot start the server")]
    Start(#[from] StartError),
    /// The system gives no signals.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    /// The store has failed for good.
    #[error("the store can write no more: {0}")]
    Failed(String),
}

impl Explain for ServingError {
    fn exit(&self) -> Exit {
        match self {
            ServingError::Store(error) => store_exit(error),
            ServingError::Start(StartError::Tls(_)) => Exit::Config,
            ServingError::Start(StartError::Spool(_)) => Exit::CannotCreate,
            ServingError::Start(StartError::Threads(_)) | ServingError::Signals(_) => Exit::System,
            ServingError::Failed(_) => Exit::InputOutput,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            ServingError::Store(StoreError::Engine(EngineError::Owned(_))) => {
                Some("a server runs with this store already, or a command works on it".to_owned())
            }
            ServingError::Failed(_) => {
                Some("look at the disk, then start the server again: it recovers".to_owned())
            }
            ServingError::Store(_) | ServingError::Start(_) | ServingError::Signals(_) => None,
        }
    }
}

/// The exit code of a store that cannot be opened.
pub fn store_exit(error: &StoreError) -> Exit {
    match error {
        StoreError::Engine(EngineError::Owned(_) | EngineError::Unavailable(_)) => {
            Exit::Unavailable
        }
        StoreError::Engine(EngineError::Io(_)) => Exit::InputOutput,
        StoreError::Engine(EngineError::TooNew { .. }) => Exit::Config,
        StoreError::Engine(EngineError::Corrupt(_)) => Exit::DataError,
        StoreError::Engine(error) if error.is_temporary() => Exit::TemporaryFailure,
        _ => Exit::Software,
    }
}

/// What a server is started with.
#[derive(Debug)]
pub struct Parts {
    /// How it is to be.
    pub settings: Settings,
    /// Where its store is.
    pub store: StoreSettings,
    /// Certificates that were read while that was allowed; none for those that can be read, or
    /// made, at any time.
    pub tls: Option<Tls>,
    /// Its sockets.
    pub listeners: Vec<(ServiceKind, Listener)>,
}

/// A server that takes connections.
#[derive(Debug)]
pub struct Serving {
    running: Running,
    operations: Arc<Operations>,
    control: JoinHandle<()>,
    orders: mpsc::Receiver<ReloadOrder>,
    signals: Signals,
}

#[derive(Debug)]
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, ServingError> {
        let listen = |kind| signal(kind).map_err(ServingError::Signals);
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The word to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The word to stop, or to reload.
    async fn next(&mut self) -> Word {
        tokio::select! {
            _ = self.terminate.recv() => Word::Stop,
            _ = self.interrupt.recv() => Word::Stop,
            _ = self.hang_up.recv() => Word::HangUp,
        }
    }
}

/// What the server is told.
enum Word {
    Stop,
    HangUp,
    Reload(ReloadOrder),
    Alive,
    Failed(String),
}

impl Serving {
    /// Opens the store and starts to serve.
    pub async fn start(parts: Parts) -> Result<Serving, Failure> {
        let signals = Signals::listen()?;
        let Parts { settings, store: store_settings, tls, listeners } = parts;
        let clock = SystemClock::new();
        let store = OpenStore::open(&store_settings, &clock).await.map_err(ServingError::Store)?;
        // With the store's lock held, a socket that is left behind is nobody's.
        let socket = control::Listener::bind(&store_settings.dir)?;
        let running = match tls {
            Some(tls) => Running::start_with(settings, tls, store, listeners),
            None => Running::start(settings, store, listeners),
        };
        let running = running.map_err(ServingError::Start)?;
        let (reload, orders) = reload_orders();
        let operations = Arc::new(Operations::of(&running, reload));
        let control = tokio::spawn(socket.serve(Arc::clone(&operations), running.shutdown()));
        Ok(Serving { running, operations, control, orders, signals })
    }

    /// Where each service really listens.
    pub fn addresses(&self) -> &[(ServiceKind, SocketAddr)] {
        self.running.addresses()
    }

    /// What commands can have done.
    pub fn operations(&self) -> &Arc<Operations> {
        &self.operations
    }

    /// Serves until it is told to stop, or has to. `reload` may block: it runs where nobody is
    /// served.
    pub async fn until_told(
        mut self,
        mut reload: impl FnMut(&Running) -> Result<(), Refusal>,
    ) -> Result<(), Failure> {
        let status = self.status();
        systemd::ready(&status);
        let failure = loop {
            match self.next_word().await {
                Word::Stop => break None,
                Word::Failed(why) => break Some(ServingError::Failed(why)),
                Word::Alive => systemd::alive(),
                Word::HangUp => {
                    // What went wrong is in the log: nobody waits for an answer.
                    let _ = reloaded(&status, || reload(&self.running));
                }
                Word::Reload(order) => {
                    // Whoever asked may have gone away.
                    let _ = order.send(reloaded(&status, || reload(&self.running)));
                }
            }
        };
        systemd::stopping();
        self.stop().await;
        failure.map_or(Ok(()), |failure| Err(failure.into()))
    }

    async fn next_word(&mut self) -> Word {
        // Twice within the time, as sd_watchdog_enabled(3) recommends.
        let pause = systemd::watchdog().map(|time| time / 2);
        let alive = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            word = self.signals.next() => word,
            Some(order) = self.orders.recv() => Word::Reload(order),
            why = self.running.failed() => Word::Failed(why),
            () = alive => Word::Alive,
        }
    }

    fn status(&self) -> String {
        let listening = self.addresses().iter().map(|(kind, at)| format!("{} {at}", kind.name()));
        format!("serving {}", listening.collect::<Vec<_>>().join(", "))
    }

    async fn stop(mut self) {
        tracing::info!("stopping");
        let control = self.control;
        let stopping = async {
            let drained = self.running.stop().await;
            // Requests under way may still need an answer; the store is closed for them by now.
            let _ = tokio::time::timeout(Duration::from_secs(1), control).await;
            tracing::info!(finished = drained.finished, cut = drained.aborted, "stopped");
        };
        tokio::select! {
            () = stopping => {}
            () = self.signals.stop() => tracing::warn!("told to stop again: stopping at once"),
        }
    }
}

fn reloaded(status: &str, reload: impl FnOnce() -> Result<(), Refusal>) -> Result<(), Refusal> {
    systemd::reloading();
    let outcome = reload();
    match &outcome {
        Ok(()) => tracing::info!("configuration and certificates are read again"),
        Err(refusal) => tracing::error!(
            causes = ?refusal.causes,
            "the reload failed, everything stays as it was: {refusal}"
        ),
    }
    systemd::ready(status);
    outcome
}
