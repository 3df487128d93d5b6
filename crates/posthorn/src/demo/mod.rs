//! A server for trying things out: on loopback, with two domains, two accounts and known passwords.
//!
//! Invariants
//! * It listens on 127.0.0.1 and nowhere else: everybody knows its passwords.
//! * It is the real server on a real store, with its defaults; only login without TLS is allowed,
//!   since whoever talks to it is on this machine.

mod people;
mod shown;

pub use people::{Crowd, DemoAccount};
pub use shown::{json, text};

use crate::config::{Config, Size};
use crate::exit::{Exit, Explain, Failure};
use crate::serving::{Parts, Serving};
use posthorn_base::Domain;
use posthorn_server::directory::DirectoryError;
use posthorn_server::listen::{ListenError, Listener, bind};
use posthorn_server::run::ServiceKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A port cannot be had.
    #[error(transparent)]
    Port(#[from] ListenError),
    /// The port base leaves no room for the ports above it.
    #[error("the port base {0} is too high: {0} + {1} is no port")]
    PortBase(u16, u16),
    /// The directory cannot be made.
    #[error("cannot make the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The accounts cannot be made.
    #[error("cannot make the accounts")]
    Accounts(#[from] DirectoryError),
    /// One of the demo's own names is wrong.
    #[error("{0:?} cannot be used as a name here")]
    Name(String),
}

impl Explain for DemoError {
    fn exit(&self) -> Exit {
        match self {
            DemoError::Port(_) => Exit::Unavailable,
            DemoError::PortBase(..) | DemoError::Name(_) => Exit::Usage,
            DemoError::Directory { .. } => Exit::CannotCreate,
            DemoError::Accounts(_) => Exit::Software,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            DemoError::Port(_) => {
                Some("choose another --port-base, or leave it out for free ports".to_owned())
            }
            _ => None,
        }
    }
}

/// What is asked of a demo.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where its store is.
    pub dir: PathBuf,
    /// Added to each protocol's usual port; none for free ports.
    pub port_base: Option<u16>,
    /// Accounts for measuring.
    pub crowd: Option<Crowd>,
}

/// A demo that takes connections.
#[derive(Debug)]
pub struct Demo {
    /// The server.
    pub serving: Serving,
    /// Where its store is.
    pub dir: PathBuf,
    /// Who can log in, and with what.
    pub accounts: Vec<DemoAccount>,
    /// The certificate for clients to trust.
    pub certificate: PathBuf,
}

impl Demo {
    /// Starts it.
    pub async fn start(wanted: Wanted) -> Result<Demo, Failure> {
        let listeners = listeners(wanted.port_base)?;
        make_dir(&wanted.dir)?;
        let config = config(&wanted.dir);
        let settings = config.server_settings();
        let certificate = settings.self_signed.public_path();
        let store = config.store_settings();
        let serving = Serving::start(Parts { settings, store, tls: None, listeners }).await?;
        let directory = &serving.operations().directory;
        let mut accounts = people::settle(directory).await?;
        if let Some(crowd) = &wanted.crowd {
            accounts.extend(people::settle_crowd(directory, crowd).await?);
        }
        Ok(Demo { serving, dir: wanted.dir, accounts, certificate })
    }
}

/// The configuration of a demo. What is not set here has its default, as in `posthorn serve`.
pub fn config(dir: &Path) -> Config {
    let mut config = Config::default();
    config.server.hostname = Some(Domain::localhost());
    config.server.drain = crate::config::Span::new(Duration::from_secs(2));
    config.store.dir = dir.to_owned();
    // A machine on which somebody tries things out may be short of disk.
    config.store.disk_reserve = Size::mib(16);
    config.login.plaintext_on_loopback = true;
    config
}

/// The port that the world knows each service by.
const fn usual_port(kind: ServiceKind) -> u16 {
    match kind {
        ServiceKind::Smtp => 25,
        ServiceKind::Submission => 587,
        ServiceKind::Submissions => 465,
        ServiceKind::Pop3 => 110,
        ServiceKind::Pop3s => 995,
        ServiceKind::Imap => 143,
        ServiceKind::Imaps => 993,
    }
}

fn listeners(base: Option<u16>) -> Result<Vec<(ServiceKind, Listener)>, DemoError> {
    let mut listeners = Vec::new();
    for kind in ServiceKind::ALL {
        let usual = usual_port(kind);
        let port = match base {
            Some(base) => base.checked_add(usual).ok_or(DemoError::PortBase(base, usual))?,
            None => 0,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        listeners.extend(bind(&[address])?.into_iter().map(|listener| (kind, listener)));
    }
    Ok(listeners)
}

fn make_dir(dir: &Path) -> Result<(), DemoError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(dir);
    made.map_err(|source| DemoError::Directory { path: dir.to_owned(), source })
}
