//! What can be asked of a server.

use serde::{Deserialize, Serialize};

/// What the server says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The server's version.
    pub version: String,
    /// The version of this protocol, [`super::PROTOCOL`].
    pub protocol: u32,
    /// The server's process.
    pub pid: u32,
}

impl Greeting {
    /// The greeting of this process.
    pub fn ours() -> Greeting {
        Greeting {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: super::PROTOCOL,
            pid: std::process::id(),
        }
    }
}

/// A request. Its name on the wire stands under `do`, its arguments beside it.
///
/// To add one: a variant here, an arm in the handler, a command that sends it. A variant without
/// arguments is written with braces, else serde would not refuse arguments for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Are you there? Done with nothing.
    Ping {},
    /// Read configuration and certificates again. Done with nothing once the new ones are in use;
    /// refused, and everything as before, when they cannot be used.
    Reload {},
}
