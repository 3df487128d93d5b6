//! Turns for working on large messages.
//!
//! To parse a message of many megabytes, to decode its texts and to compress it takes a processor
//! for a while, and memory beside the message itself. However many of them arrive at once, only a
//! few are worked on; the others wait in their spool files, where they take neither. Networks take
//! turns: whoever floods us with large messages delays their own. Searches that have to look
//! through whole messages are worked on here too, account by account; and each page of any search
//! has its turn among those of other accounts.
//!
//! The work is done by threads of their own, always the same few. The C library keeps what a thread
//! has freed for that thread: spread over a pool of hundreds, the memory of two messages at a time
//! grew to that of dozens. They have a lower priority than the threads that serve connections: all
//! of the processors are theirs while nobody else needs them.
//!
//! Invariants
//! * Who waits for a turn holds no memory of the budget, and who has one waits for nothing but
//!   memory, which comes back from those who hold it without a turn: nobody waits for each other.
//! * Within a network, or an account, turns are taken in the order of asking.
//! * Work that panics ends itself, not its thread.

use crate::memory::{Budget, MemoryError, Permit};
use crate::turns::{self, Party, Turns};
use posthorn_base::{AccountId, limits};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, available_parallelism};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

type Work = Box<dyn FnOnce() + Send>;

/// Hands out the turns of a process. Its threads end when it is dropped.
#[derive(Debug)]
pub struct LargeMessages {
    turns: Turns,
    slices: Turns,
    budget: Budget,
    to_threads: mpsc::Sender<Work>,
}

/// The work panicked; what it said went to standard error.
#[derive(Debug, thiserror::Error)]
#[error("the work on a message panicked")]
pub(crate) struct Panicked;

/// The right to have a message in memory and, if it is large, to work on it. Returned when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _turn: Option<turns::Turn>,
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
            thread::Builder::new().name("large-message".into()).spawn(move || {
                step_back();
                serve(&work);
            })?;
        }
        // While one slice is looked through, the next one is read.
        let slices = Turns::new(2 * turns);
        Ok(LargeMessages { turns: Turns::new(turns), slices, budget, to_threads })
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

    /// Waits for the right to one slice of work that goes through a mailbox: a page of a SEARCH.
    /// Whoever has more of it asks again, behind other accounts: what one account looks for delays
    /// others by two slices at most, however many sessions it has.
    pub(crate) async fn slice(&self, account: AccountId) -> turns::Turn {
        self.slices.take(account.into()).await
    }

    /// Waits for a turn and for memory, at most [`limits::LARGE_MESSAGE_WAIT_MAX`] for both. A
    /// small message, which went to its file because memory was short, waits for memory only.
    pub(crate) async fn turn(
        &self,
        party: impl Into<Party>,
        octets: u64,
    ) -> Result<Turn, MemoryError> {
        let deadline = Instant::now() + limits::LARGE_MESSAGE_WAIT_MAX;
        let turn = match is_large(octets) {
            true => {
                let turn = timeout_at(deadline, self.turns.take(party.into())).await;
                Some(turn.map_err(|_| MemoryError::Busy)?)
            }
            false => None,
        };
        // A budget that is smaller than this is used alone.
        let memory = memory_for(octets).min(self.budget.bytes());
        let memory = self.budget.acquire(memory, deadline).await?;
        Ok(Turn { _turn: turn, _memory: memory })
    }
}

/// Whether a message is worked on in turn, and not where it arrived.
pub(super) fn is_large(octets: u64) -> bool {
    octets > limits::INLINE_BODY_BYTES_MAX as u64
}

/// What a message takes while it is worked on: its octets, a text decoded from them, and the text
/// for searching before and after it is packed.
fn memory_for(octets: u64) -> usize {
    let texts = if is_large(octets) { 2 * limits::SEARCH_TEXT_BYTES_MAX } else { 0 };
    let octets = usize::try_from(octets).unwrap_or(usize::MAX);
    octets.saturating_mul(2).saturating_add(texts)
}

/// Gives this thread a lower priority, which on Linux threads have each for themselves.
fn step_back() {
    if let Err(error) = rustix::process::nice(limits::LARGE_MESSAGE_NICE) {
        // Allowed to everybody; without it we are only less polite.
        tracing::debug!(%error, "cannot lower the priority of a thread");
    }
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
    use std::net::{IpAddr, Ipv4Addr};

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn who_waits_for_a_turn_holds_no_memory() {
        let budget = Budget::default();
        let large = Arc::new(LargeMessages::new(budget.clone()).unwrap());
        let mut held = Vec::new();
        let processors = available_parallelism().map_or(1, usize::from);
        for _ in 0..processors.min(limits::LARGE_MESSAGES_AT_ONCE_MAX) {
            held.push(large.turn(PEER, 1 << 20).await.unwrap());
        }
        let free = budget.free();
        let waiting = tokio::spawn({
            let large = Arc::clone(&large);
            async move { large.turn(PEER, 1 << 20).await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert_eq!(budget.free(), free);
        held.clear();
        assert!(waiting.await.unwrap());
        assert_eq!(budget.free(), budget.bytes());
    }

    #[tokio::test]
    async fn a_small_message_waits_for_no_turn() {
        let large = LargeMessages::new(Budget::default()).unwrap();
        let mut held = Vec::new();
        for _ in 0..2 * limits::LARGE_MESSAGES_AT_ONCE_MAX {
            held.push(large.turn(PEER, limits::INLINE_BODY_BYTES_MAX as u64).await.unwrap());
        }
        let octets = held.len() * 2 * limits::INLINE_BODY_BYTES_MAX;
        assert_eq!(large.budget.free(), large.budget.bytes() - octets);
    }

    #[tokio::test]
    async fn the_largest_message_has_its_turn_in_the_smallest_budget() {
        let large = LargeMessages::new(Budget::new(0)).unwrap();
        let turn = large.turn(PEER, limits::MESSAGE_BYTES_MAX).await.unwrap();
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
