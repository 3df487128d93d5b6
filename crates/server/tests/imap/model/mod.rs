//! The model test: sessions of one account do what comes to random minds, and each one's untagged
//! responses, replayed by a client that knows nothing else, must come to what the store holds.
//!
//! Runs `POSTHORN_MODEL_SEEDS` seeds (20 unless set) from `POSTHORN_SEED` (1) on, each with
//! `POSTHORN_MODEL_OPERATIONS` operations (400), on a server of its own. A failure prints the seed
//! and the end of each session's dialogue.

mod client;
mod fault;
mod mirror;
mod run;
mod session;

pub(crate) use client::{Connection, Heard};
use fault::Fault;
use posthorn_testkit::SimRandom;
use run::Run;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Operations after which a fault must have shown.
const FAULTY_OPERATIONS: usize = 2000;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn sessions_agree_with_the_store() {
    let first = setting("POSTHORN_SEED", 1);
    let operations = setting("POSTHORN_MODEL_OPERATIONS", 400);
    for seed in first..first + setting("POSTHORN_MODEL_SEEDS", 20) {
        eprintln!("seed {seed}, {operations} operations");
        let mut run = Run::new(SimRandom::from_seed(seed), None);
        for _ in 0..operations {
            run.step();
        }
        run.end();
    }
}

/// A model that finds nothing proves nothing: with each fault between it and the server it fails,
/// and says by what.
#[test]
fn every_fault_is_named() {
    let seed = setting("POSTHORN_SEED", 1);
    for (fault, names) in Fault::ALL {
        let run = || {
            let mut run = Run::new(SimRandom::from_seed(seed), Some(fault));
            (0..FAULTY_OPERATIONS).for_each(|_| run.step());
            run.end();
        };
        let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else {
            panic!("{fault:?} was not noticed");
        };
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let text = text.unwrap_or_default();
        eprintln!("{fault:?}: {}", text.lines().next().unwrap_or_default());
        assert!(names.iter().any(|name| text.contains(name)), "{fault:?} was taken for: {text}");
    }
}
