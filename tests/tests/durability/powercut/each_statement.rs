//! A disk that fails, and memory that ends, at each single statement and commit of a load: the
//! faults are those of the system, met by SQLite itself.
//!
//! One task works, so that every run does the same, and the page cache is all but absent, so that
//! almost every statement reads from the disk and large ones write to the log. Run N makes every
//! such call fail from the N-th statement or commit to the one behind it. Runs end when the load
//! passes through before its N-th.

use super::{Recorder, Run};
use crate::child::{Loading, command};
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::office::options;
use posthorn_tests::durability::{Expected, Line, Office};
use std::path::Path;

const STEPS: u64 = 7;

fn settings(seed: u64, nth: u64) -> Vec<(&'static str, u64)> {
    let load = [("seed", seed), ("tasks", 1), ("accounts", 2), ("steps", STEPS)];
    load.into_iter().chain([("cache", 0), ("arm_at", nth)]).collect()
}

/// Whoever got a success finds the message, the others were told to come again, every rule holds.
fn judge(store: &Path, lines: &[Line], what: &str) -> u32 {
    let permanent = lines.iter().find(|line| matches!(line, Line::Refused(_, false)));
    assert!(permanent.is_none(), "{what}: {permanent:?}");
    let mut expected = Expected::default();
    lines.iter().for_each(|line| expected.hear(line));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let office = Office::open(store, 1, options(1)).unwrap();
        let survived = expected.judge(&office).await;
        survived.unwrap_or_else(|why| panic!("{what}: {why}"));
        office.engine.close().await.unwrap();
    });
    let refused = lines.iter().filter(|line| matches!(line, Line::Refused(..))).count();
    u32::try_from(refused).unwrap()
}

/// What a run did: how many places it had, and whether one met a fault.
fn places(store: &Path) -> (u64, bool) {
    let said = std::fs::read_to_string(store.with_extension("places")).unwrap();
    let (places, struck) = said.split_once(' ').unwrap();
    (places.parse().unwrap(), struck == "1")
}

/// What the recorder does to each call from one place to the next, and whether that is final.
const RULES: &[(&str, bool)] = &[
    ("eio read store.db 0", false),
    ("eio write store.db 0", false),
    ("enospc write store.db 0", false),
    // What was written before a failed sync may be lost, and no later sync tells: the store stops.
    ("eio sync store.db 0", true),
];

#[test]
#[ignore = "needs a C compiler"]
fn a_disk_that_fails_at_any_statement_loses_nothing() {
    let recorder = Recorder::compile();
    let seed = posthorn_testkit::SimRandom::from_environment_or(8).seed();
    for (rule, is_final) in RULES {
        let (mut nth, mut struck, mut refused, mut stopped) = (0, 0, 0, 0);
        loop {
            let dir = temp_dir();
            let settings = settings(seed, nth);
            let rule = Some((*rule).to_owned());
            let lines =
                recorder.run(&Run { root: dir.path(), log: None, rule, settings: &settings });
            let store = dir.path().join("store");
            let what = format!("{settings:?}");
            let has_stopped = lines.contains(&Line::Stopped);
            assert!(*is_final || !has_stopped, "{what}");
            assert!(has_stopped || lines.contains(&Line::Done), "{what}: it goes on");
            refused += judge(&store, &lines, &what);
            let (places, is_struck) = places(&store);
            if nth >= places {
                break;
            }
            stopped += u32::from(has_stopped);
            struck += u32::from(is_struck || has_stopped);
            nth += 1;
        }
        println!(
            "{rule}: {nth} places, {struck} struck, {refused} messages refused, {stopped} times \
             stopped, seed {seed}"
        );
        // A page that could not be read is read anew, and nobody notices.
        assert!(struck > 5 && (refused > 0 || rule.contains("read")));
        assert_eq!(stopped > 0, *is_final);
    }
}

#[test]
#[ignore = "takes long"]
fn memory_that_ends_at_any_statement_loses_nothing() {
    let seed = posthorn_testkit::SimRandom::from_environment_or(8).seed();
    let run = |settings: &[(&str, u64)]| {
        let dir = temp_dir();
        let store = dir.path().join("store");
        let mut loading = Loading::start(&mut command(&store, settings));
        let mut lines = Vec::new();
        while let Some(line) = loading.next() {
            lines.push(line);
        }
        assert!(loading.wait().success());
        let what = format!("{settings:?}");
        assert!(!lines.contains(&Line::Stopped), "{what}");
        let refused = judge(&store, &lines, &what);
        (places(&store).0, refused)
    };
    let (statements, _) = run(&settings(seed, u64::MAX));
    let mut refused = 0;
    for nth in 0..statements {
        // Once lowered, the limit stays: from this statement on SQLite gets nothing more.
        let limit = [("heap_limit_at", nth), ("heap_limit", 1)];
        refused += run(&[&*settings(seed, u64::MAX), &limit].concat()).1;
    }
    println!("{statements} places, {refused} messages refused, seed {seed}");
    assert!(statements > 40 && refused > 0);
}
