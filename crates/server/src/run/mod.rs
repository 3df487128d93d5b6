//! A running server: its listeners, its tasks, its end.

mod service;

pub use service::ServiceKind;

use crate::auth::{AuthConfig, Authenticator};
use crate::conn::ConnectionTimeouts;
use crate::intake::{LargeMessages, Refusals};
use crate::listen::{ConnectionLimits, Door, Drained, LimitsConfig, Listener};
use crate::maintenance::{Maintenance, Retention};
use crate::memory::Budget;
use crate::node::Node;
use crate::open::OpenStore;
use crate::shutdown::{self, Shutdown, ShutdownSource};
use crate::spool::{SpoolDir, SpoolError};
use crate::system::{Ids, SystemClock};
use crate::throttle::{Throttle, ThrottleConfig};
use crate::tls::{CertificateWarning, SelfSigned, Tls, TlsConfig, TlsError};
use arc_swap::ArcSwap;
use posthorn_base::{Clock, Domain};
use service::Services;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

/// How the server is to be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name.
    pub hostname: Domain,
    /// The largest message.
    pub message_bytes_max: u64,
    /// Recipients of one message.
    pub recipients_max: usize,
    /// Silence on SMTP before the end.
    pub smtp_idle: Duration,
    /// Silence on POP3 before the end.
    pub pop3_idle: Duration,
    /// Silence on IMAP before the end.
    pub imap_idle: Duration,
    /// Received tells where a submission came from.
    pub shows_client: bool,
    /// Clients on this machine may log in without TLS.
    pub plaintext_on_loopback: bool,
    /// How many connections.
    pub limits: LimitsConfig,
    /// How fast.
    pub throttle: ThrottleConfig,
    /// Memory for messages.
    pub message_memory: usize,
    /// Memory for mailboxes as IMAP clients know them that do not follow, in octets.
    pub pinned_views: usize,
    /// Certificates.
    pub tls: TlsConfig,
    /// The certificate when there is none.
    pub self_signed: SelfSigned,
    /// How long things are kept.
    pub retention: Retention,
    /// How logins are checked.
    pub auth: AuthConfig,
    /// How long sessions may go on when the server stops.
    pub drain: Duration,
    /// Where messages are while they arrive.
    pub spool_dir: PathBuf,
    /// Free space on its disk below which no message goes to a file there, in octets.
    pub spool_reserve: u64,
    /// How long connections wait for their peers.
    pub timeouts: ConnectionTimeouts,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The directory for arriving messages.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// Threads.
    #[error("cannot start a thread")]
    Threads(#[from] std::io::Error),
}

/// A server whose listeners take connections.
#[derive(Debug)]
pub struct Running {
    node: Arc<Node>,
    store: OpenStore,
    settings: ArcSwap<Settings>,
    addresses: Vec<(ServiceKind, SocketAddr)>,
    shutdown: ShutdownSource,
    tasks: JoinSet<std::io::Result<Drained>>,
    maintenance: JoinHandle<()>,
}

