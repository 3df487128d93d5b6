//! How failures of the control socket are told, and how a command reaches a running server.

use super::Context;
use crate::exit::{Exit, Explain, Failure};
use posthorn_server::control::{Client, ControlError, RefusalKind};

impl Context {
    /// Connects to the server that has the store.
    pub fn server(&self) -> Result<Client, Failure> {
        Ok(Client::connect(&self.store_dir()?)?)
    }
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
