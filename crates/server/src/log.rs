//! How the log is written, so that it can be searched.
//!
//! * Every task of a connection runs in its [`connection`] span: `conn` is the id that also stands
//!   in the stories, `protocol` the listener's name, `peer` the address.
//! * What belongs to a message carries `arrival`, the id in the 250, in our Received line and in
//!   the story.
//! * Bytes from a peer are logged through [`posthorn_base::shown::Shown`] (`%Shown(bytes)`), never
//!   with `{:?}` of a string and never raw. Secrets are not logged at all.
//! * `error`: the owner must act. `warn`: something is wrong that may pass. `info`: once per
//!   connection or message. `debug`: the dialogue's steps.
//! * What peers can cause as often as they like is logged through a [`Seldom`].

use posthorn_base::{ConnectionId, Time};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tracing::Span;

/// The span of one connection.
pub fn connection(id: ConnectionId, protocol: &'static str, peer: SocketAddr) -> Span {
    tracing::info_span!("connection", conn = %id, protocol, %peer)
}

/// Lets an event through at most once per interval, and counts what it held back, so that a flood
/// of connections is not a flood of log lines.
#[derive(Debug)]
pub struct Seldom {
    interval: Duration,
    /// Milliseconds since the epoch when the next event may pass.
    next: AtomicI64,
    held_back: AtomicU64,
}

impl Seldom {
    /// At most one event per `interval`.
    pub const fn every(interval: Duration) -> Self {
        Seldom { interval, next: AtomicI64::new(i64::MIN), held_back: AtomicU64::new(0) }
    }

    /// `Some(n)` when the event may be logged: `n` earlier ones were not. `None` when it is held
    /// back.
    pub fn pass(&self, now: Time) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let after = (now + self.interval).millis();
        // A clock that was set back must not silence the log.
        let is_due = now.millis() >= next || next > after;
        let won = is_due
            && self
                .next
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if won {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        } else {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_not_written() {
        let seldom = Seldom::every(Duration::from_secs(10));
        let at = |seconds| seldom.pass(Time::from_seconds(seconds));
        assert_eq!(at(100), Some(0));
        assert_eq!([at(100), at(105), at(109)], [None; 3]);
        assert_eq!(at(110), Some(3));
        assert_eq!(at(119), None);
        assert_eq!(at(50), Some(1), "the clock was set back");
    }
}
