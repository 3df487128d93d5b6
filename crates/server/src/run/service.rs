//! The services: a protocol on a port, and what its connections begin with.

use super::Settings;
use crate::dialogue::Setup;
use crate::imap;
use crate::intake::Intake;
use crate::listen::{self, Accepted, Door, Drained, Listener, RefusalTexts};
use crate::node::Node;
use crate::pop3::{self, Maildrops};
use crate::shutdown::Shutdown;
use crate::smtp;
use crate::system::SystemClock;
use crate::tls::{Alpn, Offer};
use posthorn_proto::sasl::Mechanisms;
use posthorn_proto::smtp::Service;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
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
    /// Fetching mail, 110.
    Pop3,
    /// The same with TLS from the first byte, 995.
    Pop3s,
    /// Reading mail, 143.
    Imap,
    /// The same with TLS from the first byte, 993.
    Imaps,
}

impl ServiceKind {
    /// Every service.
    pub const ALL: [ServiceKind; 7] = [
        ServiceKind::Smtp,
        ServiceKind::Submission,
        ServiceKind::Submissions,
        ServiceKind::Pop3,
        ServiceKind::Pop3s,
        ServiceKind::Imap,
        ServiceKind::Imaps,
    ];

    /// Its name in the configuration, in logs and in stories.
    pub const fn name(self) -> &'static str {
        match self {
            ServiceKind::Smtp => "smtp",
            ServiceKind::Submission => "submission",
            ServiceKind::Submissions => "submissions",
            ServiceKind::Pop3 => "pop3",
            ServiceKind::Pop3s => "pop3s",
            ServiceKind::Imap => "imap",
            ServiceKind::Imaps => "imaps",
        }
    }

    /// The service of this name.
    pub fn named(name: &str) -> Option<ServiceKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn is_implicit_tls(self) -> bool {
        match self {
            ServiceKind::Submissions | ServiceKind::Pop3s | ServiceKind::Imaps => true,
            ServiceKind::Smtp | ServiceKind::Submission | ServiceKind::Pop3 | ServiceKind::Imap => {
                false
            }
        }
    }

    const fn refusals(self) -> Option<RefusalTexts> {
        match self {
            ServiceKind::Smtp | ServiceKind::Submission => Some(RefusalTexts {
                busy: b"421 4.7.0 Too many connections, try again later\r\n",
                blocked: b"554 5.7.1 Your network is blocked here for now\r\n",
            }),
            ServiceKind::Pop3 => Some(RefusalTexts {
                busy: b"-ERR [SYS/TEMP] Too many connections, try again later\r\n",
                blocked: b"-ERR [SYS/TEMP] Your network is blocked here for now\r\n",
            }),
            // RFC 3501 7.1.5: as a greeting, BYE says that the connection is not wanted.
            ServiceKind::Imap => Some(RefusalTexts {
                busy: b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n",
                blocked: b"* BYE [UNAVAILABLE] Your network is blocked here for now\r\n",
            }),
            // In plaintext nothing can be said where TLS comes first.
            ServiceKind::Submissions | ServiceKind::Pop3s | ServiceKind::Imaps => None,
        }
    }
}

/// One of two: the settings for clients on this machine, who may be allowed to log in without TLS,
/// and those for all others.
struct ByPeer<T> {
    here: Arc<T>,
    elsewhere: Arc<T>,
}

impl<T> ByPeer<T> {
    fn new(make: impl Fn(bool) -> T, here_without_tls: bool) -> Self {
        ByPeer { here: Arc::new(make(here_without_tls)), elsewhere: Arc::new(make(false)) }
    }
    fn get(&self, peer: IpAddr) -> Arc<T> {
        Arc::clone(if peer.is_loopback() { &self.here } else { &self.elsewhere })
    }
}

/// Where the tasks of listeners end up.
pub(super) type Tasks = JoinSet<io::Result<Drained>>;

/// Starts services.
pub(super) struct Services {
    node: Arc<Node>,
    settings: Settings,
    door: Arc<Door>,
    clock: Arc<SystemClock>,
    smtp: Arc<smtp::Shared>,
    maildrops: Arc<Maildrops>,
    imap: Arc<imap::Shared>,
}

impl Services {
    pub(super) fn new(
        node: Arc<Node>,
        settings: Settings,
        door: Arc<Door>,
        clock: Arc<SystemClock>,
    ) -> Self {
        let smtp = Arc::new(smtp::Shared {
            tls: Arc::clone(&node.tls),
            throttle: Arc::clone(&node.throttle),
            spool: node.spool.clone(),
            clock: Arc::clone(&clock) as _,
        });
        let maildrops = Arc::new(Maildrops::new(Arc::clone(&node)));
        let imap = Arc::new(imap::Shared::new(Arc::clone(&node), &settings));
        Services { node, settings, door, clock, smtp, maildrops, imap }
    }

