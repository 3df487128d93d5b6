//! What silent sessions hold of mailboxes that have moved on.
//!
//! A session's view stays what its client was told, until its client lets it be told more. Views
//! share what is the same, but a client that has selected a large mailbox, says nothing, and lets
//! others change it holds the old one alone; so does one that takes a long answer slowly. What all
//! of these take together is bounded: above the bound, such sessions are closed; their clients
//! connect again and lose nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sum of what silent sessions hold, and its bound.
#[derive(Debug)]
pub(super) struct Pinned {
    octets: AtomicUsize,
    max: usize,
}

impl Pinned {
    /// Nothing yet, of at most `max` octets.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Pinned { octets: AtomicUsize::new(0), max })
    }
}

/// The part of one session. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    pinned: Arc<Pinned>,
    octets: usize,
}

impl Share {
    /// None yet.
    pub(super) fn new(pinned: Arc<Pinned>) -> Self {
        Share { pinned, octets: 0 }
    }

    /// Says how much it is now. False when that is something, and all together are too much.
    pub(super) fn set(&mut self, octets: usize) -> bool {
        let sum = &self.pinned.octets;
        // Each adds and takes away its own part only: the sum never falls below 0.
        sum.fetch_add(octets, Ordering::Relaxed);
        let before = sum.fetch_sub(self.octets, Ordering::Relaxed);
        let now = before.saturating_sub(self.octets);
        self.octets = octets;
        octets == 0 || now <= self.pinned.max
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pinned.octets.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_bounded_and_given_back() {
        let pinned = Pinned::new(100);
        let (mut one, mut two) = (Share::new(Arc::clone(&pinned)), Share::new(Arc::clone(&pinned)));
        assert!(one.set(80) && two.set(20));
        assert!(!two.set(21), "together too much");
        assert!(two.set(0), "who holds nothing is not to blame");
        assert!(one.set(100));
        drop(one);
        assert!(two.set(100));
        drop(two);
        assert_eq!(pinned.octets.load(Ordering::Relaxed), 0);
    }
}
