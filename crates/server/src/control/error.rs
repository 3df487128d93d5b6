//! What goes wrong on the control socket, and what a handler refuses.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// Why a handler refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal.
    pub kind: RefusalKind,
    /// For people: what is wrong.
    pub message: String,
    /// What lies behind it, the nearest first.
    #[serde(default)]
    pub causes: Vec<String>,
    /// What can be done.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without causes and hint.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Refusal {
        Refusal { kind, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// A refusal because of an error, with everything that lies behind it.
    pub fn because(kind: RefusalKind, error: &dyn std::error::Error) -> Refusal {
        let behind = std::iter::successors(error.source(), |error| error.source());
        let causes = behind.map(ToString::to_string).collect();
        Refusal { kind, message: error.to_string(), causes, hint: None }
    }

    /// With what can be done about it.
    pub fn hint(self, hint: impl Into<String>) -> Refusal {
        Refusal { hint: Some(hint.into()), ..self }
    }
}

/// Kinds of refusal, by what a script would do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The server does not know this request, or not these arguments.
    Unknown,
    /// The arguments are wrong in themselves, or what was sent is malformed.
    Invalid,
    /// What the request is about does not exist.
    NotFound,
    /// What should be made exists already.
    Exists,
    /// Whoever asks may not.
    NotAllowed,
    /// The configuration is wrong.
    Configuration,
    /// It may work later.
    Temporary,
    /// A fault of the server's own.
    Internal,
}

/// Why an exchange over the control socket came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No server listens.
    #[error("no server runs with the store in {}", socket.parent().unwrap_or(socket).display())]
    NotRunning {
        /// The socket that nobody listens on.
        socket: PathBuf,
    },
    /// The socket belongs to somebody else.
    #[error("you may not use {}", socket.display())]
    NotAllowed {
        /// The socket.
        socket: PathBuf,
    },
    /// Another server listens already.
    #[error("another server listens on {}", socket.display())]
    InUse {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket cannot be made or used.
    #[error("cannot use the socket {}", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the server broke")]
    Broken(#[from] io::Error),
    /// A frame is longer than allowed.
    #[error("a control frame has {0} bytes, more than is allowed")]
    FrameTooLong(usize),
    /// A frame is not what may come here.
    #[error("the other side does not keep to the control protocol: {0}")]
    Unexpected(&'static str),
    /// The content of a frame is malformed.
    #[error("the other side sent what cannot be understood")]
    Malformed(#[source] serde_json::Error),
    /// The server speaks another version of the protocol.
    #[error("the running server {server} speaks another control protocol than this posthorn")]
    Version {
        /// The server's version.
        server: String,
    },
    /// The server refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
}
