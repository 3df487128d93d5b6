//! What tests need and production code never sees: a clock that is moved by hand, randomness from a
//! seed, a runner for `C:`/`S:` dialogues, and fixtures.
//!
//! Invariants
//! * Nothing here reads the machine's clock or its randomness.
//! * A failure says how to repeat it: the seed, or the transcript's file and line.

pub mod clock;
pub mod fixtures;
pub mod random;
pub mod transcript;

pub use clock::SimClock;
pub use random::SimRandom;
