//! An account's INBOX as a maildrop: opened, read, and rid of what was deleted.

use super::lock::{Lock, Locks, Lost};
use crate::body::Source;
use crate::memory::{Budget, Permit};
use crate::node::Node;
use posthorn_base::{AccountId, MailboxId, Uid, limits};
use posthorn_proto::pop3::{self, OpenError, RetrieveError, UniqueId};
use posthorn_store::mail::{Expunge, ListMaildrop, MaildropPage, ReadMaildropMessage, bulk};
use posthorn_store::{EngineError, StoreError};
use std::future::Future;
use std::sync::Arc;

/// Messages that are listed in one go: some 2 ms, after which other tasks have their turn.
const PAGE: u32 = 2000;
/// What the snapshot keeps of a message, beside an imported unique-id: UID and octets.
const ENTRY_BYTES: usize = 8;
/// What it keeps of an imported unique-id, beside its text.
const IMPORTED_BYTES: usize = 8;

/// The maildrops of all accounts. One for all POP3 listeners of a process: it has the locks.
#[derive(Debug, Clone)]
pub struct Maildrops {
    node: Arc<Node>,
    locks: Locks,
    snapshots: Budget,
}

impl Maildrops {
    /// Those of the node's store; none is open.
    pub fn new(node: Arc<Node>) -> Self {
        Self::with_snapshots(node, Budget::new(limits::POP3_SNAPSHOTS_BYTES_MAX))
    }

    /// The same, with another sum for what all snapshots take.
    pub fn with_snapshots(node: Arc<Node>, snapshots: Budget) -> Self {
        Maildrops { node, locks: Locks::default(), snapshots }
    }

    /// What snapshots may take.
    pub fn snapshots(&self) -> &Budget {
        &self.snapshots
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// Opens an account's maildrop: the handle, and what the session shows.
    pub(super) async fn open(
        &self,
        account: AccountId,
    ) -> Result<(Maildrop, pop3::Maildrop), OpenError> {
        let lock = self.locks.take(account, self.node.now()).ok_or(OpenError::InUse)?;
        let mut page = self.page(account, None).await?;
        let mut memory = self.snapshots.nothing();
        let total = usize::try_from(page.total).unwrap_or(usize::MAX);
        grow(&mut memory, total.saturating_mul(ENTRY_BYTES))?;
        let mailbox = page.mailbox;
        let mut shown = pop3::Maildrop::with_capacity(page.uidvalidity, total);
        loop {
            let imported = page.messages.iter().filter_map(|message| message.unique_id.as_ref());
            grow(&mut memory, imported.map(|id| id.len() + IMPORTED_BYTES).sum())?;
            for message in &page.messages {
                // No message is as large as this; one would still be sent whole.
                let octets = u32::try_from(message.octets).unwrap_or(u32::MAX);
                let id = message.unique_id.as_deref().and_then(|id| UniqueId::parse(id).ok());
                shown.push(message.uid, octets, id);
            }
            let last = page.messages.last().map(|message| message.uid);
            // New mail may arrive while we list; the snapshot ends with what was there at first.
            if page.messages.len() < PAGE as usize || shown.len() >= total {
                break;
            }
            tokio::task::yield_now().await;
            page = self.page(account, last).await?;
        }
        let node = Arc::clone(&self.node);
        Ok((Maildrop { node, account, mailbox, _memory: memory, lock }, shown))
    }

    async fn page(
        &self,
        account: AccountId,
        after: Option<Uid>,
    ) -> Result<MaildropPage, OpenError> {
        let list = ListMaildrop { account, after, limit: PAGE };
        self.node.engine.read(&list).await.map_err(|error| {
            tracing::error!(%account, %error, "a maildrop cannot be listed");
            open_error(&error)
        })
    }
}

fn open_error(error: &StoreError) -> OpenError {
    match error {
        StoreError::Engine(engine) if engine.is_temporary() => OpenError::Temporary,
        StoreError::Engine(_)
        | StoreError::Missing { .. }
        | StoreError::Exists { .. }
        | StoreError::Refused(_)
        | StoreError::OverQuota
        | StoreError::Limit { .. } => OpenError::Permanent,
    }
}

fn grow(memory: &mut Permit, bytes: usize) -> Result<(), OpenError> {
    memory.try_grow(bytes).map_err(|error| {
        tracing::warn!(%error, "no memory for another maildrop's list");
        OpenError::Temporary
    })
}

/// A maildrop that is open in one session.
#[derive(Debug)]
pub(super) struct Maildrop {
    node: Arc<Node>,
    account: AccountId,
    mailbox: MailboxId,
    _memory: Permit,
    lock: Lock,
}

impl Maildrop {
    /// Waits for the peer. A maildrop that another session took over meanwhile is not ours any
    /// more.
    pub(super) async fn waiting<T>(&self, wait: impl Future<Output = T>) -> Result<T, Lost> {
        self.lock.waiting(self.node.now(), wait).await
    }

    /// Opens a message for reading.
    pub(super) async fn read(&self, uid: Uid) -> Result<Source, RetrieveError> {
        let read = ReadMaildropMessage { account: self.account, mailbox: self.mailbox, uid };
        let source = Source::open(&self.node, &read).await;
        match source {
            Ok(Some(source)) => Ok(source),
            Ok(None) => Err(RetrieveError::Gone),
            Err(error) => {
                tracing::error!(account = %self.account, %uid, %error, "a message cannot be read");
                Err(RetrieveError::Temporary)
            }
        }
    }

    /// Deletes messages. True when all of them are gone, durably.
    pub(super) async fn commit(&self, uids: Vec<Uid>) -> bool {
        let count = uids.len();
        let expunge = Expunge {
            account: self.account,
            mailbox: self.mailbox,
            uids,
            only_deleted: false,
            now: self.node.now(),
        };
        match bulk::expunge(&self.node.engine, expunge).await {
            Ok(_) => true,
            // The engine cannot say whether the last step was committed: neither can we.
            Err(StoreError::Engine(EngineError::Ambiguous)) => {
                tracing::warn!(account = %self.account, count, "it is unknown what was deleted");
                false
            }
            Err(error) => {
                tracing::error!(account = %self.account, count, %error, "cannot delete messages");
                false
            }
        }
    }
}
