//! A clock that stands still until the test moves it.

use posthorn_base::{Clock, Time};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A simulated clock. Shared by reference or `Arc`; all holders see the same instant.
#[derive(Debug)]
pub struct SimClock {
    millis: AtomicI64,
    offset_minutes: i16,
}

impl SimClock {
    /// Monday, 23 November 2026, 09:00:00 UTC: a date on which tests read well.
    pub const START: Time = Time::from_seconds(1_795_424_400);

    /// A clock at [`SimClock::START`], in UTC.
    pub fn new() -> Self {
        SimClock::at(Self::START, 0)
    }
    /// A clock at this instant, in a zone this many minutes ahead of UTC.
    pub fn at(time: Time, offset_minutes: i16) -> Self {
        SimClock { millis: AtomicI64::new(time.millis()), offset_minutes }
    }
    /// Moves on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }
    /// Moves to an instant, also backwards: real clocks do.
    pub fn set(&self, time: Time) {
        self.millis.store(time.millis(), Ordering::SeqCst);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        SimClock::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        Time::from_millis(self.millis.load(Ordering::SeqCst))
    }
    fn offset_minutes(&self, _time: Time) -> i16 {
        self.offset_minutes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_only_when_told() {
        let clock = SimClock::new();
        assert_eq!(clock.now().to_string(), "2026-11-23T09:00:00.000Z");
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().to_string(), "2026-11-23T09:00:01.500Z");
        clock.set(Time::EPOCH);
        assert_eq!(clock.now(), Time::EPOCH);
        assert_eq!(SimClock::at(Time::EPOCH, 60).offset_minutes(Time::EPOCH), 60);
    }
}
