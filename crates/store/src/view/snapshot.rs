//! One mailbox at one moment.

use super::difference::Adopted;
use crate::mail::{FlagsStored, KeywordSet, Mailbox, Message};
use posthorn_base::{EmailId, Flags, ModSeq, Uid};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Messages of one chunk at most.
const CHUNK: usize = 1024;

/// A message in a view: 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its UID.
    pub uid: Uid,
    /// Its flags and common keywords.
    pub flags: Flags,
    /// Its last change.
    pub modseq: ModSeq,
    /// What it holds.
    pub email: EmailId,
    /// RFC822.SIZE; no message is larger.
    pub size: u32,
    /// Which of the view's keyword sets it has.
    keywords: u32,
}

impl Entry {
    /// With its keyword set renumbered: `numbers` has the new number by the old.
    pub(super) fn with_keywords(self, numbers: &[u32]) -> Entry {
        let number = numbers.get(self.keywords as usize).copied();
        Entry { keywords: number.unwrap_or(0), ..self }
    }
}

/// Some messages that follow each other, and the position of the first.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    start: usize,
    entries: Arc<[Entry]>,
}

impl Chunk {
    pub(super) fn start(&self) -> usize {
        self.start
    }
    /// The position behind its last message.
    pub(super) fn end(&self) -> usize {
        self.start + self.entries.len()
    }
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
    pub(super) fn shared(&self) -> &Arc<[Entry]> {
        &self.entries
    }
    fn last_uid(&self) -> Option<Uid> {
        self.entries.last().map(|entry| entry.uid)
    }
}

/// A mailbox as it was at one moment. Never changes; the next one shares the chunks that are the
/// same.
///
/// Positions count from 0: IMAP's sequence numbers and POP3's message numbers are one more.
#[derive(Clone, Debug)]
pub struct View {
    mailbox: Mailbox,
    chunks: Vec<Chunk>,
    len: usize,
    keyword_sets: Arc<Vec<KeywordSet>>,
    /// Messages in it that are gone, in order: [`View::keeping`].
    ghosts: Arc<[Uid]>,
}

impl View {
    /// A view of a mailbox without messages.
    pub(super) fn empty(mailbox: Mailbox) -> Self {
        let keyword_sets = Arc::new(vec![KeywordSet::default()]);
        View { mailbox, chunks: Vec::new(), len: 0, keyword_sets, ghosts: Arc::default() }
    }

    /// The same mailbox and keyword sets without messages yet, of which these will be gone.
    pub(super) fn beginning(&self, ghosts: Arc<[Uid]>) -> View {
        let keyword_sets = Arc::clone(&self.keyword_sets);
        View { mailbox: self.mailbox.clone(), chunks: Vec::new(), len: 0, keyword_sets, ghosts }
    }

