//! One budget for all message bytes held in memory.
//!
//! However many clients send and fetch at once, and however large their messages, the bytes of
//! messages in memory stay below one sum. A connection that needs more than there is waits its
//! turn, or does without (a [spool](crate::spool) goes to disk instead).
//!
//! What is sent to a client stays in memory as long as the client likes, until it is cut: such
//! permits are [lent](Budget::lend), and all of them together are at most half of the budget.
//! However many clients read slowly, mail comes in.
//!
//! Invariants
//! * The permits given out never exceed the budget; they return when they are dropped.
//! * Turns are taken in the order of asking: a large request is not starved by small ones.
//! * Nobody who holds a permit *waits* for a larger one ([`Permit::try_grow`] answers at once), so
//!   no two holders can wait for each other.

use posthorn_base::limits;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Why no memory was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// More than the whole budget was asked for: waiting would not help.
    #[error("{asked} bytes asked for, the whole budget for messages is {budget}")]
    TooLarge {
        /// Bytes asked for.
        asked: usize,
        /// Bytes there are in all.
        budget: usize,
    },
    /// The deadline passed before enough was returned by others.
    #[error("no memory for messages became free in time")]
    Busy,
}

/// The budget. Cheap to clone; all clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<Semaphore>,
    /// What may still be lent, if it is free.
    to_lend: Arc<Semaphore>,
    bytes: usize,
}

impl Budget {
    /// A budget of this many bytes, at most `u32::MAX` (a semaphore takes no more at once) and at
    /// least one inline message, or nothing could ever arrive.
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.clamp(limits::INLINE_BODY_BYTES_MAX, u32::MAX as usize);
        let to_lend = Arc::new(Semaphore::new(bytes / 2));
        Budget { free: Arc::new(Semaphore::new(bytes)), to_lend, bytes }
    }

    /// Bytes in all.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that are free now.
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Waits until `bytes` are free, but not beyond `deadline`.
    pub async fn acquire(&self, bytes: usize, deadline: Instant) -> Result<Permit, MemoryError> {
        let count = self.count(bytes)?;
        match timeout_at(deadline, Arc::clone(&self.free).acquire_many_owned(count)).await {
            Ok(Ok(permit)) => Ok(Permit { permit: Some(permit), ..self.nothing() }),
            Ok(Err(_)) | Err(_) => Err(MemoryError::Busy),
        }
    }

    /// Bytes that can be lent at once, at most.
    pub fn bytes_to_lend(&self) -> usize {
        self.bytes / 2
    }

    /// As [`acquire`](Budget::acquire), for those who return it when their peers let them.
    pub async fn lend(&self, bytes: usize, deadline: Instant) -> Result<Permit, MemoryError> {
        let budget = self.bytes_to_lend();
        if bytes > budget {
            return Err(MemoryError::TooLarge { asked: bytes, budget });
        }
        let count = self.count(bytes)?;
        // In this order: who waits here keeps nothing from the others.
        let lent = timeout_at(deadline, Arc::clone(&self.to_lend).acquire_many_owned(count)).await;
        let Ok(Ok(lent)) = lent else { return Err(MemoryError::Busy) };
        Ok(Permit { lent: Some(lent), ..self.acquire(bytes, deadline).await? })
    }

    /// Takes `bytes` if they are free now.
    pub fn try_acquire(&self, bytes: usize) -> Result<Permit, MemoryError> {
        let count = self.count(bytes)?;
        match Arc::clone(&self.free).try_acquire_many_owned(count) {
            Ok(permit) => Ok(Permit { permit: Some(permit), ..self.nothing() }),
            Err(_) => Err(MemoryError::Busy),
        }
    }

    /// A permit for nothing, to be grown.
    pub fn nothing(&self) -> Permit {
        Permit { budget: self.clone(), permit: None, lent: None }
    }

    fn count(&self, bytes: usize) -> Result<u32, MemoryError> {
        let too_large = MemoryError::TooLarge { asked: bytes, budget: self.bytes };
        if bytes > self.bytes {
            return Err(too_large);
        }
        u32::try_from(bytes).map_err(|_| too_large)
    }
}

