//! Which maildrops are open, and when another session may have one.
//!
//! A client whose network went away leaves its session behind, and the maildrop would stay locked
//! until the inactivity timer ends it. RFC 1939 3 wants that timer to be of ten minutes at least,
//! so that a client that is slow is not cut off; and we do not cut it off: nobody who is alone with
//! a maildrop loses it earlier. But when somebody logs in anew with the account's credentials while
//! the session before has been silent for a minute, that session is most likely the dead one of the
//! same owner, who is waiting now. It gives way as the timer would end it: closed without a
//! response, without the UPDATE state, with every message that it had marked still there.
//!
//! Invariants
//! * A maildrop has one holder. Who lost it learns that before it can do anything: a session can
//!   only be taken over while it waits for its peer, and asks when it stops waiting.
//! * What is dropped by a session that was taken over does not free the maildrop of the next one.

use posthorn_base::{AccountId, Time, limits};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The maildrops that are open in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Locks(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    held: HashMap<AccountId, Held>,
    /// Sessions that had a maildrop so far: their names.
    sessions: u64,
}

#[derive(Debug)]
struct Held {
    session: u64,
    /// Since when its session waits for the peer; none while it works.
    waiting: Option<Time>,
    /// Told when it is taken over.
    lost: Arc<Notify>,
}

impl Held {
    /// The wall clock may be set: forward, and a session looks silent that is not, and loses its
    /// place but no message; backward, and it keeps it for longer.
    fn is_silent(&self, now: Time) -> bool {
        self.waiting.is_some_and(|since| now.since(since) >= limits::POP3_SILENCE_MAX)
    }
}

/// The maildrop has gone to another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

impl Locks {
    /// Locks an account's maildrop. `None` when another session has it that is not silent.
    pub(super) fn take(&self, account: AccountId, now: Time) -> Option<Lock> {
        let mut table = self.table();
        table.sessions += 1;
        let (session, lost) = (table.sessions, Arc::new(Notify::new()));
        let held = Held { session, waiting: None, lost: Arc::clone(&lost) };
        match table.held.entry(account) {
            Entry::Vacant(place) => {
                place.insert(held);
            }
            Entry::Occupied(mut place) if place.get().is_silent(now) => {
                place.insert(held).lost.notify_one();
                tracing::info!(%account, "a maildrop is taken over from a silent session");
            }
            Entry::Occupied(_) => return None,
        }
        Some(Lock { locks: self.clone(), account, session, lost })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A table is whole whatever panicked beside it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A maildrop's lock. Free again when this is dropped, however the session ends.
#[derive(Debug)]
pub(super) struct Lock {
    locks: Locks,
    account: AccountId,
    session: u64,
    lost: Arc<Notify>,
}

impl Lock {
    /// Waits for the peer, since `now`.
    ///
    /// # Errors
    /// [`Lost`] when another session has the maildrop now: nothing may be done with it any more.
    pub(super) async fn waiting<T>(
        &self,
        now: Time,
        wait: impl Future<Output = T>,
    ) -> Result<T, Lost> {
        self.mark(Some(now))?;
        let outcome = tokio::select! {
            biased;
            () = self.lost.notified() => return Err(Lost),
            outcome = wait => outcome,
        };
        self.mark(None)?;
        Ok(outcome)
    }

    fn mark(&self, waiting: Option<Time>) -> Result<(), Lost> {
        match self.locks.table().held.get_mut(&self.account) {
            Some(held) if held.session == self.session => {
                held.waiting = waiting;
                Ok(())
            }
            Some(_) | None => Err(Lost),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut table = self.locks.table();
        if table.held.get(&self.account).is_some_and(|held| held.session == self.session) {
            table.held.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::time::Duration;

    const NOW: Time = Time::from_seconds(1_000_000);

    fn accounts() -> (AccountId, AccountId) {
        (AccountId::new(1).unwrap(), AccountId::new(2).unwrap())
    }

    #[test]
    fn one_at_a_time_and_free_again() {
        let locks = Locks::default();
        let (alice, bob) = accounts();
        let later = NOW + Duration::from_secs(86_400);
        let lock = locks.take(alice, NOW).unwrap();
        assert!(locks.take(alice, NOW).is_none());
        assert!(locks.take(alice, later).is_none(), "who works is not silent");
        assert!(locks.take(bob, NOW).is_some());
        drop(lock);
        assert!(locks.take(alice, NOW).is_some());
    }

    #[tokio::test]
    async fn a_silent_session_gives_way() {
        let locks = Locks::default();
        let (alice, _) = accounts();
        let old = locks.take(alice, NOW).unwrap();
        let mut wait = Box::pin(old.waiting(NOW, pending::<()>()));
        // It waits from its first poll on.
        assert!(futures_poll_once(&mut wait).await.is_none());
        let almost = limits::POP3_SILENCE_MAX - Duration::from_millis(1);
        assert!(locks.take(alice, NOW + almost).is_none());
        let new = locks.take(alice, NOW + limits::POP3_SILENCE_MAX).unwrap();
        assert_eq!(wait.await, Err(Lost));
        assert_eq!(old.waiting(NOW, ready(())).await, Err(Lost), "for good");
        drop(old);
        assert!(locks.take(alice, NOW).is_none(), "the lock is the new session's");
        assert_eq!(new.waiting(NOW, ready(7)).await, Ok(7));
        assert!(locks.take(alice, NOW + Duration::from_secs(600)).is_none(), "it works again");
        drop(new);
        assert!(locks.take(alice, NOW).is_some());
    }

    /// Polls once; what came of it, if anything did.
    async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
