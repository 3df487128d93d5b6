//! A pace that nobody who shares it exceeds together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// So many octets a second, in the order of asking. Cheap to clone; all clones are the same pace.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    bytes_per_second: u64,
    /// When the next may begin.
    next: Arc<Mutex<Instant>>,
}

impl Pace {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Pace { bytes_per_second, next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Waits until so many octets may go. Who gives up waiting has used their share all the same.
    pub(super) async fn wait(&self, bytes: usize) {
        sleep_until(self.begin(bytes, Instant::now())).await;
    }

    /// When so many octets may go that are asked for now.
    fn begin(&self, bytes: usize, now: Instant) -> Instant {
        let nanos = u128::from(bytes as u64) * 1_000_000_000;
        let nanos = nanos / u128::from(self.bytes_per_second.max(1));
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (*next).max(now);
        *next = begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together_they_keep_the_pace() {
        let pace = Pace::new(1000);
        let now = Instant::now();
        let seconds = |begin: Instant| begin.duration_since(now).as_secs_f64();
        assert_eq!(seconds(pace.begin(500, now)), 0.0);
        assert_eq!(seconds(pace.clone().begin(2000, now)), 0.5);
        assert_eq!(seconds(pace.begin(1, now)), 2.5);
        // Nothing is saved up for later.
        let later = now + Duration::from_secs(60);
        assert_eq!(seconds(pace.begin(1000, later)), 60.0);
        assert_eq!(seconds(pace.begin(1, later)), 61.0);
    }
}
