//! Turns for working on large messages.
//!
//! To parse a message of many megabytes, to decode its texts and to compress it takes a processor
//! for a while, and memory beside the message itself. However many of them arrive at once, only a
//! few are worked on; the others wait in their spool files, where they take neither.
//!
//! The work is done by threads of their own, always the same few. The C library keeps what a thread
//! has freed for that thread: spread over a pool of hundreds, the memory of two messages at a time
//! grew to that of dozens.
//!
//! Invariants
//! * Who waits for a turn holds no memory of the budget, and who has one waits for nothing but
//!   memory, which comes back from those who hold it without a turn: nobody waits for each other.
//! * Turns are taken in the order of asking.
//! * Work that panics ends itself, not its thread.

use crate::memory::{Budget, MemoryError, Permit};
use posthorn_base::limits;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, available_parallelism};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

type Work = Box<dyn FnOnce() + Send>;

/// Hands out the turns of a process. Its threads end when it is dropped.
#[derive(Debug)]
pub struct LargeMessages {
    turns: Arc<Semaphore>,
    budget: Budget,
    to_threads: mpsc::Sender<Work>,
}

/// The work panicked; what it said went to standard error.
#[derive(Debug, thiserror::Error)]
#[error("the work on a message panicked")]
pub(crate) struct Panicked;

/// The right to have a large message in memory and to work on it. Returned when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _turn: OwnedSemaphorePermit,
    _memory: Permit,
}

impl LargeMessages {
    /// A turn for each processor, within [`limits::LARGE_MESSAGES_AT_ONCE_MAX`]; their memory is
    /// the budget's.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(budget: Budget) -> io::Result<Self> {
        let processors = available_parallelism().map_or(1, usize::from);
        let turns = processors.min(limits::LARGE_MESSAGES_AT_ONCE_MAX);
        let (to_threads, work) = mpsc::channel::<Work>();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..turns {
            let work = Arc::clone(&work);
            thread::Builder::new().name("large-message".into()).spawn(move || serve(&work))?;
        }
        Ok(LargeMessages { turns: Arc::new(Semaphore::new(turns)), budget, to_threads })
    }

    /// Runs work on one of the threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (reply, answer) = oneshot::channel();
        let work = move || {
            // Who asked may be gone: then nobody needs the answer.
            let _ = reply.send(work());
        };
        self.to_threads.send(Box::new(work)).map_err(|_| Panicked)?;
        answer.await.map_err(|_| Panicked)
    }

    /// Waits for a turn and for memory, at most [`limits::LARGE_MESSAGE_WAIT_MAX`] for both.
    pub(crate) async fn turn(&self, octets: u64) -> Result<Turn, MemoryError> {
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

/// One thread, until the last sender of work is gone.
fn serve(work: &Mutex<mpsc::Receiver<Work>>) {
    loop {
        // One thread waits for work, the others for their turn to wait.
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // A panic has been told by its hook; who waits sees that no answer comes.
        let _ = catch_unwind(AssertUnwindSafe(work));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_turn_holds_no_memory() {
        let budget = Budget::default();
        let large = Arc::new(LargeMessages::new(budget.clone()).unwrap());
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
        let large = LargeMessages::new(Budget::new(0)).unwrap();
        let turn = large.turn(limits::MESSAGE_BYTES_MAX).await.unwrap();
        assert_eq!(large.budget.free(), 0);
        drop(turn);
        assert_eq!(large.budget.free(), large.budget.bytes());
    }

    #[tokio::test]
    async fn work_that_panics_is_told_and_the_threads_go_on() {
        let large = LargeMessages::new(Budget::default()).unwrap();
        for _ in 0..2 * limits::LARGE_MESSAGES_AT_ONCE_MAX {
            let done: Result<(), Panicked> = large.run(|| panic!("as expected by this test")).await;
            assert!(done.is_err());
        }
        assert_eq!(large.run(|| 1 + 1).await.unwrap(), 2);
    }
}
