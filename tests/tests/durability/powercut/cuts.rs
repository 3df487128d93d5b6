//! Power cuts at random calls and at the worst ones: just before a sync returns, just after
//! something was acknowledged.

use super::disk::{Disk, Fortune};
use super::log::{self, Call};
use super::{Recorder, Run};
use crate::child::rounds;
use posthorn_base::Random;
use posthorn_testkit::SimRandom;
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::office::options;
use posthorn_tests::durability::{Expected, Letter, Line, Office};
use std::path::Path;

/// Cuts made of one recording.
const CUTS_PER_RUN: u64 = 20;

/// A call before which the power fails.
fn instant(calls: &[Call], random: &mut SimRandom) -> usize {
    let among = |wanted: &dyn Fn(&Call) -> bool| -> Vec<usize> {
        let all = calls.iter().enumerate();
        all.filter(|(_, call)| wanted(call)).map(|(index, _)| index).collect()
    };
    let worst = match random.up_to(3) {
        0 => among(&|call| matches!(call, Call::SyncDone { .. })),
        1 => {
            let said = among(&|call| match call {
                Call::Said { text } => text.starts_with(b"accepted") || text.starts_with(b"ended"),
                _ => false,
            });
            said.into_iter().map(|index| index + 1).collect()
        }
        _ => Vec::new(),
    };
    match random.pick(&worst) {
        Some(index) => *index,
        None => random.up_to(calls.len() as u64) as usize,
    }
}

/// Opens what a cut left, judges it, and goes on with it.
pub(super) async fn survives(dir: &Path, said: &[u8], day: u32) -> Result<usize, String> {
    let mut expected = Expected::default();
    for text in String::from_utf8_lossy(said).lines() {
        expected.hear(&text.parse()?);
    }
    let office = Office::open(dir, day, options(day)).map_err(|error| error.to_string())?;
    let judged = expected.judge(&office).await;
    if judged.is_ok() {
        let accounts = office.found(2).await.map_err(|error| error.to_string())?;
        let (arrival, letter) = (office.id(), Letter { seed: 9, size: 150_000 });
        expected.hear(&Line::Offered { arrival, letter, accounts: accounts.clone(), queued: 1 });
        let accepted = office.accept(arrival, letter, &accounts, 1).await;
        accepted.map_err(|error| error.to_string())?;
        expected.hear(&Line::Accepted(arrival));
        expected.judge(&office).await?;
    }
    office.engine.close().await.map_err(|error| error.to_string())?;
    judged.map(|judged| judged.acknowledged)
}

/// How many cuts there were, how many acknowledged messages were looked for, and what went wrong.
#[derive(Default)]
struct Outcome {
    cuts: u64,
    looked_for: usize,
    failures: Vec<String>,
}

fn cut_often(
    recorder: &Recorder,
    wanted: u64,
    synchronous: u64,
    random: &mut SimRandom,
) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut outcome = Outcome::default();
    while outcome.cuts < wanted {
        let dir = temp_dir();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let path = dir.path().join("log");
        let settings = [
            ("seed", random.u64() >> 20),
            ("tasks", 5),
            ("accounts", 3),
            ("steps", 16),
            ("checkpoint_pages", 30 + random.up_to(300)),
            ("close", random.up_to(1)),
            ("synchronous", synchronous),
        ];
        let run = Run { root: &root, log: Some(path.clone()), rule: None, settings: &settings };
        let lines = recorder.run(&run);
        assert!(lines.contains(&Line::Done), "{settings:?}");
        let calls = log::read(&path);
        for _ in 0..CUTS_PER_RUN.min(wanted - outcome.cuts) {
            outcome.cuts += 1;
            let at = instant(&calls, random);
            let fortune = Fortune::draw(random);
            let mut disk = Disk::new(&root);
            calls.iter().take(at).for_each(|call| disk.apply(call));
            let left = dir.path().join(format!("left{}", outcome.cuts));
            disk.cut(&left, fortune, random);
            match runtime.block_on(survives(&left.join("store"), disk.said(), 1)) {
                Ok(count) => outcome.looked_for += count,
                Err(why) => {
                    let of = calls.len();
                    outcome.failures.push(format!("cut at {at} of {of}, {fortune:?}: {why}"));
                }
            }
            std::fs::remove_dir_all(&left).unwrap();
        }
    }
    outcome
}

#[test]
#[ignore = "needs a C compiler"]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let mut random = SimRandom::from_environment_or(1);
    let recorder = Recorder::compile();
    let wanted = rounds("POSTHORN_POWER_CUTS", 100);
    let outcome = cut_often(&recorder, wanted, 2, &mut random);
    let Outcome { cuts, looked_for, failures } = &outcome;
    println!("{cuts} cuts, {looked_for} acknowledged messages looked for, seed {}", random.seed());
    assert!(failures.is_empty(), "{} of {cuts}: {failures:#?}", failures.len());
    assert!(*looked_for as u64 > *cuts, "there was something to lose");
}

/// The control: without syncs the same test has to fail.
#[test]
#[ignore = "needs a C compiler"]
fn without_syncs_power_cuts_lose_mail() {
    let mut random = SimRandom::from_environment_or(2);
    let recorder = Recorder::compile();
    let outcome = cut_often(&recorder, 40, 0, &mut random);
    println!("{} of {} cuts lost something", outcome.failures.len(), outcome.cuts);
    assert!(!outcome.failures.is_empty());
}
