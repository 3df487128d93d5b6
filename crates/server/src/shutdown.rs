//! Stopping in order: first nothing new, then what runs comes to its end, then what still runs is
//! cut.
//!
//! The binary turns signals into [`ShutdownSource::drain`]; listeners stop accepting, sessions say
//! their goodbye at the next command (RFC 5321 3.8: 421), and who waits for everything to end waits
//! with a limit.

use tokio::sync::watch;

/// The end that gives the word. Dropping it drains.
#[derive(Debug)]
pub struct ShutdownSource {
    draining: watch::Sender<bool>,
}

/// The end that waits for the word. Cheap to clone; one per task.
#[derive(Debug, Clone)]
pub struct Shutdown {
    draining: watch::Receiver<bool>,
}

/// A source and its first waiter.
pub fn channel() -> (ShutdownSource, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownSource { draining: sender }, Shutdown { draining: receiver })
}

impl ShutdownSource {
    /// Gives the word. Giving it again does nothing.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Another waiter.
    pub fn subscribe(&self) -> Shutdown {
        Shutdown { draining: self.draining.subscribe() }
    }
}

impl Shutdown {
    /// True once the word was given.
    pub fn is_draining(&self) -> bool {
        // A source that is gone can no longer give the word: nobody would ever stop us.
        *self.draining.borrow() || self.draining.has_changed().is_err()
    }

    /// Returns when the word is given, at once if it already was. Safe to cancel and call again.
    pub async fn draining(&mut self) {
        // An error means that the source was dropped, which drains.
        let _ = self.draining.wait_for(|draining| *draining).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_waiter_hears_the_word_also_late_ones() {
        let (source, mut first) = channel();
        let mut second = source.subscribe();
        assert!(!first.is_draining());
        let waiting = tokio::spawn(async move { second.draining().await });
        source.drain();
        waiting.await.unwrap();
        first.draining().await;
        assert!(first.is_draining() && source.subscribe().is_draining());
    }

    #[tokio::test]
    async fn a_lost_source_drains() {
        let (source, mut waiter) = channel();
        drop(source);
        waiter.draining().await;
        assert!(waiter.is_draining());
    }
}
