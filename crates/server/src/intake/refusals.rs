//! The stories of refusals: recorded when there are few, counted when there are many. Nobody waits
//! for them.

use crate::network::Cidr;
use posthorn_base::Time;
use posthorn_store::story::{CountRefusal, NewStory, RecordStory};
use posthorn_store::{Engine, Operation};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Stories of refusals that are recorded in one second; what is beyond is counted.
const TOLD_PER_SECOND_MAX: u32 = 50;
/// Networks and reasons that are counted apart between two writes; what is beyond counts for the
/// network 0.0.0.0/0.
const COUNTS_MAX: usize = 1000;

/// Records refusals without making anybody wait.
#[derive(Debug)]
pub struct Refusals {
    engine: Arc<Engine>,
    state: Mutex<State>,
}

/// Refusals by network and reply code.
type Counts = HashMap<(Cidr, u16), i64>;

#[derive(Debug, Default)]
struct State {
    second: i64,
    told: u32,
    counts: Counts,
}

impl Refusals {
    /// Records into this store.
    pub fn new(engine: Arc<Engine>) -> Self {
        Refusals { engine, state: Mutex::new(State::default()) }
    }

    /// Records that something was refused with this reply code. Needs a runtime.
    pub fn record(&self, peer: IpAddr, code: u16, story: NewStory, now: Time) {
        let (is_told, counts) = self.judge(peer, code, now);
        for ((network, code), count) in counts {
            let (network, reason) = (network.to_string(), i64::from(code));
            self.write(CountRefusal { at: now, network, reason, count });
        }
        if is_told {
            self.write(RecordStory(story));
        }
    }

    /// Whether this one is told, and the counts of the second that is over.
    fn judge(&self, peer: IpAddr, code: u16, now: Time) -> (bool, Counts) {
        let mut counts = Counts::new();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.second != now.seconds() {
            (state.second, state.told) = (now.seconds(), 0);
            counts = std::mem::take(&mut state.counts);
        }
        if state.told < TOLD_PER_SECOND_MAX {
            state.told += 1;
            return (true, counts);
        }
        let mut key = (Cidr::network_of(peer), code);
        if state.counts.len() >= COUNTS_MAX && !state.counts.contains_key(&key) {
            key.0 = Cidr::around(std::net::Ipv4Addr::UNSPECIFIED.into(), 0);
        }
        *state.counts.entry(key).or_default() += 1;
        (false, counts)
    }

    fn write<O: Operation<Output = ()>>(&self, operation: O) {
        let engine = Arc::clone(&self.engine);
        tokio::spawn(async move {
            if let Err(error) = engine.write(operation).await {
                tracing::warn!(%error, "{} failed", O::NAME);
            }
        });
    }
}
