//! Randomness that replays from its seed.

use posthorn_base::Random;

/// The environment variable that overrides a test's seed.
pub const SEED_VARIABLE: &str = "POSTHORN_SEED";

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Good
/// enough for simulations; never for secrets outside tests.
///
/// When a test panics while it holds one, the seed is printed.
#[derive(Debug)]
pub struct SimRandom {
    seed: u64,
    state: u64,
}

impl SimRandom {
    /// The same seed gives the same bytes.
    pub fn from_seed(seed: u64) -> Self {
        SimRandom { seed, state: seed }
    }

    /// The seed from [`SEED_VARIABLE`] if it is set, else the given one.
    pub fn from_environment_or(seed: u64) -> Self {
        let given = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.trim().parse().ok());
        SimRandom::from_seed(given.unwrap_or(seed))
    }

    /// What it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// One of the items; `None` when there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(items.len().checked_sub(1)?).unwrap_or(u64::MAX);
        items.get(usize::try_from(self.up_to(last)).unwrap_or(0))
    }

    /// True once in `times` on average.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.up_to(times.saturating_sub(1)) == 0
    }
}

impl Random for SimRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            chunk.iter_mut().zip(z.to_le_bytes()).for_each(|(to, from)| *to = from);
        }
    }
}

impl Drop for SimRandom {
    #[expect(clippy::print_stderr, reason = "this is how a failing test says how to repeat it")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with {SEED_VARIABLE}={}", self.seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replays_from_the_seed() {
        let draw = |seed| {
            let mut random = SimRandom::from_seed(seed);
            (0..4).map(|_| random.u64()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        // The generator's published first value for the seed 0.
        assert_eq!(draw(0).first(), Some(&0xe220_a839_7b1d_cdaf));
    }

    #[test]
    fn picks_all_items_in_the_end() {
        let mut random = SimRandom::from_seed(1);
        let items = [0, 1, 2];
        let mut seen = [false; 3];
        for _ in 0..100 {
            seen[*random.pick(&items).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(random.pick::<u8>(&[]), None);
        assert!(random.one_in(1));
    }
}
