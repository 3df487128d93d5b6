//! Counting by the generic cell rate algorithm: one instant per key, no timers, no history.

use posthorn_base::Time;
use std::time::Duration;

/// A count per time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds after which one of the count comes back.
    each: i64,
    /// Microseconds after which all of it is back.
    all: i64,
}

/// How long until the next one is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub Duration);

impl Rate {
    /// `count` per `time`; all at once if need be. A count of 0 is taken as 1.
    pub fn new(count: u32, time: Duration) -> Self {
        let count = i64::from(count.max(1));
        let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let each = micros.checked_div(count).unwrap_or(1).max(1);
        Rate { each, all: each.saturating_mul(count) }
    }
}

/// What one key has used of its rate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    /// The instant at which everything is back, in microseconds since the epoch.
    full: i64,
}

impl Bucket {
    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&mut self, rate: Rate, now: Time) -> Result<(), Wait> {
        let now = now.millis().saturating_mul(1000);
        self.full = self.clamped(rate, now);
        let full = self.full.saturating_add(rate.each);
        let excess = full.saturating_sub(now).saturating_sub(rate.all);
        if excess > 0 {
            return Err(Wait(Duration::from_micros(excess.unsigned_abs())));
        }
        self.full = full;
        Ok(())
    }

    /// How many are used at present.
    pub(super) fn used(&self, rate: Rate, now: Time) -> u32 {
        let now = now.millis().saturating_mul(1000);
        let missing = self.clamped(rate, now).saturating_sub(now);
        u32::try_from(missing.saturating_add(rate.each - 1) / rate.each).unwrap_or(u32::MAX)
    }

    /// Never further ahead than a whole time: a clock that was set back must not lock anybody out.
    fn clamped(&self, rate: Rate, now: i64) -> i64 {
        self.full.clamp(now, now.saturating_add(rate.all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_an_even_pace() {
        let rate = Rate::new(3, Duration::from_secs(30));
        let mut bucket = Bucket::default();
        let mut at = |seconds| bucket.take(rate, Time::from_seconds(seconds)).map_err(|w| w.0);
        let wait = |seconds| Err(Duration::from_secs(seconds));
        assert_eq!([at(1000), at(1000), at(1000)], [Ok(()); 3]);
        assert_eq!(at(1000), wait(10));
        assert_eq!(at(1004), wait(6));
        assert_eq!(at(1010), Ok(()));
        assert_eq!(at(1010), wait(10));
        assert_eq!([at(2000), at(2000), at(2000)], [Ok(()); 3]);
        assert_eq!(at(500), wait(10), "a clock set back costs one turn, not the difference");
        assert_eq!(at(510), Ok(()));
        assert_eq!(bucket.used(rate, Time::from_seconds(510)), 3);
        assert_eq!(bucket.used(rate, Time::from_seconds(525)), 2);
    }
}
