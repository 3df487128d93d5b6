//! The model test: sessions of one account do what comes to random minds, and each one's untagged
//! responses, replayed by a client that knows nothing else, must come to what the store holds.
//!
//! Runs `POSTHORN_MODEL_SEEDS` seeds (20 unless set) from `POSTHORN_SEED` (1) on, each with
//! `POSTHORN_MODEL_OPERATIONS` operations (400), on a server of its own. A failure prints the seed
//! and the end of each session's dialogue.

mod client;
mod mirror;
mod run;

pub(crate) use client::{Connection, Heard};
use posthorn_testkit::SimRandom;
use run::Run;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn sessions_agree_with_the_store() {
    let first = setting("POSTHORN_SEED", 1);
    let operations = setting("POSTHORN_MODEL_OPERATIONS", 400);
    for seed in first..first + setting("POSTHORN_MODEL_SEEDS", 20) {
        eprintln!("seed {seed}, {operations} operations");
        let mut run = Run::new(SimRandom::from_seed(seed));
        for _ in 0..operations {
            run.step();
        }
        run.end();
    }
}
