//! The mailbox that is selected, as its client knows it.

use posthorn_base::{MailboxId, Uid};
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
    /// What the client was told: its sequence numbers are positions in this view, plus one.
    pub(crate) view: Arc<View>,
    /// Messages from here on are \Recent in this session.
    pub(crate) recent_from: Uid,
    /// The saved result (RFC 5182): UIDs, rising; those that vanish stay, and mean nothing.
    pub(crate) saved: Vec<Uid>,
}

impl Selected {
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