    /// The mailbox at that moment.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }
    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.len
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// The messages in the order of their UIDs.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.chunks.iter().flat_map(|chunk| chunk.entries.iter())
    }
    /// The message at a position.
    pub fn get(&self, position: usize) -> Option<&Entry> {
        let chunk = self.chunk_at(position)?;
        chunk.entries.get(position - chunk.start)
    }
    /// True for a message that is gone from the mailbox, and still here for those who have to
    /// number it: [`View::keeping`].
    pub fn is_ghost(&self, uid: Uid) -> bool {
        self.ghosts.binary_search(&uid).is_ok()
    }
    /// The messages that are gone and still here, in the order of their UIDs.
    pub fn ghosts(&self) -> &[Uid] {
        &self.ghosts
    }
    /// The position of a UID, or that of the first message behind it.
    ///
    /// # Errors
    /// The second, when no message has this UID.
    pub fn find(&self, uid: Uid) -> Result<usize, usize> {
        let at = self.chunks.partition_point(|chunk| chunk.last_uid() < Some(uid));
        let Some(chunk) = self.chunks.get(at) else { return Err(self.len) };
        match chunk.entries.binary_search_by_key(&uid, |entry| entry.uid) {
            Ok(within) => Ok(chunk.start + within),
            Err(within) => Err(chunk.start + within),
        }
    }
    /// The keywords of a message of this view that have no bit.
    pub fn keywords(&self, entry: &Entry) -> &KeywordSet {
        static NONE: std::sync::LazyLock<KeywordSet> =
            std::sync::LazyLock::new(KeywordSet::default);
        self.keyword_sets.get(entry.keywords as usize).unwrap_or(&NONE)
    }
    /// Octets of memory that it takes, shared ones included.
    pub fn memory(&self) -> usize {
        let sets: usize = self.keyword_sets.iter().map(|set| set.len_bytes() + 48).sum();
        let ghosts = size_of_val(&*self.ghosts);
        self.chunks.len() * 64 + self.len * size_of::<Entry>() + ghosts + sets + 512
    }

    /// Octets of its messages that `other` does not hold as well.
    pub fn unshared(&self, other: &View) -> usize {
        let held: HashSet<*const Entry> =
            other.chunks.iter().map(|chunk| chunk.entries.as_ptr()).collect();
        let own = self.chunks.iter().filter(|chunk| !held.contains(&chunk.entries.as_ptr()));
        own.map(|chunk| size_of_val(&*chunk.entries)).sum()
    }

    /// This view with later changes applied: messages as they are now, UIDs that are gone. A UID
    /// that is both is gone: none comes back.
    pub(super) fn with(
        &self,
        mailbox: Mailbox,
        messages: Vec<Message>,
        vanished: &BTreeSet<Uid>,
    ) -> View {
        let mut sets = Sets { all: Arc::clone(&self.keyword_sets) };
        let mut changed: BTreeMap<Uid, Entry> = BTreeMap::new();
        for message in messages {
            if !vanished.contains(&message.uid) {
                let entry = sets.entry(&message);
                changed.insert(message.uid, entry);
            }
        }
        self.rebuilt(mailbox, sets, changed, vanished)
    }

    /// This view with flags applied that were stored right after it. `None` when something else
    /// came between: what that was is not known here.
    pub(super) fn with_flags(&self, stored: &FlagsStored) -> Option<View> {
        let modseq = stored.modseq?;
        if stored.before != Some(self.mailbox.highest_modseq) {
            return None;
        }
        let mut mailbox = Mailbox { highest_modseq: modseq, ..self.mailbox.clone() };
        let mut sets = Sets { all: Arc::clone(&self.keyword_sets) };
        let mut changed = BTreeMap::new();
        for (uid, flags, keywords) in &stored.changed {
            let old = self.find(*uid).ok().and_then(|position| self.get(position))?;
            mailbox.counts.change_flags(old.flags, *flags);
            let keywords = sets.number(keywords);
            changed.insert(*uid, Entry { flags: *flags, modseq, keywords, ..*old });
        }
        Some(self.rebuilt(mailbox, sets, changed, &BTreeSet::new()))
    }

    fn rebuilt(
        &self,
        mailbox: Mailbox,
        sets: Sets,
        changed: BTreeMap<Uid, Entry>,
        vanished: &BTreeSet<Uid>,
    ) -> View {
        let mut next = View { keyword_sets: sets.all, ..View::empty(mailbox) };
        for chunk in &self.chunks {
            let (Some(first), Some(last)) = (chunk.entries.first(), chunk.last_uid()) else {
                continue;
            };
            let range = first.uid..=last;
            let mut changed = changed.range(range.clone()).peekable();
            let all_stay = vanished.range(range).next().is_none();
            if all_stay && changed.peek().is_none() {
                next.push(Arc::clone(&chunk.entries));
                continue;
            }
            let mut entries = chunk.entries.to_vec();
            if !all_stay {
                entries.retain(|entry| !vanished.contains(&entry.uid));
            }
            for (uid, new) in changed {
                let at = entries.binary_search_by_key(uid, |entry| entry.uid).ok();
                if let Some(entry) = at.and_then(|at| entries.get_mut(at)) {
                    *entry = *new;
                }
            }
            next.push(entries.into());
        }
        let known = self.chunks.last().and_then(Chunk::last_uid);
        let new: Vec<Entry> =
            changed.into_values().filter(|entry| Some(entry.uid) > known).collect();
        next.append(&new);
        next.repack();
        next
    }

    pub(super) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The chunk that a position lies in or behind.
    pub(super) fn chunk_at(&self, position: usize) -> Option<&Chunk> {
        let behind = self.chunks.partition_point(|chunk| chunk.start <= position);
        self.chunks.get(behind.checked_sub(1)?)
    }

    /// Makes room for the keyword sets of another view of the mailbox; answers how they are
    /// numbered here.
    pub(super) fn adopt_keywords(&mut self, other: &View) -> Adopted {
        if self.keyword_sets.starts_with(&other.keyword_sets) {
            return Adopted::same();
        }
        let mut sets = Sets { all: Arc::clone(&self.keyword_sets) };
        let numbers = other.keyword_sets.iter().map(|set| sets.number(set)).collect();
        self.keyword_sets = sets.all;
        Adopted::renumbered(numbers)
    }

    pub(super) fn push(&mut self, entries: Arc<[Entry]>) {
        if !entries.is_empty() {
            let start = self.len;
            self.len += entries.len();
            self.chunks.push(Chunk { start, entries });
        }
    }

    /// Adds messages at the end; fills the last chunk first.
    fn append(&mut self, mut new: &[Entry]) {
        if let Some(last) = self.chunks.last().filter(|last| last.entries.len() < CHUNK) {
            let room = CHUNK - last.entries.len();
            let (now, later) = new.split_at(room.min(new.len()));
            if !now.is_empty() {
                let joined: Arc<[Entry]> = last.entries.iter().chain(now).copied().collect();
                self.len -= last.entries.len();
                self.chunks.pop();
                self.push(joined);
            }
            new = later;
        }
        self.push_all(new);
    }

    /// Adds messages at the end, in chunks of their own.
    pub(super) fn push_all(&mut self, entries: &[Entry]) {
        for chunk in entries.chunks(CHUNK) {
            self.push(chunk.into());
        }
    }

    /// Expunges leave chunks half empty; from time to time they are packed again.
    fn repack(&mut self) {
        if self.chunks.len() > 8 && self.len < self.chunks.len() * (CHUNK / 2) {
            let all: Vec<Entry> = self.messages().copied().collect();
            self.chunks.clear();
            self.len = 0;
            self.append(&all);
        }
    }
}

