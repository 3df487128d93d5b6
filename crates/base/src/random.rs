//! Randomness as an argument, so that a failing simulation replays from its seed.

/// A source of random bytes. `server` has the real one; tests have a seeded one.
pub trait Random {
    /// Fills `bytes` with random bytes. For secrets the source must be cryptographically strong;
    /// the caller that hands the source in decides.
    fn fill(&mut self, bytes: &mut [u8]);

    /// A random number.
    fn u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A random number in `0..=max`, evenly enough for jitter and sampling (not for cryptography).
    fn up_to(&mut self, max: u64) -> u64 {
        match max.checked_add(1) {
            Some(range) => ((u128::from(self.u64()) * u128::from(range)) >> 64) as u64,
            None => self.u64(),
        }
    }
}
