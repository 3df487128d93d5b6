//! How a command reaches a server, or the store itself when no server runs.

use super::{Context, Outcome};
use crate::config::{Config, LoadError};
use crate::exit::{Exit, Explain, Failure};
use crate::output::Row;
use crate::serving::store_exit;
use crate::startup::privileges::Identity;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use posthorn_server::control::{Client, ControlError, Operations, RefusalKind, Request};
use posthorn_server::open::{OpenStore, StoreError};
use posthorn_server::system::SystemClock;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a command does not reach the store.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    /// There is none.
    #[error("there is no store in {}", .0.display())]
    NoStore(PathBuf),
    /// Its directory cannot be looked at.
    #[error("cannot look at {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The files cannot be used as their owner.
    #[error("cannot use the files of {} as their owner", .0.display())]
    Owner(PathBuf),
    /// It cannot be opened.
    #[error("cannot open the store")]
    Open(#[source] StoreError),
    /// The control socket within this process.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Explain for ReachError {
    fn exit(&self) -> Exit {
        match self {
            ReachError::NoStore(_) => Exit::NoInput,
            ReachError::Directory { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::InputOutput,
            },
            ReachError::Owner(_) => Exit::NoPermission,
            ReachError::Open(error) => store_exit(error),
            ReachError::Control(error) => error.exit(),
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            ReachError::NoStore(_) => Some(
                "name another one with --dir or --config, or begin one: posthorn domain add DOMAIN"
                    .to_owned(),
            ),
            ReachError::Directory { .. } | ReachError::Owner(_) => {
                Some("run the command as root or as the server's user".to_owned())
            }
            ReachError::Open(_) => Some("posthorn store check tells more".to_owned()),
            ReachError::Control(error) => error.hint(),
        }
    }
}

impl Context {
    /// Connects to the server that has the store.
    pub fn server(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&self.store_dir()?)?)
    }

    /// Connects to the server that has the store, or opens the store when there is none.
    pub fn store(&self) -> Result<Client, Failure> {
        self.reach(false)
    }

    /// The same; makes a store where there is none.
    pub fn store_or_new(&self) -> Result<Client, Failure> {
        self.reach(true)
    }

    fn reach(&self, may_make: bool) -> Result<Client, Failure> {
        match Client::connect(&self.store_dir()?) {
            Err(ControlError::NotRunning { .. }) => {}
            connected => return Ok(connected?),
        }
        let config = self.store_config()?;
        let dir = config.store.dir.clone();
        let unreadable = |source| ReachError::Directory { path: dir.clone(), source };
        match std::fs::metadata(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
                // Without a configuration nobody else is named whose store it could be.
                let identity = match self.is_configured() {
                    true => Identity::look_up(&config.server)?,
                    false => Identity::Same,
                };
                identity.make_store_dir(&dir)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReachError::NoStore(dir).into());
            }
            Err(error) => return Err(unreadable(error).into()),
            Ok(_) => {}
        }
        let metadata = std::fs::metadata(&dir).map_err(unreadable)?;
        let (uid, gid) = (metadata.uid(), metadata.gid());
        // What the command makes in the store is for the server's eyes only, too.
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
        let settings = config.store_settings();
        let prepare = move || as_owner(&dir, uid, gid);
        let open = || async move {
            let store = OpenStore::open(&settings, &SystemClock::new()).await;
            Ok::<_, ReachError>(Operations::offline(store.map_err(ReachError::Open)?))
        };
        Ok(Client::in_process(prepare, open)?)
    }

    /// The configuration as far as it says where the store is: with `--dir` alone it is not needed.
    fn store_config(&self) -> Result<Config, LoadError> {
        match &self.globals.dir {
            Some(dir) if !self.is_configured() => {
                let mut config = Config::default();
                config.store.dir.clone_from(dir);
                Ok(config)
            }
            _ => Ok(self.config()?.config),
        }
    }

    fn is_configured(&self) -> bool {
        self.globals.config.is_some() || self.globals.dir.is_none()
    }

    /// Asks for a listing and prints it.
    pub fn list<R: Row + DeserializeOwned>(
        &mut self,
        request: &Request,
    ) -> Result<Outcome, Failure> {
        let mut client = self.store()?;
        let mut listing = self.output.listing::<R>();
        client.list::<R, Value, Failure>(request, |item| Ok(listing.row(&item)?))?;
        listing.end()?;
        Ok(Outcome::Success)
    }

    /// Asks for something to be done and says that it was.
    pub fn order(&mut self, request: &Request, people: &str) -> Result<Outcome, Failure> {
        self.store()?.ask::<Value>(request)?;
        self.output.value(&serde_json::json!({ "done": people }), people)?;
        Ok(Outcome::Success)
    }
}

/// Root uses the files as who owns them, so that the server can use what is made. For the calling
/// thread and those that it starts; for the rest of the process nothing changes, so that files
/// elsewhere can be read and written as before.
fn as_owner(dir: &Path, uid: u32, gid: u32) -> Result<(), ReachError> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setfsgid(gid);
    setfsuid(uid);
    // setfsuid(2): whether it worked is told only by asking again.
    let is_owner = setfsuid(Uid::from_raw(u32::MAX)) == uid;
    if is_owner { Ok(()) } else { Err(ReachError::Owner(dir.to_owned())) }
}

impl Explain for ControlError {
    fn exit(&self) -> Exit {
        match self {
            ControlError::NotRunning { .. } | ControlError::InUse { .. } => Exit::Unavailable,
            ControlError::NotAllowed { .. } => Exit::NoPermission,
            ControlError::Socket { .. } => Exit::System,
            ControlError::Broken(_) => Exit::InputOutput,
            ControlError::FrameTooLong(_)
            | ControlError::Unexpected(_)
            | ControlError::Malformed(_)
            | ControlError::Version { .. } => Exit::Protocol,
            ControlError::Refused(refusal) => match refusal.kind {
                RefusalKind::Unknown => Exit::Protocol,
                RefusalKind::Invalid => Exit::DataError,
                RefusalKind::NotFound => Exit::NoUser,
                RefusalKind::Exists => Exit::CannotCreate,
                RefusalKind::NotAllowed => Exit::NoPermission,
                RefusalKind::Configuration => Exit::Config,
                RefusalKind::Temporary => Exit::TemporaryFailure,
                RefusalKind::Internal => Exit::Software,
            },
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            ControlError::NotRunning { .. } => {
                Some("name another store with --dir or --config, or start the server".to_owned())
            }
            ControlError::NotAllowed { .. } => {
                Some("run the command as root or as the server's user".to_owned())
            }
            ControlError::Version { .. } => Some("restart the server after an upgrade".to_owned()),
            ControlError::Refused(refusal) => refusal.hint.clone(),
            ControlError::InUse { .. }
            | ControlError::Socket { .. }
            | ControlError::Broken(_)
            | ControlError::FrameTooLong(_)
            | ControlError::Unexpected(_)
            | ControlError::Malformed(_) => None,
        }
    }

    fn told_causes(&self) -> &[String] {
        match self {
            ControlError::Refused(refusal) => &refusal.causes,
            _ => &[],
        }
    }
}
