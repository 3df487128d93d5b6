//! Which maildrops are open.

use posthorn_base::AccountId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The maildrops that are open in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Locks(Arc<Mutex<HashSet<AccountId>>>);

impl Locks {
    /// Locks an account's maildrop; `None` when another session has it.
    pub(super) fn take(&self, account: AccountId) -> Option<Lock> {
        let is_free = self.held().insert(account);
        is_free.then(|| Lock { locks: self.clone(), account })
    }

    fn held(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        // A set is whole whatever panicked beside it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A maildrop's lock. Free again when this is dropped, however the session ends.
#[derive(Debug)]
pub(super) struct Lock {
    locks: Locks,
    account: AccountId,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.held().remove(&self.account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_free_again() {
        let locks = Locks::default();
        let (alice, bob) = (AccountId::new(1).unwrap(), AccountId::new(2).unwrap());
        let lock = locks.take(alice).unwrap();
        assert!(locks.take(alice).is_none());
        assert!(locks.take(alice).is_none(), "a failed try leaves the lock as it was");
        assert!(locks.take(bob).is_some());
        drop(lock);
        assert!(locks.take(alice).is_some());
    }
}
