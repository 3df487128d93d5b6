//! Turns at something that only a few may do at once, shared out fairly among those who ask: the
//! networks that mail comes from, the accounts that search.
//!
//! However many connections of one network wait, another that waits has the next turn or the one
//! after it: a flood delays itself. Within a network turns are taken in the order of asking.
//!
//! Invariants
//! * No more turns are out than there are. A turn returns when it is dropped.
//! * While anybody waits, no turn is free.
//! * Who stops waiting loses nothing for the others, and is forgotten.

use crate::network::Cidr;
use posthorn_base::AccountId;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// For whom a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    /// A stranger's /24 or /64.
    Network(Cidr),
    /// Somebody who has logged in.
    Account(AccountId),
}

impl From<IpAddr> for Party {
    fn from(peer: IpAddr) -> Self {
        Party::Network(Cidr::network_of(peer))
    }
}

impl From<AccountId> for Party {
    fn from(account: AccountId) -> Self {
        Party::Account(account)
    }
}

/// Hands out turns. Cheap to clone; all clones hand out the same ones.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    /// The parties that wait; the first of them is next.
    order: VecDeque<Party>,
    /// The lines in which they wait. None is empty.
    waiting: HashMap<Party, VecDeque<oneshot::Sender<Turn>>>,
}

/// A turn. Returned when dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<Turns>);

impl Turns {
    /// So many at once.
    pub(crate) fn new(count: usize) -> Self {
        let state = State { free: count, order: VecDeque::new(), waiting: HashMap::new() };
        Turns(Arc::new(Mutex::new(state)))
    }

    /// Waits for a turn. Cancelling it gives up the place.
    pub(crate) async fn take(&self, party: Party) -> Turn {
        loop {
            let turn = {
                let mut state = self.lock();
                if let Some(free) = state.free.checked_sub(1) {
                    state.free = free;
                    return Turn(Some(self.clone()));
                }
                state.wait(party)
            };
            // Nobody drops the other end without sending; if so, asking again does no harm.
            if let Ok(turn) = turn.await {
                return turn;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, party: Party) -> oneshot::Receiver<Turn> {
        let (sender, turn) = oneshot::channel();
        let line = self.waiting.entry(party).or_default();
        if line.is_empty() {
            self.order.push_back(party);
        }
        // Else those who come and go would pile up behind one that lasts.
        line.retain(|waiting| !waiting.is_closed());
        line.push_back(sender);
        turn
    }

    /// Who is next; their party goes to the end of the order.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(party) = self.order.pop_front() {
            let line = self.waiting.get_mut(&party);
            let next = line.and_then(|line| {
                std::iter::from_fn(|| line.pop_front()).find(|waiting| !waiting.is_closed())
            });
            if self.waiting.get(&party).is_some_and(VecDeque::is_empty) {
                self.waiting.remove(&party);
            } else {
                self.order.push_back(party);
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = turns.lock();
                let next = state.next();
                if next.is_none() {
                    state.free = state.free.saturating_add(1);
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Turn(Some(turns.clone()))) {
                Ok(()) => return,
                // They gave up just now: the turn is ours again, for the one behind them.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    fn network(number: u8) -> Party {
        IpAddr::from([192, 0, number, 1]).into()
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Turn> + 'a>>;

    /// Asks, and expects to wait.
    fn ask(turns: &Turns, number: u8) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(turns.take(network(number)));
        assert!(poll(&mut waiting).is_none());
        waiting
    }

    fn poll(waiting: &mut Waiting<'_>) -> Option<Turn> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    /// Which of those who wait have a turn now.
    fn served(
        waiting: &mut Vec<(&'static str, Waiting<'_>)>,
        turns: &mut Vec<Turn>,
    ) -> Vec<&'static str> {
        let mut names = Vec::new();
        waiting.retain_mut(|(name, waiting)| match poll(waiting) {
            Some(turn) => {
                names.push(*name);
                turns.push(turn);
                false
            }
            None => true,
        });
        names
    }

    #[tokio::test]
    async fn a_flood_of_one_network_delays_itself() {
        let turns = Turns::new(1);
        let mut held = vec![turns.take(network(1)).await];
        let mut waiting = vec![
            ("flood 1", ask(&turns, 1)),
            ("flood 2", ask(&turns, 1)),
            ("flood 3", ask(&turns, 1)),
            ("another", ask(&turns, 2)),
            ("a third", ask(&turns, 3)),
            ("another again", ask(&turns, 2)),
        ];
        let mut order = Vec::new();
        while !held.is_empty() {
            held.clear();
            order.extend(served(&mut waiting, &mut held));
            assert!(held.len() <= 1);
        }
        let want = ["flood 1", "another", "a third", "flood 2", "another again", "flood 3"];
        assert_eq!(order, want);
        let state = turns.lock();
        assert_eq!((state.free, state.order.len(), state.waiting.len()), (1, 0, 0));
    }

    #[tokio::test]
    async fn who_gives_up_is_forgotten_and_costs_nobody_a_turn() {
        let turns = Turns::new(2);
        let mut held = vec![turns.take(network(1)).await, turns.take(network(1)).await];
        for _ in 0..100 {
            drop(ask(&turns, 1));
        }
        assert!(turns.lock().waiting.values().all(|line| line.len() <= 1));
        let mut waiting = vec![("gives up", ask(&turns, 1)), ("stays", ask(&turns, 2))];
        held.pop();
        // Had the turn already, and never took it.
        drop(waiting.remove(0));
        assert_eq!(served(&mut waiting, &mut held), ["stays"]);
        held.clear();
        let state = turns.lock();
        assert_eq!((state.free, state.order.len(), state.waiting.len()), (2, 0, 0));
    }
}
