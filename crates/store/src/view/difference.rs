//! What differs between two views of one mailbox, and views that keep what is gone.
//!
//! Both work along the chunks: what two views share is passed over, so that one change in a large
//! mailbox costs the chunk it is in.

use super::snapshot::{Chunk, Entry, View};
use posthorn_base::Uid;
use std::sync::Arc;

/// One message that is not the same in an older and a newer view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is in the older view only.
    Gone {
        /// Where it was there.
        position: usize,
        /// What it was; its keywords are the older view's.
        entry: Entry,
    },
    /// It has other flags or keywords, or its modseq rose without that.
    Changed {
        /// Where it was in the older view.
        old_position: usize,
        /// Where it is in the newer.
        position: usize,
        /// What it is now; its keywords are the newer view's.
        entry: Entry,
    },
    /// It is in the newer view only, behind all that both have.
    New {
        /// Where it is.
        position: usize,
        /// What it is; its keywords are the newer view's.
        entry: Entry,
    },
}

/// The differences between two views, in the order of UIDs: [`View::difference`].
#[derive(Clone, Debug)]
pub struct Differences<'a> {
    old: Walk<'a>,
    new: Walk<'a>,
}

impl View {
    /// What is gone, changed or new in `newer`, a later view of the same mailbox. Costs the chunks
    /// that the two don't share.
    ///
    /// A view of other UIDVALIDITY is one of other messages: the difference has no meaning then.
    pub fn difference<'a>(&'a self, newer: &'a View) -> Differences<'a> {
        Differences { old: Walk::new(self.chunks()), new: Walk::new(newer.chunks()) }
    }

    /// `newer` with the messages in it that are gone there and were in this view: what a session
    /// shows that may not yet say that they are gone (RFC 3501 7.4.1: no EXPUNGE while FETCH, STORE
    /// or SEARCH is in progress). Positions of this view stay what they were; new messages follow.
    ///
    /// [`View::mailbox`] is that of `newer`; [`View::is_ghost`] tells who is gone.
    #[must_use]
    pub fn keeping(&self, newer: &View) -> View {
        let gone: Vec<(usize, Entry)> = self
            .difference(newer)
            .filter_map(|difference| match difference {
                Difference::Gone { position, entry } => Some((position, entry)),
                Difference::Changed { .. } | Difference::New { .. } => None,
            })
            .collect();
        if gone.is_empty() {
            return newer.clone();
        }
        let mut kept = newer.beginning(gone.iter().map(|(_, entry)| entry.uid).collect());
        let keywords = kept.adopt_keywords(self);
        let mut gone = gone.as_slice();
        for chunk in newer.chunks() {
            let (Some(first), Some(last)) = (chunk.entries().first(), chunk.entries().last())
            else {
                continue;
            };
            let (before, rest) =
                gone.split_at(gone.partition_point(|(_, entry)| entry.uid < first.uid));
            let (within, rest) =
                rest.split_at(rest.partition_point(|(_, entry)| entry.uid < last.uid));
            gone = rest;
            kept.push_ghosts(self, before, &keywords);
            if within.is_empty() {
                kept.push(Arc::clone(chunk.shared()));
                continue;
            }
            let ghosts = within.iter().map(|(_, entry)| keywords.adopt(*entry));
            let mut all: Vec<Entry> = chunk.entries().iter().copied().chain(ghosts).collect();
            all.sort_unstable_by_key(|entry| entry.uid);
            kept.push_all(&all);
        }
        kept.push_ghosts(self, gone, &keywords);
        kept
    }

    /// Adds messages of `old` that follow each other in UIDs; chunks of which all are gone stay
    /// shared.
    fn push_ghosts(&mut self, old: &View, mut ghosts: &[(usize, Entry)], keywords: &Adopted) {
        while let Some((position, _)) = ghosts.first() {
            let Some(chunk) = old.chunk_at(*position) else { return };
            let here = ghosts.partition_point(|(position, _)| *position < chunk.end());
            let (these, rest) = ghosts.split_at(here);
            ghosts = rest;
            if keywords.is_same() && these.len() == chunk.entries().len() {
                self.push(Arc::clone(chunk.shared()));
            } else {
                let entries: Vec<_> =
                    these.iter().map(|(_, entry)| keywords.adopt(*entry)).collect();
                self.push_all(&entries);
            }
        }
    }
}

/// How keyword sets of one view are numbered in another.
#[derive(Debug)]
pub(super) struct Adopted {
    /// By old number; `None`: all numbers are the same.
    numbers: Option<Vec<u32>>,
}

impl Adopted {
    pub(super) fn same() -> Self {
        Adopted { numbers: None }
    }
    pub(super) fn renumbered(numbers: Vec<u32>) -> Self {
        Adopted { numbers: Some(numbers) }
    }
    fn is_same(&self) -> bool {
        self.numbers.is_none()
    }
    fn adopt(&self, entry: Entry) -> Entry {
        match &self.numbers {
            None => entry,
            Some(numbers) => entry.with_keywords(numbers),
        }
    }
}

/// A place in a view that moves on.
#[derive(Clone, Debug)]
struct Walk<'a> {
    /// The chunk it is in, and those behind.
    chunks: &'a [Chunk],
    /// How much of the first chunk is behind us.
    within: usize,
}

impl<'a> Walk<'a> {
    fn new(chunks: &'a [Chunk]) -> Self {
        Walk { chunks, within: 0 }
    }

    fn peek(&self) -> Option<(usize, Entry)> {
        let chunk = self.chunks.first()?;
        chunk.entries().get(self.within).map(|entry| (chunk.start() + self.within, *entry))
    }

    fn step(&mut self) {
        self.within += 1;
        if self.chunks.first().is_some_and(|chunk| self.within >= chunk.entries().len()) {
            self.skip();
        }
    }

    /// To the next chunk.
    fn skip(&mut self) {
        self.chunks = self.chunks.get(1..).unwrap_or_default();
        self.within = 0;
    }

    /// The chunk that it is at the beginning of.
    fn beginning(&self) -> Option<&'a Chunk> {
        self.chunks.first().filter(|_| self.within == 0)
    }
}

impl Differences<'_> {
    /// Passes over chunks that both share.
    fn skip_shared(&mut self) {
        while let (Some(old), Some(new)) = (self.old.beginning(), self.new.beginning())
            && Arc::ptr_eq(old.shared(), new.shared())
        {
            self.old.skip();
            self.new.skip();
        }
    }
}

impl Iterator for Differences<'_> {
    type Item = Difference;

    fn next(&mut self) -> Option<Difference> {
        loop {
            self.skip_shared();
            let (old, new) = (self.old.peek(), self.new.peek());
            let is_behind = |uid: Uid| old.is_none_or(|(_, old)| uid < old.uid);
            match new {
                Some((position, entry)) if is_behind(entry.uid) => {
                    self.new.step();
                    return Some(Difference::New { position, entry });
                }
                Some((position, entry)) => {
                    let (old_position, old) = old?;
                    self.old.step();
                    if old.uid < entry.uid {
                        return Some(Difference::Gone { position: old_position, entry: old });
                    }
                    self.new.step();
                    if old.modseq != entry.modseq {
                        return Some(Difference::Changed { old_position, position, entry });
                    }
                }
                None => {
                    let (position, entry) = old?;
                    self.old.step();
                    return Some(Difference::Gone { position, entry });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