impl Running {
    /// Reads the certificates of the settings, or makes one. By itself only for those who must do
    /// it before they drop the rights to.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn load_certificates(settings: &Settings) -> Result<Tls, TlsError> {
        let now = SystemClock::new().now();
        let (tls, warnings) = Tls::load(&settings.tls, Some(&settings.self_signed), now)?;
        warn_of(&warnings);
        Ok(tls)
    }

    /// Starts to serve on sockets that are bound already.
    ///
    /// # Errors
    /// When certificates or the spool directory cannot be used.
    pub fn start(
        settings: Settings,
        store: OpenStore,
        listeners: Vec<(ServiceKind, Listener)>,
    ) -> Result<Self, StartError> {
        let tls = Self::load_certificates(&settings)?;
        Self::start_with(settings, tls, store, listeners)
    }

    /// The same with certificates that were read already.
    ///
    /// # Errors
    /// When the spool directory cannot be used.
    pub fn start_with(
        settings: Settings,
        tls: Tls,
        store: OpenStore,
        listeners: Vec<(ServiceKind, Listener)>,
    ) -> Result<Self, StartError> {
        let clock = Arc::new(SystemClock::new());
        let budget = Budget::new(settings.message_memory);
        let throttle = Arc::new(Throttle::new(settings.throttle.clone()));
        let ids = Arc::new(Ids::new());
        let engine = Arc::clone(&store.engine);
        let node = Arc::new(Node {
            hostname: settings.hostname.clone(),
            files: store.files.clone(),
            hub: Arc::clone(&store.hub),
            views: Arc::clone(store.hub.views()),
            auth: Authenticator::new(
                Arc::clone(&engine),
                Arc::clone(&store.hub),
                Arc::clone(&clock) as _,
                store.meta.secret,
                settings.auth,
            ),
            refusals: Refusals::new(Arc::clone(&engine)),
            engine,
            throttle: Arc::clone(&throttle),
            spool: SpoolDir::open(&settings.spool_dir, budget.clone())?
                .with_reserve(settings.spool_reserve),
            large: LargeMessages::new(budget.clone())?,
            budget,
            tls: Arc::new(tls),
            ids: Arc::clone(&ids),
            clock: Arc::clone(&clock) as _,
            tag_separator: crate::node::TAG_SEPARATOR,
        });
        let limits = ConnectionLimits::new(settings.limits.clone());
        let door = Arc::new(Door { limits, throttle, ids });
        let (source, shutdown) = shutdown::channel();
        let services = Services::new(Arc::clone(&node), settings.clone(), door, Arc::clone(&clock));
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for (kind, listener) in listeners {
            addresses.push((kind, listener.address()));
            services.serve(kind, listener, shutdown.clone(), &mut tasks);
        }
        let files = store.files.clone();
        let maintenance = Maintenance::new(Arc::clone(&node.engine), files, settings.retention);
        let maintenance = tokio::spawn(maintenance.run(clock, shutdown));
        let settings = ArcSwap::from_pointee(settings);
        Ok(Running { maintenance, node, store, settings, addresses, shutdown: source, tasks })
    }

    /// Where each service really listens.
    pub fn addresses(&self) -> &[(ServiceKind, SocketAddr)] {
        &self.addresses
    }

    /// What the sessions share.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The store.
    pub fn store(&self) -> &OpenStore {
        &self.store
    }

    /// Told when the server is to stop, for those who serve beside the listeners.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.subscribe()
    }

    /// Reads the certificates again. On an error everything stays as it was.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn reload_certificates(&self, tls: TlsConfig) -> Result<(), TlsError> {
        let settings = self.settings.load();
        let warnings = self.node.tls.reload(&tls, Some(&settings.self_signed), self.node.now())?;
        warn_of(&warnings);
        let settings = Settings { tls, ..Settings::clone(&settings) };
        self.settings.store(Arc::new(settings));
        Ok(())
    }

    /// Waits until the store has failed for good; says why. The server must stop then.
    pub async fn failed(&self) -> String {
        self.store.hub.failed().await
    }

    /// Ends in order: no new connections, sessions come to their end or are cut, the store is
    /// closed.
    pub async fn stop(mut self) -> Drained {
        self.shutdown.drain();
        let mut sum = Drained::default();
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(Ok(drained)) => {
                    sum.finished += drained.finished;
                    sum.aborted += drained.aborted;
                }
                Ok(Err(error)) => tracing::error!(%error, "a listener failed"),
                Err(error) => tracing::error!(%error, "a listener's task failed"),
            }
        }
        if let Err(error) = self.maintenance.await {
            tracing::error!(%error, "the maintenance failed");
        }
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store was not closed in order; nothing is lost");
        }
        sum
    }
}

fn warn_of(warnings: &[CertificateWarning]) {
    for warning in warnings {
        tracing::warn!(%warning, "certificate");
    }
}