/// Keyword sets, each once. Those that nobody has any more stay until the view is read anew; an
/// account has few.
struct Sets {
    all: Arc<Vec<KeywordSet>>,
}

impl Sets {
    fn number(&mut self, keywords: &KeywordSet) -> u32 {
        let known = self.all.iter().position(|set| set == keywords);
        let number = known.unwrap_or_else(|| {
            Arc::make_mut(&mut self.all).push(keywords.clone());
            self.all.len() - 1
        });
        u32::try_from(number).unwrap_or(0)
    }

    fn entry(&mut self, message: &Message) -> Entry {
        Entry {
            uid: message.uid,
            flags: message.flags,
            modseq: message.modseq,
            email: message.email,
            size: u32::try_from(message.size).unwrap_or(u32::MAX),
            keywords: self.number(&message.keywords),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::mail::Counts;
    use posthorn_base::{MailboxId, MailboxName, Time, UidValidity};

    pub(in crate::view) const CHUNK_MESSAGES: u32 = CHUNK as u32;

    pub(in crate::view) fn mailbox() -> Mailbox {
        Mailbox {
            id: MailboxId::new(1).unwrap(),
            name: MailboxName::inbox(),
            role: None,
            uidvalidity: UidValidity::new(1).unwrap(),
            uidnext: Uid::FIRST,
            recent_from: Uid::FIRST,
            highest_modseq: ModSeq::ZERO,
            modseq: ModSeq::ZERO,
            created_modseq: ModSeq::ZERO,
            vanished_floor: ModSeq::ZERO,
            counts: Counts::default(),
            created_at: Time::EPOCH,
            is_subscribed: false,
        }
    }

    pub(in crate::view) fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    pub(in crate::view) fn message(number: u32, flags: Flags) -> Message {
        Message {
            uid: uid(number),
            email: EmailId::new(i64::from(number)).unwrap(),
            modseq: ModSeq::ZERO,
            flags,
            keywords: KeywordSet::new(vec![number % 3]),
            size: 7,
            saved_at: Time::EPOCH,
        }
    }

    pub(in crate::view) fn numbers(view: &View) -> Vec<u32> {
        view.messages().map(|entry| entry.uid.get()).collect()
    }

    pub(in crate::view) fn apply(view: &View, messages: Vec<Message>, vanished: &[u32]) -> View {
        view.with(mailbox(), messages, &vanished.iter().map(|n| uid(*n)).collect())
    }

    pub(in crate::view) fn filled(count: u32) -> View {
        let messages = (1..=count).map(|n| message(n, Flags::NONE)).collect();
        apply(&View::empty(mailbox()), messages, &[])
    }

    #[test]
    fn an_entry_is_32_octets() {
        assert_eq!(size_of::<Entry>(), 32);
        let view = filled(100_000);
        assert!(view.memory() < 100_000 * 40, "{}", view.memory());
    }

    #[test]
    fn positions_and_uids() {
        let view = apply(&filled(5000), vec![], &(1..=5000).step_by(7).collect::<Vec<_>>());
        let uids = numbers(&view);
        assert_eq!(uids.len(), view.len());
        for (position, number) in uids.iter().enumerate() {
            assert_eq!(view.get(position).map(|entry| entry.uid.get()), Some(*number));
            assert_eq!(view.find(uid(*number)), Ok(position));
        }
        assert_eq!(view.find(uid(8)), Err(6), "8 is gone, 9 is at its place");
        assert_eq!(view.find(uid(9000)), Err(view.len()));
        assert_eq!(view.get(view.len()), None);
        assert!(View::empty(mailbox()).find(uid(1)) == Err(0));
    }

    #[test]
    fn what_did_not_change_is_shared() {
        let before = filled(10 * CHUNK_MESSAGES);
        let after =
            apply(&before, vec![message(5, Flags::SEEN), message(20_000, Flags::SEEN)], &[6]);
        let shared = before
            .chunks
            .iter()
            .filter(|old| after.chunks.iter().any(|new| Arc::ptr_eq(&old.entries, &new.entries)))
            .count();
        assert_eq!(shared, 9);
        assert_eq!(before.unshared(&after), CHUNK * size_of::<Entry>());
        assert_eq!(before.unshared(&before.clone()), 0);
        assert_eq!(before.len(), 10 * CHUNK, "the old view is as it was");
        let seen = &after.messages().nth(4).unwrap();
        assert_eq!((seen.uid, seen.flags), (uid(5), Flags::SEEN));
        assert_eq!(after.keywords(seen).iter().collect::<Vec<_>>(), [2]);
        assert_eq!(after.messages().last().unwrap().uid, uid(20_000));
    }

    #[test]
    fn a_uid_that_changed_and_vanished_is_gone() {
        let view =
            apply(&filled(3), vec![message(2, Flags::SEEN), message(4, Flags::SEEN)], &[2, 4]);
        assert_eq!(numbers(&view), [1, 3]);
    }

    #[test]
    fn sparse_chunks_are_packed() {
        let keep = |n: &u32| n.is_multiple_of(10);
        let gone: Vec<u32> = (1..=20 * CHUNK_MESSAGES).filter(|n| !keep(n)).collect();
        let view = apply(&filled(20 * CHUNK_MESSAGES), vec![], &gone);
        assert_eq!(view.chunks.len(), 2 * CHUNK / CHUNK);
        assert_eq!(view.len(), 2 * CHUNK);
    }
}
