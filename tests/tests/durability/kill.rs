//! `kill -9`: at random moments, and within a statement's transaction, a commit, a checkpoint.

use crate::child::{Loading, command, rounds};
use posthorn_base::Random;
use posthorn_store::bodies::sweep_orphans;
use posthorn_testkit::SimRandom;
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::office::options;
use posthorn_tests::durability::{Expected, Letter, Line, Office};
use std::path::Path;

/// Rounds that share a store: the next process finds what the one before left.
const ROUNDS_PER_STORE: u64 = 5;

/// Starts a process on the store, kills it, and hears what it said.
fn round(dir: &Path, day: u64, random: &mut SimRandom, expected: &mut Expected) -> bool {
    let mut settings = vec![("day", day), ("seed", random.u64() >> 20), ("checkpoint_pages", 100)];
    let mut lines_until_kill = None;
    match random.up_to(4) {
        0 => settings.push(("die_at_statement", 20 + random.up_to(1500))),
        1 => settings.push(("die_at_commit", 3 + random.up_to(60))),
        2 => settings.push(("die_at_checkpoint", random.up_to(12))),
        _ => lines_until_kill = Some(random.up_to(250)),
    }
    let mut loading = Loading::start(&mut command(dir, &settings));
    let mut heard = 0;
    while let Some(line) = loading.next() {
        expected.hear(&line);
        assert!(!matches!(line, Line::Refused(..) | Line::Stopped), "{settings:?}: {line}");
        heard += 1;
        if lines_until_kill.is_some_and(|lines| heard >= lines) {
            // Not only at the moment of a line, but anywhere on the way to the next.
            for _ in 0..random.up_to(200_000) {
                std::hint::spin_loop();
            }
            loading.kill();
            lines_until_kill = None;
        }
    }
    let status = loading.wait();
    assert_eq!(status.code(), None, "it was killed: {settings:?}");
    heard > 5
}

/// Opens the store again, judges it, sweeps, accepts one more, closes.
async fn reopen(dir: &Path, day: u64, expected: &mut Expected) {
    let day = u32::try_from(day).unwrap();
    let office = Office::open(dir, day, options(day)).expect("the store opens again");
    expected.judge(&office).await.unwrap_or_else(|why| panic!("{why}"));
    sweep_orphans(&office.engine, &office.files, office.now()).await.unwrap();
    let accounts = office.found(2).await.unwrap();
    for account in &accounts {
        expected.hear(&Line::Account(*account));
    }
    let (arrival, letter) = (office.id(), Letter { seed: u64::from(day), size: 150_000 });
    expected.hear(&Line::Offered { arrival, letter, accounts: accounts.clone(), queued: 1 });
    office.accept(arrival, letter, &accounts, 1).await.expect("the store goes on");
    expected.hear(&Line::Accepted(arrival));
    expected.judge(&office).await.unwrap_or_else(|why| panic!("{why}"));
    office.engine.close().await.unwrap();
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let mut random = SimRandom::from_environment_or(20_261_123);
    let rounds = rounds("POSTHORN_CRASH_ROUNDS", 3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut acknowledged, mut busy) = (0, 0);
    let mut number = 0;
    while number < rounds {
        let dir = temp_dir();
        let store = dir.path().join("store");
        let mut expected = Expected::default();
        for _ in 0..ROUNDS_PER_STORE.min(rounds - number) {
            busy += u64::from(round(&store, 2 * number, &mut random, &mut expected));
            runtime.block_on(reopen(&store, 2 * number + 1, &mut expected));
            number += 1;
        }
        acknowledged += expected.acknowledged();
    }
    println!("{rounds} rounds, {acknowledged} acknowledged messages, seed {}", random.seed());
    assert!(2 * busy >= rounds, "most processes got to work before they died: {busy}");
}
