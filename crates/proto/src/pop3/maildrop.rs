//! What a session knows of the messages: 8 bytes for each, and the unique-ids that were brought
//! along from another server.

use posthorn_base::{Uid, UidValidity, limits};
use std::fmt;

/// Why a text is no unique-id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UniqueIdError {
    /// RFC 1939 7: 1 to 70 characters.
    #[error("a unique-id has 1 to {} characters", limits::POP3_UNIQUE_ID_BYTES_MAX)]
    Length,
    /// RFC 1939 7: 0x21 to 0x7E.
    #[error("a unique-id has printable ASCII characters only")]
    Character,
}

/// A unique-id from another server, kept so that clients don't download everything again after a
/// move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniqueId<'a>(&'a str);

impl<'a> UniqueId<'a> {
    /// Checks a text.
    pub fn parse(text: &'a str) -> Result<Self, UniqueIdError> {
        if text.is_empty() || text.len() > limits::POP3_UNIQUE_ID_BYTES_MAX {
            return Err(UniqueIdError::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(UniqueIdError::Character);
        }
        Ok(UniqueId(text))
    }
}

/// A snapshot of a mailbox, in the order of its UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maildrop {
    validity: UidValidity,
    uids: Vec<Uid>,
    octets: Vec<u32>,
    total: u64,
    /// Indices of the messages with an imported unique-id, rising, and where each one ends in the
    /// text.
    imported: Vec<(u32, u32)>,
    imported_text: String,
}

impl Maildrop {
    /// An empty one, with room for this many messages.
    pub fn with_capacity(validity: UidValidity, messages: usize) -> Self {
        Maildrop {
            validity,
            uids: Vec::with_capacity(messages),
            octets: Vec::with_capacity(messages),
            total: 0,
            imported: Vec::new(),
            imported_text: String::new(),
        }
    }

    /// Adds a message. UIDs rise. `octets` is its size with CRLF line ends, see
    /// [`OctetCounter`](super::OctetCounter).
    pub fn push(&mut self, uid: Uid, octets: u32, imported: Option<UniqueId<'_>>) {
        if let Some(UniqueId(text)) = imported {
            let index = u32::try_from(self.uids.len());
            let end = u32::try_from(self.imported_text.len() + text.len());
            // Past 4 GiB of them the rest gets our own: clients download again, nothing is lost.
            if let (Ok(index), Ok(end)) = (index, end) {
                self.imported.push((index, end));
                self.imported_text.push_str(text);
            }
        }
        self.uids.push(uid);
        self.octets.push(octets);
        self.total += u64::from(octets);
    }

    /// Messages.
    pub fn len(&self) -> usize {
        self.uids.len()
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }
    /// Octets of all messages.
    pub fn total(&self) -> u64 {
        self.total
    }
    /// The UID of the message at this index, from 0.
    pub fn uid(&self, index: usize) -> Option<Uid> {
        self.uids.get(index).copied()
    }
    /// Its octets.
    pub fn octets(&self, index: usize) -> Option<u32> {
        self.octets.get(index).copied()
    }

    fn imported(&self, index: usize) -> Option<&str> {
        let index = u32::try_from(index).ok()?;
        let at = self.imported.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        let end_of = |at: usize| self.imported.get(at).map(|(_, end)| *end as usize);
        let start = at.checked_sub(1).map_or(Some(0), end_of)?;
        self.imported_text.get(start..end_of(at)?)
    }

    /// Its unique-id: the imported one, or UIDVALIDITY and UID in hexadecimal. As UIDs, ours are
    /// never used again (RFC 1939 7).
    pub(super) fn unique_id(&self, index: usize) -> Option<impl fmt::Display + '_> {
        let uid = self.uid(index)?;
        let imported = self.imported(index);
        Some(fmt::from_fn(move |f| match imported {
            Some(text) => f.write_str(text),
            None => write!(f, "{:08x}{:08x}", self.validity.get(), uid.get()),
        }))
    }
}

/// Which messages are marked as deleted.
#[derive(Debug)]
pub(super) struct Deletions {
    bits: Vec<u64>,
    pub(super) messages: usize,
    pub(super) octets: u64,
}

impl Deletions {
    pub(super) const fn none() -> Self {
        Deletions { bits: Vec::new(), messages: 0, octets: 0 }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.bits.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Marks a message that is not marked yet.
    pub(super) fn add(&mut self, index: usize, octets: u32) {
        if self.contains(index) {
            return;
        }
        if self.bits.len() <= index / 64 {
            self.bits.resize(index / 64 + 1, 0);
        }
        if let Some(word) = self.bits.get_mut(index / 64) {
            *word |= 1 << (index % 64);
            self.messages += 1;
            self.octets += u64::from(octets);
        }
    }

    pub(super) fn uids(&self, maildrop: &Maildrop) -> Vec<Uid> {
        let marked = (0..maildrop.len()).filter(|index| self.contains(*index));
        marked.filter_map(|index| maildrop.uid(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maildrop() -> Maildrop {
        let mut maildrop = Maildrop::with_capacity(UidValidity::new(0x1a).unwrap(), 4);
        let id = |text| Some(UniqueId::parse(text).unwrap());
        maildrop.push(Uid::new(1).unwrap(), 100, None);
        maildrop.push(Uid::new(5).unwrap(), 200, id("first"));
        maildrop.push(Uid::new(6).unwrap(), 300, id("whqtswO00WBw418f9t5JxYwZ"));
        maildrop.push(Uid::MAX, u32::MAX, None);
        maildrop
    }

    #[test]
    fn unique_ids() {
        let maildrop = maildrop();
        let ids: Vec<_> = (0..4).map(|i| maildrop.unique_id(i).unwrap().to_string()).collect();
        let want = ["0000001a00000001", "first", "whqtswO00WBw418f9t5JxYwZ", "0000001affffffff"];
        assert_eq!(ids, want);
        assert!(maildrop.unique_id(4).is_none());
        assert_eq!(maildrop.total(), 600 + u64::from(u32::MAX));
    }

    #[test]
    fn which_texts_are_unique_ids() {
        let at_limit = "x".repeat(limits::POP3_UNIQUE_ID_BYTES_MAX);
        assert!(UniqueId::parse(&at_limit).is_ok());
        assert_eq!(UniqueId::parse(&format!("{at_limit}x")), Err(UniqueIdError::Length));
        assert_eq!(UniqueId::parse(""), Err(UniqueIdError::Length));
        assert_eq!(UniqueId::parse("a b"), Err(UniqueIdError::Character));
        assert_eq!(UniqueId::parse("é"), Err(UniqueIdError::Character));
    }

    #[test]
    fn marks() {
        let maildrop = maildrop();
        let mut deletions = Deletions::none();
        deletions.add(2, 300);
        deletions.add(2, 300);
        deletions.add(0, 100);
        deletions.add(130, 1);
        assert_eq!((deletions.messages, deletions.octets), (3, 401));
        assert!(deletions.contains(130) && !deletions.contains(131) && !deletions.contains(999));
        let uids: Vec<_> = deletions.uids(&maildrop).iter().map(|uid| uid.get()).collect();
        assert_eq!(uids, [1, 6]);
    }

    #[test]
    fn a_hundred_thousand_messages_take_eight_bytes_each() {
        let mut maildrop = Maildrop::with_capacity(UidValidity::new(1).unwrap(), 100_000);
        for uid in 1..=100_000 {
            maildrop.push(Uid::new(uid).unwrap(), 1, None);
        }
        let bytes = maildrop.uids.capacity() * 4 + maildrop.octets.capacity() * 4;
        assert_eq!(bytes, 800_000);
    }
}
