//! What a client believes of the mailbox it has selected, from responses alone: written from the
//! RFCs, apart from the server.

use super::client::Heard;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Flags = BTreeSet<String>;

/// A message, as far as it was told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) uid: Option<u32>,
    pub(crate) flags: Option<Flags>,
}

/// A mailbox by sequence number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mirror {
    pub(crate) messages: Vec<Message>,
    pub(crate) recent: usize,
    pub(crate) highest_modseq: u64,
    /// UIDs of messages whose flags were told during the command that runs.
    pub(crate) told: BTreeSet<u32>,
    /// While a QRESYNC is answered: what the client had, by UID.
    pub(crate) resync: Option<BTreeMap<u32, Option<Flags>>>,
    /// Sequence numbers that FETCHes of that gave to UIDs.
    placed: Vec<(usize, u32)>,
}

impl Mirror {
    /// Takes a response. `may_expunge`: whether messages may be told to be gone now.
    pub(crate) fn hear(&mut self, heard: &Heard, may_expunge: bool, qresync: bool) {
        match heard {
            Heard::Exists(count) if self.resync.is_some() => {
                self.messages = vec![Message::default(); *count];
            }
            Heard::Exists(count) => {
                assert!(*count >= self.messages.len(), "EXISTS {count} takes messages away");
                self.messages.resize(*count, Message::default());
            }
            Heard::Recent(count) => self.recent = *count,
            Heard::Expunge(number) => {
                assert!(may_expunge, "EXPUNGE at a wrong moment");
                assert!(!qresync, "EXPUNGE instead of VANISHED");
                assert!((1..=self.messages.len()).contains(number), "EXPUNGE of no message");
                self.messages.remove(number - 1);
            }
            Heard::Vanished { earlier: true, uids } => {
                let known = self.resync.as_mut().expect("VANISHED (EARLIER) without QRESYNC");
                uids.iter().for_each(|uid| drop(known.remove(uid)));
            }
            Heard::Vanished { earlier: false, uids } => {
                assert!(may_expunge, "VANISHED at a wrong moment");
                assert!(qresync, "VANISHED without QRESYNC");
                uids.iter().for_each(|uid| self.vanish(*uid));
            }
            Heard::Fetch { number, uid, flags } => self.fetch(*number, *uid, flags.as_ref()),
            Heard::Code(code) => {
                if let Some(modseq) = code.strip_prefix("HIGHESTMODSEQ ") {
                    self.highest_modseq = modseq.parse().unwrap();
                }
            }
            _ => {}
        }
    }

    fn vanish(&mut self, uid: u32) {
        let known = self.messages.iter().position(|message| message.uid == Some(uid));
        // Of new messages the client may not know the UID yet: then it is one of those behind the
        // last smaller UID, all of which are as unknown.
        let smaller = |message: &Message| message.uid.is_some_and(|known| known < uid);
        let behind = self.messages.iter().rposition(smaller).map_or(0, |at| at + 1);
        let is_unknown = self.messages.get(behind).is_some_and(|message| message.uid.is_none());
        let at = known.or(is_unknown.then_some(behind));
        let at = at.expect("VANISHED of a message that was never told of");
        self.messages.remove(at);
    }

    fn fetch(&mut self, number: usize, uid: Option<u32>, flags: Option<&Flags>) {
        if let Some(known) = &mut self.resync {
            let uid = uid.expect("a FETCH of QRESYNC without UID");
            known.insert(uid, flags.cloned());
            self.placed.push((number, uid));
            return;
        }
        assert!((1..=self.messages.len()).contains(&number), "FETCH of no message: {number}");
        let message = &mut self.messages[number - 1];
        if let (Some(known), Some(uid)) = (message.uid, uid) {
            assert_eq!(known, uid, "message {number} has another UID");
        }
        message.uid = uid.or(message.uid);
        if let Some(flags) = flags {
            message.flags = Some(flags.clone());
            self.told.extend(message.uid);
        }
    }

    /// The answer to a SELECT with QRESYNC is complete: what was known is put in order.
    pub(crate) fn resynced(&mut self) {
        let Some(known) = self.resync.take() else { return };
        assert!(known.len() <= self.messages.len(), "more messages are known than EXIST");
        for (message, (uid, flags)) in self.messages.iter_mut().zip(known) {
            *message = Message { uid: Some(uid), flags };
        }
        for (number, uid) in std::mem::take(&mut self.placed) {
            assert_eq!(self.messages[number - 1].uid, Some(uid), "message {number} after QRESYNC");
        }
    }

    /// Numbers of messages of which something is not known, the first of them.
    pub(crate) fn first_unknown(&self) -> Option<usize> {
        let known = |message: &Message| message.uid.is_some() && message.flags.is_some();
        self.messages.iter().position(|message| !known(message)).map(|at| at + 1)
    }
}
