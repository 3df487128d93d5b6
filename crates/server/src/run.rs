//! A running server: its listeners, its tasks, its end.

use crate::auth::{AuthConfig, Authenticator};
use crate::conn::ConnectionTimeouts;
use crate::intake::{Intake, Refusals};
use crate::listen::{self, ConnectionLimits, Door, Drained, LimitsConfig, Listener, RefusalTexts};
use crate::memory::Budget;
use crate::node::Node;
use crate::open::OpenStore;
use crate::shutdown::{self, Shutdown, ShutdownSource};
use crate::smtp;
use crate::spool::{SpoolDir, SpoolError};
use crate::system::{Ids, SystemClock};
use crate::throttle::{Throttle, ThrottleConfig};
use crate::tls::{Alpn, CertificateWarning, Offer, SelfSigned, Tls, TlsConfig, TlsError};
use arc_swap::ArcSwap;
use posthorn_base::{Clock, Domain};
use posthorn_proto::sasl::Mechanisms;
use posthorn_proto::smtp::{Config as SmtpConfig, Service};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A protocol on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// Mail from other servers, 25.
    Smtp,
    /// Mail from our users, 587.
    Submission,
    /// The same with TLS from the first byte, 465.
    Submissions,
}

impl ServiceKind {
    /// Every service.
    pub const ALL: [ServiceKind; 3] =
        [ServiceKind::Smtp, ServiceKind::Submission, ServiceKind::Submissions];

    /// Its name in the configuration, in logs and in stories.
    pub const fn name(self) -> &'static str {
        match self {
            ServiceKind::Smtp => "smtp",
            ServiceKind::Submission => "submission",
            ServiceKind::Submissions => "submissions",
        }
    }

    /// The service of this name.
    pub fn named(name: &str) -> Option<ServiceKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn is_implicit_tls(self) -> bool {
        match self {
            ServiceKind::Submissions => true,
            ServiceKind::Smtp | ServiceKind::Submission => false,
        }
    }

    const fn refusals(self) -> Option<RefusalTexts> {
        if self.is_implicit_tls() {
            return None;
        }
        Some(RefusalTexts {
            busy: b"421 4.7.0 Too many connections, try again later\r\n",
            blocked: b"554 5.7.1 Your network is blocked here for now\r\n",
        })
    }
}

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
    /// Certificates.
    pub tls: TlsConfig,
    /// The certificate when there is none.
    pub self_signed: SelfSigned,
    /// How logins are checked.
    pub auth: AuthConfig,
    /// How long sessions may go on when the server stops.
    pub drain: Duration,
    /// Where messages are while they arrive.
    pub spool_dir: PathBuf,
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
            spool: SpoolDir::open(&settings.spool_dir, budget.clone())?,
            budget,
            tls: Arc::new(tls),
            ids: Arc::clone(&ids),
            clock: Arc::clone(&clock) as _,
            tag_separator: '+',
        });
        let limits = ConnectionLimits::new(settings.limits.clone());
        let door = Arc::new(Door { limits, throttle, ids });
        let (source, shutdown) = shutdown::channel();
        let mut tasks = JoinSet::new();
        let mut addresses = Vec::new();
        for (kind, listener) in listeners {
            addresses.push((kind, listener.address()));
            let start = Start { node: &node, settings: &settings, door: &door, clock: &clock };
            start.serve(kind, listener, shutdown.clone(), &mut tasks);
        }
        let settings = ArcSwap::from_pointee(settings);
        Ok(Running { node, store, settings, addresses, shutdown: source, tasks })
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

/// What starting a listener needs.
struct Start<'a> {
    node: &'a Arc<Node>,
    settings: &'a Settings,
    door: &'a Arc<Door>,
    clock: &'a Arc<SystemClock>,
}

impl Start<'_> {
    fn serve(
        &self,
        kind: ServiceKind,
        listener: Listener,
        shutdown: Shutdown,
        tasks: &mut JoinSet<std::io::Result<Drained>>,
    ) {
        let service = listen::Service { name: kind.name(), refusals: kind.refusals() };
        let (door, clock) = (Arc::clone(self.door), Arc::clone(self.clock) as Arc<dyn Clock>);
        let drain = self.settings.drain;
        match kind {
            ServiceKind::Smtp => self.smtp(kind, Service::Mx),
            ServiceKind::Submission => self.smtp(kind, Service::Submission),
            ServiceKind::Submissions => self.smtp(kind, Service::Submissions),
        }
        .spawn(listener, service, door, clock, shutdown, drain, tasks);
    }

    fn smtp(&self, kind: ServiceKind, service: Service) -> SmtpListener {
        let settings = self.settings;
        let mut config = SmtpConfig::new(settings.hostname.clone(), service);
        config.message_bytes_max = settings.message_bytes_max;
        config.recipients_max = settings.recipients_max;
        config.idle_max = settings.smtp_idle;
        config.starttls = true;
        if service.is_submission() {
            config.mechanisms = Mechanisms::ALL;
        }
        let mut on_loopback = config.clone();
        on_loopback.auth_without_tls = settings.plaintext_on_loopback;
        let client_certificate = service.is_submission();
        let setup = |config: SmtpConfig| {
            Arc::new(smtp::Setup {
                config: Arc::new(config),
                offer: Offer { alpn: Alpn::Smtp, client_certificate },
                implicit_tls: kind.is_implicit_tls(),
                timeouts: settings.timeouts,
                greeting_pause: Duration::ZERO,
            })
        };
        SmtpListener {
            node: Arc::clone(self.node),
            shared: Arc::new(smtp::Shared {
                tls: Some(Arc::clone(&self.node.tls)),
                throttle: Arc::clone(&self.node.throttle),
                spool: self.node.spool.clone(),
                clock: Arc::clone(self.clock) as _,
            }),
            setup: setup(config),
            on_loopback: setup(on_loopback),
            name: kind.name(),
            shows_client: settings.shows_client,
        }
    }
}

/// What the connections of one SMTP listener begin with.
struct SmtpListener {
    node: Arc<Node>,
    shared: Arc<smtp::Shared>,
    setup: Arc<smtp::Setup>,
    on_loopback: Arc<smtp::Setup>,
    name: &'static str,
    shows_client: bool,
}

impl SmtpListener {
    #[expect(clippy::too_many_arguments, reason = "each is a part of the listener")]
    fn spawn(
        self,
        listener: Listener,
        service: listen::Service,
        door: Arc<Door>,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        drain: Duration,
        tasks: &mut JoinSet<std::io::Result<Drained>>,
    ) {
        let handle = move |accepted: listen::Accepted| {
            let is_here = accepted.peer.ip().is_loopback();
            let setup = Arc::clone(if is_here { &self.on_loopback } else { &self.setup });
            let handler = Intake::new(Arc::clone(&self.node), self.name, self.shows_client);
            smtp::drive(accepted, setup, Arc::clone(&self.shared), handler)
        };
        tasks.spawn(listen::serve(listener, service, door, clock, shutdown, drain, handle));
    }
}
