//! What can be asked of a server.

use super::operations::{
    AccountRequest, AddressRequest, AppPasswordRequest, CertificateRequest, DomainRequest,
    ExportRequest, GrantRequest, ImportRequest, MessageRequest, QueueRequest, StoreRequest,
    StoryRequest,
};
use crate::network::Cidr;
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
    /// The blocks in force: one [`BlockItem`] each. Done with nothing.
    Blocks {},
    /// Lifts the blocks of all networks that overlap with this one, or all blocks. Done with
    /// [`Lifted`].
    LiftBlocks {
        /// The network; none for all.
        network: Option<Cidr>,
    },
    /// Domains.
    Domain(DomainRequest),
    /// Accounts and login names.
    Account(AccountRequest),
    /// App passwords.
    AppPassword(AppPasswordRequest),
    /// Client certificates.
    Certificate(CertificateRequest),
    /// Aliases and lists.
    Address(AddressRequest),
    /// What accounts may write as.
    Grant(GrantRequest),
    /// The mailboxes of an account: one [`super::operations::MailboxItem`] each. Done with nothing.
    Mailboxes {
        /// Whose.
        account: String,
    },
    /// Messages.
    Message(MessageRequest),
    /// Stories.
    Story(StoryRequest),
    /// What waits to be sent on.
    Queue(QueueRequest),
    /// The store as a whole.
    Store(StoreRequest),
    /// Messages that the command reads from files.
    Import(ImportRequest),
    /// Messages that the command writes into files.
    Export(ExportRequest),
}

/// A block in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockItem {
    /// Who is shut out.
    pub network: Cidr,
    /// From logins with this name only; from everything when there is none.
    pub login: Option<String>,
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// Until when, in milliseconds since 1970.
    pub until: i64,
}

/// What lifting blocks did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// How many blocks are lifted.
    pub lifted: usize,
}