/// The budget of `limits::MESSAGE_MEMORY_BYTES_MAX`.
impl Default for Budget {
    fn default() -> Self {
        Budget::new(limits::MESSAGE_MEMORY_BYTES_MAX)
    }
}

/// The right to hold some bytes of messages in memory. Returned when dropped.
#[derive(Debug)]
pub struct Permit {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
    /// As much again, of what may be lent.
    lent: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// Bytes that it covers.
    pub fn bytes(&self) -> usize {
        self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// The budget that it is of.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Makes it cover `bytes` more, if they are free now. What is added is not lent.
    pub fn try_grow(&mut self, bytes: usize) -> Result<(), MemoryError> {
        let more = self.budget.try_acquire(bytes)?;
        match (&mut self.permit, more.permit) {
            (Some(mine), Some(more)) => mine.merge(more),
            (mine, more) => *mine = more,
        }
        Ok(())
    }

    /// Returns all but `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        for mine in [&mut self.permit, &mut self.lent].into_iter().flatten() {
            let surplus = mine.num_permits().saturating_sub(bytes);
            drop(mine.split(surplus));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const UNIT: usize = limits::INLINE_BODY_BYTES_MAX;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn permits_return_when_dropped_and_wake_the_first_in_line() {
        let budget = Budget::new(3 * UNIT);
        let held = budget.acquire(2 * UNIT, soon()).await.unwrap();
        assert_eq!(budget.try_acquire(2 * UNIT).unwrap_err(), MemoryError::Busy);
        let large = {
            let budget = budget.clone();
            tokio::spawn(async move { budget.acquire(3 * UNIT, soon()).await.unwrap().bytes() })
        };
        // The large one has queued up when the unit that was free is no longer to be had.
        while budget.try_acquire(UNIT).is_ok() {
            tokio::task::yield_now().await;
        }
        drop(held);
        assert_eq!(large.await.unwrap(), 3 * UNIT);
        assert_eq!(budget.free(), 3 * UNIT);
    }

    #[tokio::test]
    async fn a_deadline_ends_the_wait_and_too_much_is_never_waited_for() {
        let budget = Budget::new(UNIT);
        let asked = UNIT + 1;
        let too_large = MemoryError::TooLarge { asked, budget: UNIT };
        assert_eq!(budget.acquire(asked, soon()).await.unwrap_err(), too_large);
        let _all = budget.try_acquire(UNIT).unwrap();
        assert_eq!(budget.acquire(1, Instant::now()).await.unwrap_err(), MemoryError::Busy);
    }

    #[tokio::test]
    async fn what_is_lent_leaves_half_for_the_others() {
        let budget = Budget::new(2 * UNIT);
        let too_large = MemoryError::TooLarge { asked: UNIT + 1, budget: UNIT };
        assert_eq!(budget.lend(UNIT + 1, soon()).await.unwrap_err(), too_large);
        let mut lent = budget.lend(UNIT, soon()).await.unwrap();
        assert_eq!((lent.bytes(), budget.free()), (UNIT, UNIT));
        assert_eq!(budget.lend(1, Instant::now()).await.unwrap_err(), MemoryError::Busy);
        let other = budget.acquire(UNIT, soon()).await.unwrap();
        lent.shrink_to(UNIT - 10);
        let more = budget.lend(10, soon()).await.unwrap();
        assert_eq!(budget.free(), 0);
        drop((lent, other, more));
        assert_eq!(budget.free(), 2 * UNIT);
        assert_eq!(budget.lend(UNIT, soon()).await.unwrap().bytes(), UNIT);
    }

    #[test]
    fn growing_and_shrinking_keep_the_sum() {
        let budget = Budget::new(UNIT);
        let mut permit = budget.nothing();
        permit.try_grow(UNIT / 2).unwrap();
        permit.try_grow(UNIT / 2).unwrap();
        assert_eq!(permit.try_grow(1), Err(MemoryError::Busy));
        permit.shrink_to(10);
        assert_eq!((permit.bytes(), budget.free()), (10, UNIT - 10));
        permit.shrink_to(20);
        assert_eq!(permit.bytes(), 10);
        drop(permit);
        assert_eq!(budget.free(), UNIT);
    }
}
