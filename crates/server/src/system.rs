//! The machine's clock and randomness, the only real ones in the system.

use jiff::tz::TimeZone;
use posthorn_base::{Clock, IdSource, Random, Time};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The system clock, with the machine's time zone.
#[derive(Debug)]
pub struct SystemClock {
    zone: TimeZone,
    /// The last answer of [`Clock::offset_minutes`]: a quarter of an hour since the epoch (upper 48
    /// bits) and the offset in it (lower 16). Zones change only at such quarters, so the zone's
    /// rules are consulted four times an hour instead of once per message.
    cached: AtomicU64,
}

/// No quarter of an hour has this number.
const NOTHING_CACHED: u64 = u64::MAX;
const QUARTER_MILLIS: i64 = 15 * 60 * 1000;

impl SystemClock {
    /// The clock in the machine's zone (`TZ`, else `/etc/localtime`, else UTC), read once.
    pub fn new() -> Self {
        Self::in_zone(TimeZone::system())
    }

    /// The clock in a given zone.
    pub fn in_zone(zone: TimeZone) -> Self {
        SystemClock { zone, cached: AtomicU64::new(NOTHING_CACHED) }
    }

    fn look_up(&self, time: Time) -> i16 {
        let Ok(timestamp) = jiff::Timestamp::from_millisecond(time.millis()) else { return 0 };
        let seconds = self.zone.to_offset(timestamp).seconds();
        // RFC 5322 3.3: the zone is four digits, so an offset of less than 100 hours; jiff's are
        // below 26 hours. Offsets with seconds occur only before 1972 and are rounded down.
        i16::try_from(seconds.div_euclid(60)).unwrap_or(0)
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Time {
        // Before 1970 or after the year 292 million the clock is broken; the epoch is as good as
        // any.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
    }

    fn offset_minutes(&self, time: Time) -> i16 {
        let quarter = time.millis().div_euclid(QUARTER_MILLIS) as u64 & (u64::MAX >> 16);
        let cached = self.cached.load(Ordering::Relaxed);
        if cached != NOTHING_CACHED && cached >> 16 == quarter {
            return (cached & 0xffff) as u16 as i16;
        }
        let offset = self.look_up(time);
        self.cached.store(quarter << 16 | u64::from(offset as u16), Ordering::Relaxed);
        offset
    }
}

/// A clock for deadlines within one connection: it begins at the wall clock's time and then runs
/// steadily, whatever happens to the wall clock. Else setting the clock would end all sessions.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    began: Time,
    at: Instant,
}

impl SteadyClock {
    /// Begins at the time of `clock`.
    pub fn new(clock: &dyn Clock) -> Self {
        SteadyClock { began: clock.now(), at: Instant::now() }
    }

    /// The present instant.
    pub fn now(&self) -> Time {
        self.began + self.at.elapsed()
    }

    /// When to wake up for `time`: not before it, in terms of [`SteadyClock::now`].
    pub fn instant(&self, time: Time) -> Instant {
        // A deadline beyond what the machine can wait for is as good as a year.
        let wait = time.since(self.now()).min(Duration::from_secs(366 * 86_400));
        Instant::now() + wait
    }
}

/// The cryptographic random generator of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // Secrets are made of these bytes: better no server than a guessable one.
            tracing::error!("the system gives no random bytes; stopping at once");
            std::process::abort();
        }
    }
}

/// Gives out ids to all tasks of the process.
#[derive(Debug, Default)]
pub struct Ids(Mutex<IdSource>);

impl Ids {
    /// A source that has given out nothing yet.
    pub const fn new() -> Self {
        Ids(Mutex::new(IdSource::new()))
    }

    /// A new id. See [`IdSource::next`].
    pub fn next<T: From<posthorn_base::id::RawId>>(&self, now: Time) -> T {
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        source.next(now, &mut SystemRandom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz;

    #[test]
    fn offsets_follow_the_zone_and_the_cache_agrees_with_it() {
        // Rules written out, so that the test needs no zone database: Berlin's of today.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let clock = SystemClock::in_zone(zone);
        let change = 1_774_746_000; // 2026-03-29T01:00:00Z
        for (seconds, want) in
            [(change - 1, 60), (change - 1, 60), (change, 120), (change + 86_400 * 300, 60)]
        {
            assert_eq!(clock.offset_minutes(Time::from_seconds(seconds)), want, "{seconds}");
        }
        for hour in 0..24 * 365 {
            let time = Time::from_seconds(change + hour * 3600);
            assert_eq!(clock.offset_minutes(time), clock.look_up(time));
        }
        let west = SystemClock::in_zone(TimeZone::fixed(tz::offset(-4)));
        assert_eq!(west.offset_minutes(Time::EPOCH), -240);
        assert_eq!(west.offset_minutes(Time::EPOCH), -240, "from the cache");
        assert_eq!(west.offset_minutes(Time::from_millis(-1)), -240, "before the epoch");
        assert_eq!(west.offset_minutes(Time::from_millis(i64::MAX)), 0, "beyond the calendar");
    }

    #[test]
    fn the_clock_runs_and_the_random_bytes_differ() {
        let clock = SystemClock::new();
        assert!(clock.now() > Time::from_seconds(1_700_000_000));
        let (mut a, mut b) = ([0; 32], [0; 32]);
        SystemRandom.fill(&mut a);
        SystemRandom.fill(&mut b);
        assert_ne!(a, b);
    }
}