    /// Serves `kind` on a socket until the end.
    pub(super) fn serve(
        &self,
        kind: ServiceKind,
        listener: Listener,
        shutdown: Shutdown,
        tasks: &mut Tasks,
    ) {
        match kind {
            ServiceKind::Smtp => self.smtp(kind, Service::Mx, listener, shutdown, tasks),
            ServiceKind::Submission => {
                self.smtp(kind, Service::Submission, listener, shutdown, tasks);
            }
            ServiceKind::Submissions => {
                self.smtp(kind, Service::Submissions, listener, shutdown, tasks);
            }
            ServiceKind::Pop3 | ServiceKind::Pop3s => self.pop3(kind, listener, shutdown, tasks),
            ServiceKind::Imap | ServiceKind::Imaps => self.imap(kind, listener, shutdown, tasks),
        }
    }

    fn spawn<H, F>(
        &self,
        kind: ServiceKind,
        listener: Listener,
        shutdown: Shutdown,
        tasks: &mut Tasks,
        handle: H,
    ) where
        H: Fn(Accepted) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let service = listen::Service { name: kind.name(), refusals: kind.refusals() };
        let (door, clock) = (Arc::clone(&self.door), Arc::clone(&self.clock) as _);
        let drain = self.settings.drain;
        tasks.spawn(listen::serve(listener, service, door, clock, shutdown, drain, handle));
    }

    /// The settings of one listener.
    fn listener<C>(&self, kind: ServiceKind, config: C, offer: Offer) -> Setup<C> {
        Setup {
            config: Arc::new(config),
            offer,
            implicit_tls: kind.is_implicit_tls(),
            timeouts: self.settings.timeouts,
        }
    }

    fn smtp(
        &self,
        kind: ServiceKind,
        service: Service,
        listener: Listener,
        shutdown: Shutdown,
        tasks: &mut Tasks,
    ) {
        let settings = &self.settings;
        let setup = |auth_without_tls| {
            let mut config = posthorn_proto::smtp::Config::new(settings.hostname.clone(), service);
            config.message_bytes_max = settings.message_bytes_max;
            config.recipients_max = settings.recipients_max;
            config.idle_max = settings.smtp_idle;
            config.starttls = true;
            config.auth_without_tls = auth_without_tls;
            if service.is_submission() {
                config.mechanisms = Mechanisms::ALL;
            }
            let client_certificate = service.is_submission();
            self.listener(kind, config, Offer { alpn: Alpn::Smtp, client_certificate })
        };
        let setup = ByPeer::new(setup, settings.plaintext_on_loopback);
        let (node, shared) = (Arc::clone(&self.node), Arc::clone(&self.smtp));
        let shows_client = settings.shows_client;
        self.spawn(kind, listener, shutdown, tasks, move |accepted: Accepted| {
            let setup = setup.get(accepted.peer.ip());
            let handler = Intake::new(Arc::clone(&node), kind.name(), shows_client);
            smtp::drive(accepted, setup, Arc::clone(&shared), handler)
        });
    }

    fn pop3(&self, kind: ServiceKind, listener: Listener, shutdown: Shutdown, tasks: &mut Tasks) {
        let settings = &self.settings;
        let setup = |auth_without_tls| {
            let mut config = posthorn_proto::pop3::Config::new(settings.hostname.clone());
            config.auth_without_tls = auth_without_tls;
            config.starttls = true;
            config.idle_max = settings.pop3_idle;
            self.listener(kind, config, Offer { alpn: Alpn::Pop3, client_certificate: true })
        };
        let setup = ByPeer::new(setup, settings.plaintext_on_loopback);
        let maildrops = Arc::clone(&self.maildrops);
        self.spawn(kind, listener, shutdown, tasks, move |accepted: Accepted| {
            let setup = setup.get(accepted.peer.ip());
            pop3::drive(accepted, setup, Arc::clone(&maildrops))
        });
    }

    fn imap(&self, kind: ServiceKind, listener: Listener, shutdown: Shutdown, tasks: &mut Tasks) {
        let settings = &self.settings;
        let setup = |auth_without_tls| {
            let mut config = posthorn_proto::imap::Config::new(settings.hostname.clone());
            config.auth_without_tls = auth_without_tls;
            config.starttls = true;
            config.idle_max = settings.imap_idle;
            config.message_bytes_max = settings.message_bytes_max;
            self.listener(kind, config, Offer { alpn: Alpn::Imap, client_certificate: true })
        };
        let setup = ByPeer::new(setup, settings.plaintext_on_loopback);
        let shared = Arc::clone(&self.imap);
        self.spawn(kind, listener, shutdown, tasks, move |accepted: Accepted| {
            let setup = setup.get(accepted.peer.ip());
            imap::drive(accepted, setup, Arc::clone(&shared))
        });
    }
}
