//! What the store tells: changes that are committed, and that it can go on no more.

mod watch;

pub use watch::Watch;

use posthorn_base::{AccountId, MailboxId};
use posthorn_store::engine::Host;
use posthorn_store::view::Views;
use posthorn_store::{Change, EngineError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::broadcast;
use watch::Watches;

/// Changes that a slow listener may lag behind before it has to look at everything again.
const CHANGES_KEPT: usize = 4096;

/// Where the store's changes arrive, and who hears of them.
#[derive(Debug)]
pub struct Hub {
    directory: AtomicU64,
    views: Arc<Views>,
    changes: broadcast::Sender<Change>,
    fatal: tokio::sync::watch::Sender<Option<String>>,
    watches: Arc<Watches>,
}

impl Hub {
    /// Nothing was told yet. Mailboxes in use may take `views_memory` octets.
    pub fn new(views_memory: usize) -> Self {
        Hub {
            directory: AtomicU64::new(0),
            views: Arc::new(Views::new(views_memory)),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            fatal: tokio::sync::watch::Sender::new(None),
            watches: Arc::default(),
        }
    }

    /// Mailboxes in use. Who hears of a change finds it there.
    pub fn views(&self) -> &Arc<Views> {
        &self.views
    }

    /// A number that rises whenever accounts, addresses or credentials change: what was remembered
    /// of them under another number is stale.
    pub fn directory_generation(&self) -> u64 {
        self.directory.load(Ordering::Acquire)
    }

    /// Changes from now on. Who lags too far behind is told so, and reads *changes since*.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Watches one mailbox from now on.
    pub fn watch(&self, account: AccountId, mailbox: MailboxId) -> Watch {
        self.watches.watch(account, mailbox)
    }

    /// Waits until the store has failed for good; says why.
    pub async fn failed(&self) -> String {
        let mut fatal = self.fatal.subscribe();
        loop {
            if let Some(why) = fatal.borrow_and_update().clone() {
                return why;
            }
            if fatal.changed().await.is_err() {
                // The sender is ours, and we are still here.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Host for Hub {
    fn publish(&self, changes: &[Change]) {
        // Before anybody is woken: they look there.
        self.views.publish(changes);
        for change in changes {
            match *change {
                Change::Directory => {
                    self.directory.fetch_add(1, Ordering::AcqRel);
                }
                Change::Mailbox { account, mailbox, modseq: _ } => {
                    self.watches.ring(account, mailbox);
                }
                Change::Queue => {}
                Change::Everything => {
                    self.directory.fetch_add(1, Ordering::AcqRel);
                    self.watches.ring_all();
                }
            }
            // Without listeners there is nobody to tell.
            drop(self.changes.send(*change));
        }
    }

    fn fatal(&self, error: &EngineError) {
        tracing::error!(%error, "the store can write no more; the server stops, start it again");
        self.fatal.send_replace(Some(error.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changes_and_the_end_are_heard() {
        let hub = Hub::new(0);
        let mut changes = hub.changes();
        hub.publish(&[Change::Queue, Change::Directory]);
        assert_eq!(changes.recv().await, Ok(Change::Queue));
        assert_eq!(changes.recv().await, Ok(Change::Directory));
        assert_eq!(hub.directory_generation(), 1);
        hub.publish(&[Change::Everything]);
        assert_eq!(hub.directory_generation(), 2, "also of the directory");
        hub.fatal(&EngineError::Io("fsync".into()));
        assert!(hub.failed().await.contains("fsync"), "also when it failed before");
    }
}
