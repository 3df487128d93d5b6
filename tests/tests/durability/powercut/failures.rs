//! A disk that fails, or a process that dies, at a chosen call on a chosen file.

use super::disk::{Disk, Fortune};
use super::{Recorder, Run, cuts, log};
use crate::child::rounds;
use posthorn_base::Random;
use posthorn_testkit::SimRandom;
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::Line;

/// Calls and files, and between which numbers of them: within the commit, the checkpoint, the
/// making of a body file and of its folder, the sweep. The store is open and has its accounts by
/// then.
const PLACES: &[(&str, &str, u64, u64)] = &[
    ("write", "store.db-wal$", 250, 900),
    ("sync", "store.db-wal$", 12, 60),
    ("write", "store.db$", 100, 300),
    ("sync", "store.db$", 4, 10),
    ("create", "/bodies/", 1, 25),
    ("write", "/bodies/", 1, 40),
    ("sync", "/bodies/", 1, 60),
    ("mkdir", "/bodies/", 1, 20),
    ("unlink", "/bodies/", 1, 4),
];

struct Struck {
    rule: String,
    lines: Vec<Line>,
    seed: u64,
}

/// Lets the n-th such call end as `action` says; then judges the files as they are, and as a power
/// cut would leave them that drops everything that was not safe.
fn strike(recorder: &Recorder, action: &str, place: usize, random: &mut SimRandom) -> Struck {
    let (call, part, least, most) = PLACES[place % PLACES.len()];
    let rule = format!("{action} {call} {part} {}", least + random.up_to(most - least));
    let dir = temp_dir();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let path = dir.path().join("log");
    let seed = random.u64() >> 20;
    let settings =
        [("seed", seed), ("tasks", 5), ("accounts", 3), ("steps", 20), ("checkpoint_pages", 60)];
    let settings = settings.as_slice();
    let run = Run { root: &root, log: Some(path.clone()), rule: Some(rule.clone()), settings };
    let lines = recorder.run(&run);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let calls = log::read(&path);
    let mut disk = Disk::new(&root);
    calls.iter().for_each(|call| disk.apply(call));
    let said = disk.said();
    let left = dir.path().join("left");
    disk.cut(&left, Fortune::Drop, random);
    for store in [root.join("store"), left.join("store")] {
        let survived = runtime.block_on(cuts::survives(&store, said, 1));
        survived.unwrap_or_else(|why| panic!("{rule}, seed {seed}, {}: {why}", store.display()));
    }
    Struck { rule, lines, seed }
}

#[test]
#[ignore = "needs a C compiler"]
fn a_process_that_dies_within_a_call_loses_nothing() {
    let mut random = SimRandom::from_environment_or(3);
    let recorder = Recorder::compile();
    let mut died = 0;
    let rounds = rounds("POSTHORN_DISK_FAILURES", 20);
    for number in 0..rounds {
        let action =
            if PLACES[number as usize % PLACES.len()].0 == "write" { "half" } else { "kill" };
        let struck = strike(&recorder, action, number as usize, &mut random);
        died += u64::from(!struck.lines.contains(&Line::Done));
    }
    println!("{died} of {rounds} processes died at their call, seed {}", random.seed());
    assert!(2 * died > rounds);
}

#[test]
#[ignore = "needs a C compiler"]
fn a_failing_disk_is_answered_with_temporary_errors_and_loses_nothing() {
    let mut random = SimRandom::from_environment_or(4);
    let recorder = Recorder::compile();
    let (mut refused, mut stopped) = (0, 0);
    let rounds = rounds("POSTHORN_DISK_FAILURES", 20);
    for number in 0..2 * rounds {
        let action = if number < rounds { "eio" } else { "enospc" };
        let struck = strike(&recorder, action, number as usize, &mut random);
        let Struck { rule, lines, seed } = struck;
        let permanent = lines.iter().find(|line| matches!(line, Line::Refused(_, false)));
        assert!(permanent.is_none(), "{rule}, seed {seed}: {permanent:?}");
        let is_stopped = lines.contains(&Line::Stopped);
        // A failed sync of the database or its log is final, and so is a failing checkpoint. A
        // commit or a body that cannot be written is not.
        if rule.contains("/bodies/") || rule.contains("write store.db-wal$") {
            assert!(!is_stopped, "{rule}, seed {seed}");
            assert!(lines.contains(&Line::Done), "{rule}, seed {seed}: it goes on");
        }
        stopped += u64::from(is_stopped);
        refused += lines.iter().filter(|line| matches!(line, Line::Refused(..))).count();
    }
    println!("{refused} refused, {stopped} of {} stopped, seed {}", 2 * rounds, random.seed());
    assert!(refused > 0 && stopped > 0);
}
