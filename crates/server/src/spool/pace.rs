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
        let begin = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*next).max(Instant::now());
            let nanos = u128::from(bytes as u64) * 1_000_000_000;
            let nanos = nanos / u128::from(self.bytes_per_second.max(1));
            *next = begin + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            begin
        };
        sleep_until(begin).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn together_they_keep_the_pace() {
        let pace = Pace::new(1000);
        let began = Instant::now();
        let goes = |bytes| {
            let pace = pace.clone();
            async move {
                pace.wait(bytes).await;
                began.elapsed().as_millis()
            }
        };
        let (first, second, third) = tokio::join!(goes(500), goes(2000), goes(1));
        // The timer counts whole milliseconds.
        assert_eq!((first / 10, second / 10, third / 10), (0, 50, 250));
        // Nothing is saved up for later.
        tokio::time::sleep(Duration::from_secs(60)).await;
        pace.wait(1000).await;
        pace.wait(1).await;
        assert_eq!(began.elapsed().as_secs(), 63);
    }
}
