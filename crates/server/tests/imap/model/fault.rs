//! Faults that a server might have, put between it and the model: what the model is worth.
//!
//! They are made of what a real server says, in the test's connection: the server has no switch for
//! them.

use super::client::Heard;
use std::collections::VecDeque;

/// Of the occasions for a fault, each so-many-th is taken: the more there are, the later it shows.
const EACH: u32 = 3;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// An EXPUNGE is not told.
    LostExpunge,
    /// Two EXPUNGEs come in the wrong order.
    SwappedExpunges,
    /// A flag is told that is not set, or not told that is.
    WrongFlag,
    /// Another session's change of flags is not told.
    LostFetch,
    /// A message has the UID of the next.
    WrongUid,
    /// An EXISTS from before an EXPUNGE is told again.
    StaleExists,
    /// An EXPUNGE within the answer to a FETCH.
    ExpungeDuringFetch,
    /// A VANISHED without one of its UIDs.
    LostVanished,
    /// A message is \Recent in every session.
    RecentAgain,
    /// HIGHESTMODSEQ is beyond what was told.
    EarlyModSeq,
}

impl Fault {
    /// All of them, each with the words by which the model may name it.
    pub(super) const ALL: [(Fault, &[&str]); 10] = [
        (Fault::LostExpunge, &["takes messages away", "out of step", "another UID"]),
        (Fault::SwappedExpunges, &["out of step", "another UID", "EXPUNGE of no message"]),
        (Fault::WrongFlag, &["out of step"]),
        (Fault::LostFetch, &["out of step"]),
        (Fault::WrongUid, &["another UID", "out of step", "never told of", "after QRESYNC"]),
        (Fault::StaleExists, &["no message with this sequence number"]),
        (Fault::ExpungeDuringFetch, &["EXPUNGE at a wrong moment"]),
        (
            Fault::LostVanished,
            &["takes messages away", "out of step", "another UID", "than EXIST", "after QRESYNC"],
        ),
        (Fault::RecentAgain, &["is \\Recent in two sessions"]),
        (Fault::EarlyModSeq, &["out of step", "after QRESYNC", "than EXIST"]),
    ];
}

/// A fault on one connection.
#[derive(Debug)]
pub(super) struct Tamper {
    fault: Fault,
    occasions: u32,
    /// Messages that exist, as far as the server has told.
    exists: usize,
    /// What is heard before anything else.
    ready: VecDeque<Heard>,
    /// An EXPUNGE that changes places with the next.
    held: Option<usize>,
}

impl Tamper {
    pub(super) fn new(fault: Fault) -> Tamper {
        Tamper { fault, occasions: 0, exists: 0, ready: VecDeque::new(), held: None }
    }

    /// What was put off.
    pub(super) fn ready(&mut self) -> Option<Heard> {
        self.ready.pop_front()
    }

    /// What is heard instead of `heard`, in the answer to `command`; `None` for nothing.
    pub(super) fn turn(&mut self, mut heard: Heard, command: &str) -> Option<Heard> {
        if let Some(first) = self.held.take() {
            let (now, next) = match heard {
                Heard::Expunge(second) => (Heard::Expunge(second), Heard::Expunge(first)),
                other => (Heard::Expunge(first), other),
            };
            self.ready.push_back(next);
            return Some(now);
        }
        let stale = self.count(&heard);
        if !self.is_occasion(&heard, command) {
            return Some(heard);
        }
        self.occasions += 1;
        if !self.occasions.is_multiple_of(EACH) {
            return Some(heard);
        }
        match (self.fault, &mut heard) {
            (Fault::LostExpunge | Fault::LostFetch, _) => return None,
            (Fault::StaleExists, _) => self.ready.push_back(Heard::Exists(stale)),
            (Fault::ExpungeDuringFetch, _) => self.ready.push_back(Heard::Expunge(1)),
            (Fault::SwappedExpunges, Heard::Expunge(number)) => {
                self.held = Some(*number);
                return None;
            }
            (Fault::WrongFlag, Heard::Fetch { flags: Some(flags), .. }) => {
                let flag = "\\flagged".to_owned();
                if !flags.remove(&flag) {
                    flags.insert(flag);
                }
            }
            (Fault::RecentAgain, Heard::Fetch { flags: Some(flags), .. }) => {
                flags.insert("\\recent".to_owned());
            }
            (Fault::WrongUid, Heard::Fetch { uid: Some(uid), .. }) => *uid += 1,
            (Fault::LostVanished, Heard::Vanished { uids, .. }) => drop(uids.pop()),
            (Fault::EarlyModSeq, Heard::Code(code)) => {
                let modseq: u64 = code.rsplit(' ').next().unwrap().parse().unwrap();
                *code = format!("HIGHESTMODSEQ {}", modseq + 20);
            }
            (fault, heard) => unreachable!("{fault:?} at {heard:?}"),
        }
        Some(heard)
    }

    fn is_occasion(&self, heard: &Heard, command: &str) -> bool {
        match (self.fault, heard) {
            (
                Fault::LostExpunge | Fault::StaleExists | Fault::SwappedExpunges,
                Heard::Expunge(_),
            ) => true,
            (Fault::WrongFlag | Fault::RecentAgain, Heard::Fetch { flags, .. }) => flags.is_some(),
            (Fault::WrongUid, Heard::Fetch { uid, .. }) => uid.is_some(),
            (Fault::LostFetch, Heard::Fetch { .. }) => command == "NOOP",
            (Fault::ExpungeDuringFetch, Heard::Fetch { .. }) => command.starts_with("FETCH "),
            (Fault::LostVanished, Heard::Vanished { uids, .. }) => !uids.is_empty(),
            (Fault::EarlyModSeq, Heard::Code(code)) => code.starts_with("HIGHESTMODSEQ "),
            _ => false,
        }
    }

    /// Counts messages; how many there were before.
    fn count(&mut self, heard: &Heard) -> usize {
        let before = self.exists;
        match heard {
            Heard::Exists(count) => self.exists = *count,
            Heard::Expunge(_) => self.exists = before.saturating_sub(1),
            Heard::Vanished { earlier: false, uids } => {
                self.exists = before.saturating_sub(uids.len());
            }
            _ => {}
        }
        before
    }
}
