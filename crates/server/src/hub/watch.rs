//! Who waits for changes of which mailbox.
//!
//! A bell hangs at each mailbox that somebody watches. A change rings the bell of its mailbox and
//! no other: ten thousand sessions that wait for mail cost a delivery one look into a table.
//!
//! Invariants
//! * A ring that came after [`Watches::watch`] is heard, however late its watcher listens.
//! * The table has an entry for each mailbox that is watched now, and no others.

use posthorn_base::{AccountId, MailboxId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

type Key = (AccountId, MailboxId);

#[derive(Debug, Default)]
struct Bell {
    /// How often it rang.
    rings: AtomicU64,
    wake: Notify,
}

impl Bell {
    fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Release);
        self.wake.notify_waiters();
    }
}

/// The mailboxes that are watched.
#[derive(Debug, Default)]
pub(super) struct Watches {
    bells: Mutex<HashMap<Key, Arc<Bell>>>,
}

impl Watches {
    fn bells(&self) -> MutexGuard<'_, HashMap<Key, Arc<Bell>>> {
        // A map is whole whatever panicked beside it.
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who watches this mailbox.
    pub(super) fn ring(&self, account: AccountId, mailbox: MailboxId) {
        let bell = self.bells().get(&(account, mailbox)).map(Arc::clone);
        if let Some(bell) = bell {
            bell.ring();
        }
    }

    /// Wakes everybody.
    pub(super) fn ring_all(&self) {
        for bell in self.bells().values() {
            bell.ring();
        }
    }

    /// Watches a mailbox from now on.
    pub(super) fn watch(self: &Arc<Self>, account: AccountId, mailbox: MailboxId) -> Watch {
        let key = (account, mailbox);
        let bell = Arc::clone(self.bells().entry(key).or_default());
        let heard = bell.rings.load(Ordering::Acquire);
        Watch { key, bell, heard, watches: Arc::clone(self) }
    }
}

/// Hears of changes of one mailbox: messages, flags, its name, its end. What changed is read from
/// the store; several changes may be heard as one.
#[derive(Debug)]
pub struct Watch {
    key: Key,
    bell: Arc<Bell>,
    heard: u64,
    watches: Arc<Watches>,
}

impl Watch {
    /// Returns when something changed since it last returned, or since the watching began.
    /// Cancelling it loses nothing.
    pub async fn changed(&mut self) {
        loop {
            let mut wake = std::pin::pin!(self.bell.wake.notified());
            // From here on a ring is heard; one that came before shows in the count.
            wake.as_mut().enable();
            let rings = self.bell.rings.load(Ordering::Acquire);
            if rings != self.heard {
                self.heard = rings;
                return;
            }
            wake.await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut bells = self.watches.bells();
        // The table's and ours: who begins to watch takes a third under the same lock.
        if Arc::strong_count(&self.bell) == 2 {
            bells.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn is_quiet(watch: &mut Watch) -> bool {
        pin!(watch.changed()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn only_the_watchers_of_a_mailbox_hear_of_it() {
        let watches = Arc::new(Watches::default());
        let account = AccountId::new(1).unwrap();
        let [one, two] = [1, 2].map(|n| MailboxId::new(n).unwrap());
        watches.ring(account, one);
        let (mut first, mut second) = (watches.watch(account, one), watches.watch(account, one));
        let mut other = watches.watch(account, two);
        assert!(is_quiet(&mut first), "what was before is known");
        watches.ring(account, one);
        watches.ring(account, one);
        first.changed().await;
        second.changed().await;
        assert!(is_quiet(&mut first) && is_quiet(&mut second), "two rings were heard as one");
        assert!(is_quiet(&mut other));
        watches.ring_all();
        first.changed().await;
        other.changed().await;
        drop(first);
        watches.ring(account, one);
        second.changed().await;
        drop((second, other));
        assert!(watches.bells().is_empty());
    }
}
