//! Messages whose octets follow from a seed and a size.

use posthorn_base::Random;
use posthorn_base::limits::INLINE_BODY_BYTES_MAX;
use posthorn_testkit::SimRandom;

/// A message in two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What its octets follow from.
    pub seed: u64,
    /// How many there are.
    pub size: usize,
}

impl Letter {
    /// A message of a size as mail has them: most are small, some stand just beside the border
    /// between row and file, some are beyond it.
    pub fn draw(random: &mut SimRandom) -> Self {
        let up_to = |random: &mut SimRandom, max: usize| random.up_to(max as u64) as usize;
        let size = match random.up_to(9) {
            0..=5 => 1024 + up_to(random, 15 * 1024),
            6 => 16 * 1024 + up_to(random, 100 * 1024),
            7 => INLINE_BODY_BYTES_MAX - 1 + up_to(random, 2),
            _ => INLINE_BODY_BYTES_MAX + up_to(random, 472 * 1024),
        };
        Letter { seed: random.u64(), size }
    }

    /// Its octets. One half of all messages cannot be compressed.
    pub fn octets(self) -> Vec<u8> {
        let mut random = SimRandom::from_seed(self.seed);
        let mut octets = format!("Subject: letter {}\r\n\r\n", self.seed).into_bytes();
        let mut line = [0; 76];
        while octets.len() < self.size {
            if self.seed.is_multiple_of(2) || octets.len() < 1000 {
                random.fill(&mut line);
                line.iter_mut().for_each(|octet| *octet = b'0' + (*octet & 63));
            }
            octets.extend_from_slice(&line);
            octets.extend_from_slice(b"\r\n");
        }
        octets.truncate(self.size);
        octets
    }
}
