//! The mailbox that is selected, as its client knows it.

use super::keywords::Dictionary;
use super::recent::Recent;
use super::untagged;
use posthorn_base::{Flags, MailboxId, ModSeq, Uid};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::value::MessageSet;
use posthorn_store::view::{Entry, View};
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

/// A selected mailbox.
#[derive(Debug)]
pub(crate) struct Selected {
    /// Which.
    pub(crate) mailbox: MailboxId,
    /// EXAMINE.
    pub(crate) read_only: bool,
    /// What the client was told: its sequence numbers are positions in this view, plus one. It may
    /// hold messages that are gone ([`View::is_ghost`]), when that could not be told yet.
    pub(crate) view: Arc<View>,
    /// All changes up to this one were told, expunges too. Below the view's own modseq while the
    /// view holds ghosts.
    pub(super) synced: ModSeq,
    /// What is \Recent in this session.
    pub(super) recent: Recent,
    /// How many \Recent messages the client was told of.
    pub(super) recent_told: usize,
    /// The saved result (RFC 5182): UIDs, rising; those that vanish stay, and mean nothing.
    pub(crate) saved: Vec<Uid>,
    /// What this command has told of messages that it changed itself, by UID: the modseq up to
    /// which the client knows the message. Empty between commands.
    told: Vec<(Uid, ModSeq)>,
}

impl Selected {
    /// A mailbox that was just selected, of which nothing was told yet.
    pub(super) fn new(view: Arc<View>, read_only: bool, recent: Recent) -> Self {
        Selected {
            mailbox: view.mailbox().id,
            read_only,
            synced: view.mailbox().highest_modseq,
            recent_told: recent.count(&view),
            view,
            recent,
            saved: Vec::new(),
            told: Vec::new(),
        }
    }

    /// What is \Recent in this session.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// True for a message that is \Recent in this session.
    pub(crate) fn is_recent(&self, uid: Uid) -> bool {
        self.recent.contains(uid)
    }

    /// Notes that the client was told the state that a message got by `modseq`, so that it is not
    /// told again when the view moves on. For commands that change flags and tell of it themselves.
    pub(crate) fn was_told(&mut self, uid: Uid, modseq: ModSeq) {
        self.told.push((uid, modseq));
    }

    /// What was noted by [`Selected::was_told`]; from now on nothing is.
    pub(super) fn take_told(&mut self) -> Vec<(Uid, ModSeq)> {
        let mut told = std::mem::take(&mut self.told);
        told.sort_unstable();
        told
    }

    /// Writes FLAGS and PERMANENTFLAGS (RFC 3501 7.2.6 and 7.1). Each is one line, for each takes
    /// the place of the one before: with all keywords that an account may have, at their usual
    /// length, some 15 KiB. They are written at SELECT, and when a message is told of with a
    /// keyword that is newer than they are.
    pub(super) fn tell_flags(&self, dictionary: &Dictionary, bytes: &mut Vec<u8>) {
        let names = || {
            let system = Flags::NAMED.iter().map(|(_, name)| *name);
            system.chain(dictionary.names().map(posthorn_base::Keyword::as_str))
        };
        untagged::flags(bytes, names());
        // RFC 3501 7.1: `\*` says that the client can make keywords.
        let wildcard = (!dictionary.is_full()).then_some("\\*");
        match self.read_only {
            true => untagged::permanent_flags(bytes, std::iter::empty()),
            false => untagged::permanent_flags(bytes, names().chain(wildcard)),
        }
    }

    /// Writes up to which change the client knows everything.
    pub(super) fn tell_highest_modseq(&self, bytes: &mut Vec<u8>) {
        untagged::highest_modseq(bytes, self.synced);
    }

    /// The messages of a set, as positions in the view, rising, each once. UIDs that don't exist
    /// are left out (RFC 3501 6.4.8).
    ///
    /// # Errors
    /// BAD for a sequence number that no message has (RFC 3501 9: the client is out of step).
    pub(crate) fn positions(
        &self,
        set: &MessageSet,
        by_uid: bool,
    ) -> Result<Vec<usize>, Completion> {
        Ok(self.ranges(set, by_uid)?.into_iter().flatten().collect())
    }

    /// The same as ranges of positions, which don't touch each other. A set like `1:*` takes no
    /// more room than it has commas.
    ///
    /// # Errors
    /// As [`Selected::positions`].
    pub(crate) fn ranges(
        &self,
        set: &MessageSet,
        by_uid: bool,
    ) -> Result<Vec<Range<usize>>, Completion> {
        match set {
            MessageSet::Saved => {
                Ok(joined(self.saved.iter().filter_map(|uid| self.view.find(*uid).ok())))
            }
            MessageSet::Numbers(numbers) if by_uid => {
                let last = self.view.len().checked_sub(1).and_then(|last| self.view.get(last));
                let Some(last) = last else { return Ok(Vec::new()) };
                let greatest = NonZeroU32::new(last.uid.get()).unwrap_or(NonZeroU32::MIN);
                let position = |uid: u32| match Uid::new(uid).map(|uid| self.view.find(uid)) {
                    Some(Ok(at)) => (at, at.saturating_add(1)),
                    Some(Err(at)) => (at, at),
                    None => (0, 0),
                };
                let ranges = numbers.resolve(greatest).into_iter();
                let ranges = ranges.map(|(a, b)| position(a).0..position(b).1);
                Ok(ranges.filter(|range| !range.is_empty()).collect())
            }
            MessageSet::Numbers(numbers) => {
                let len = u32::try_from(self.view.len()).unwrap_or(u32::MAX);
                let beyond = || Completion::bad("there is no message with this sequence number");
                let greatest = NonZeroU32::new(len).ok_or_else(beyond)?;
                let ranges = numbers.resolve(greatest);
                if ranges.last().is_some_and(|(_, last)| *last > len) {
                    return Err(beyond());
                }
                Ok(ranges.iter().map(|(a, b)| *a as usize - 1..*b as usize).collect())
            }
        }
    }

    #[allow(dead_code, reason = "FETCH comes next")]
    /// The messages of a set, with their sequence numbers.
    ///
    /// # Errors
    /// As [`Selected::positions`].
    pub(crate) fn messages(
        &self,
        set: &MessageSet,
        by_uid: bool,
    ) -> Result<Vec<(u32, Entry)>, Completion> {
        let positions = self.positions(set, by_uid)?;
        let entry = |at: usize| {
            let number = u32::try_from(at).ok()?.checked_add(1)?;
            Some((number, *self.view.get(at)?))
        };
        Ok(positions.into_iter().filter_map(entry).collect())
    }

    /// The UIDs of a set that are not known to be gone, rising, and whether some are.
    ///
    /// # Errors
    /// As [`Selected::positions`].
    pub(super) fn live(
        &self,
        set: &MessageSet,
        by_uid: bool,
    ) -> Result<(Vec<Uid>, bool), Completion> {
        let positions = self.positions(set, by_uid)?;
        let named = positions.len();
        let uid = |at: usize| self.view.get(at).map(|entry| entry.uid);
        let live = |uid: &Uid| !self.view.is_ghost(*uid);
        let uids: Vec<Uid> = positions.into_iter().filter_map(uid).filter(live).collect();
        let some_are_gone = uids.len() < named;
        Ok((uids, some_are_gone))
    }
}

/// Rising positions as ranges.
fn joined(positions: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for position in positions {
        match ranges.last_mut() {
            Some(last) if last.end == position => last.end += 1,
            _ => ranges.push(position..position + 1),
        }
    }
    ranges
}
