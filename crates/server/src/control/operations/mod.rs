//! What commands have done, by a running server or in their own process.

mod account;
mod address;
mod answer;
mod credential;
mod dangling;
mod domain;
mod export;
mod grant;
mod import;
mod mailbox;
mod message;
mod queue;
mod store;
mod story;

pub use account::{AccountDetails, AccountItem, AccountRequest, RemovedAccount};
pub use address::{AddressItem, AddressRequest, Kind as AddressKind};
pub use credential::{
    AddedCertificate, AppPasswordRequest, CertificateRequest, CredentialItem, MadePassword,
};
pub use domain::{DomainItem, DomainRequest};
pub use export::{ExportItem, ExportRequest};
pub use grant::{GrantItem, GrantRequest};
pub use import::{ImportItem, ImportProgress, ImportRequest, ImportStart};
pub use mailbox::MailboxItem;
pub use message::{EmailItem, ExpungedItem, MessageItem, MessageRequest};
pub use queue::{QueueItem, QueueRequest};
pub use store::{CheckedItem, FindingItem, SnapshotItem, SqlItem, StoreRequest};
pub use story::{EventItem, StoryItem, StoryRequest};

use answer::result;

use super::error::{Refusal, RefusalKind};
use super::listener::{Answer, Exchange, Handler};
use super::request::{BlockItem, Lifted, Request};
use crate::auth::Hashing;
use crate::directory::Directory;
use crate::network::Cidr;
use crate::open::OpenStore;
use crate::run::Running;
use crate::system::{Ids, SystemClock};
use crate::throttle::{Block, BlockTarget, Throttle};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Rows that one question to the store asks for.
const PAGE: u32 = 200;

/// An order to reload, and where to say how it went.
pub type ReloadOrder = oneshot::Sender<Result<(), Refusal>>;

/// A way for reload orders to whoever can carry them out. More than a few at once wait.
pub fn reload_orders() -> (mpsc::Sender<ReloadOrder>, mpsc::Receiver<ReloadOrder>) {
    mpsc::channel(4)
}

/// What commands can have done: with a store alone, or in a running server.
#[derive(Debug)]
pub struct Operations {
    /// Whom the store serves, and the store itself.
    pub directory: Directory,
    /// The server that runs; none when a command has opened the store by itself.
    pub server: Option<ServerParts>,
}

/// What only a running server can do.
#[derive(Debug)]
pub struct ServerParts {
    /// Whose blocks are listed and lifted.
    pub throttle: Arc<Throttle>,
    /// Where reload orders go.
    pub reload: mpsc::Sender<ReloadOrder>,
}

impl Handler for Operations {
    async fn handle(&self, request: Request, exchange: &mut Exchange<'_>) -> Result<Value, Answer> {
        match request {
            Request::Ping {} => Ok(Value::Null),
            Request::Reload {} => self.reload().await,
            Request::Blocks {} => self.blocks(exchange).await,
            Request::LiftBlocks { network } => self.lift_blocks(network),
            Request::Domain(request) => self.domain(request, exchange).await,
            Request::Account(request) => self.account(request, exchange).await,
            Request::AppPassword(request) => self.app_password(request, exchange).await,
            Request::Certificate(request) => self.certificate(request, exchange).await,
            Request::Address(request) => self.address(request, exchange).await,
            Request::Grant(request) => self.grant(request, exchange).await,
            Request::Mailboxes { account } => self.mailboxes(&account, exchange).await,
            Request::Message(request) => self.message(request, exchange).await,
            Request::Story(request) => self.story(request, exchange).await,
            Request::Queue(request) => self.queue(request, exchange).await,
            Request::Store(request) => self.store(request, exchange).await,
            Request::Import(request) => self.import(request, exchange).await,
            Request::Export(request) => self.export(request, exchange).await,
        }
    }

    async fn finish(&self) {
        // Only a store of our own: a server closes its store itself.
        if self.server.is_none()
            && let Err(error) = self.directory.store.close().await
        {
            tracing::warn!(%error, "the store was not closed in order; nothing is lost");
        }
    }
}

impl Operations {
    /// For a store that no server has.
    pub fn offline(store: OpenStore) -> Operations {
        let (ids, clock) = (Arc::new(Ids::new()), Arc::new(SystemClock::new()));
        let directory = Directory { store, ids, clock, hashing: Hashing::default() };
        Operations { directory, server: None }
    }

    /// For a server that runs.
    pub fn of(running: &Running, reload: mpsc::Sender<ReloadOrder>) -> Operations {
        let node = running.node();
        let directory = Directory {
            store: running.store().clone(),
            ids: Arc::clone(&node.ids),
            clock: Arc::clone(&node.clock),
            hashing: node.auth.hashing(),
        };
        let throttle = Arc::clone(&node.throttle);
        Operations { directory, server: Some(ServerParts { throttle, reload }) }
    }

    fn server(&self) -> Result<&ServerParts, Refusal> {
        let no_server = || {
            Refusal::new(RefusalKind::Temporary, "only a running server can do this")
                .hint("start the server")
        };
        self.server.as_ref().ok_or_else(no_server)
    }

    async fn reload(&self) -> Result<Value, Answer> {
        let stopping = || Refusal::new(RefusalKind::Temporary, "the server is stopping");
        let (order, outcome) = oneshot::channel();
        self.server()?.reload.send(order).await.map_err(|_| stopping())?;
        outcome.await.map_err(|_| stopping())??;
        Ok(Value::Null)
    }

    async fn blocks(&self, exchange: &mut Exchange<'_>) -> Result<Value, Answer> {
        for block in self.server()?.throttle.blocks(self.directory.now()) {
            exchange.item(&shown(&block)).await?;
        }
        Ok(Value::Null)
    }

    fn lift_blocks(&self, network: Option<Cidr>) -> Result<Value, Answer> {
        let (throttle, now) = (&self.server()?.throttle, self.directory.now());
        let lifted = match network {
            Some(network) => throttle.lift(network, now),
            None => throttle.lift_all(now),
        };
        tracing::info!(?network, lifted, "blocks lifted by command");
        result(&Lifted { lifted })
    }
}

fn shown(block: &Block) -> BlockItem {
    let login = match &block.target {
        BlockTarget::Network(_) => None,
        BlockTarget::Login { name, .. } => Some(name.to_string()),
    };
    BlockItem {
        network: block.target.network(),
        login,
        reason: block.reason.to_string(),
        since: block.since.millis(),
        until: block.until.millis(),
    }
}

#[cfg(test)]
mod tests;
