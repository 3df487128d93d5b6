//! Turns for working on large messages.
//!
//! To parse a message of many megabytes, to decode its texts and to compress it takes a processor
//! for a while, and memory beside the message itself. However many of them arrive at once, only a
//! few are worked on; the others wait in their spool files, where they take neither.
//!
//! Invariants
//! * Who waits for a turn holds no memory of the budget, and who has one waits for nothing but
//!   memory, which comes back from those who hold it without a turn: nobody waits for each other.
//! * Turns are taken in the order of asking.

use crate::memory::{Budget, MemoryError, Permit};
use posthorn_base::limits;
use std::sync::Arc;
use std::thread::available_parallelism;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// Hands out the turns of a process.
#[derive(Debug)]
pub struct LargeMessages {
    turns: Arc<Semaphore>,
    budget: Budget,
}

/// The right to have a large message in memory and to work on it. Returned when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _memory: Permit,
}

impl LargeMessages {
    /// A turn for each processor, within [`limits::LARGE_MESSAGES_AT_ONCE_MAX`]; their memory is
    /// the budget's.
    pub fn new(budget: Budget) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        let turns = processors.min(limits::LARGE_MESSAGES_AT_ONCE_MAX);
        LargeMessages { turns: Arc::new(Semaphore::new(turns)), budget }
    }

    /// Waits for a turn and for memory, at most [`limits::LARGE_MESSAGE_WAIT_MAX`] for both.
    pub(super) async fn turn(&self, octets: u64) -> Result<Turn, MemoryError> {
        let deadline = Instant::now() + limits::LARGE_MESSAGE_WAIT_MAX;
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(MemoryError::Busy) };
        // A budget that is smaller than this is used alone.
        let memory = memory_for(octets).min(self.budget.bytes());
        let memory = self.budget.acquire(memory, deadline).await?;
        Ok(Turn { _turn: turn, _memory: memory })
    }
}

/// What a message takes while it is worked on: its octets, a text decoded from them, and the text
/// for searching before and after it is packed.
fn memory_for(octets: u64) -> usize {
    let octets = usize::try_from(octets).unwrap_or(usize::MAX);
    octets.saturating_mul(2).saturating_add(2 * limits::SEARCH_TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_turn_holds_no_memory() {
        let budget = Budget::default();
        let large = Arc::new(LargeMessages::new(budget.clone()));
        let mut held = Vec::new();
        while large.turns.available_permits() > 0 {
            held.push(large.turn(1 << 20).await.unwrap());
        }
        let free = budget.free();
        let waiting = tokio::spawn({
            let large = Arc::clone(&large);
            async move { large.turn(1 << 20).await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert_eq!(budget.free(), free);
        held.clear();
        assert!(waiting.await.unwrap());
        assert_eq!(budget.free(), budget.bytes());
    }

    #[tokio::test]
    async fn the_largest_message_has_its_turn_in_the_smallest_budget() {
        let large = LargeMessages::new(Budget::new(0));
        let turn = large.turn(limits::MESSAGE_BYTES_MAX).await.unwrap();
        assert_eq!(large.budget.free(), 0);
        drop(turn);
        assert_eq!(large.budget.free(), large.budget.bytes());
    }
}
