//! Conversations.
//!
//! An email joins the conversation of a message that it names, or that names it, when both have the
//! same base subject (RFC 8621 3; a changed subject begins a new conversation). It is decided once,
//! at delivery, and never changed: threads are not merged later.

use crate::{EngineError, Rows, Statement, stmt};
use posthorn_base::address::fold;
use posthorn_base::{AccountId, EmailId, ThreadId, Time, limits};
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// What an email is threaded by. Hashes are the caller's, always made the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThreadKeys {
    /// Hash of its own Message-ID.
    pub message_id: Option<i64>,
    /// Hashes of what In-Reply-To and References name, the nearest ancestor first.
    pub references: Vec<i64>,
    /// Hash of the base subject (RFC 5256 2.1).
    pub base_subject: i64,
}

impl ThreadKeys {
    /// The keys for an email with this Message-ID, these ancestors (the nearest first) and this
    /// base subject, which is compared without regard to case.
    pub fn of<'a>(
        message_id: Option<&[u8]>,
        ancestors: impl Iterator<Item = &'a [u8]>,
        base_subject: &str,
    ) -> Self {
        let hash = |bytes: &[u8]| i64::from_le_bytes(xxh3_64(bytes).to_le_bytes());
        ThreadKeys {
            message_id: message_id.map(hash),
            references: ancestors.take(limits::THREAD_REFERENCES_MAX).map(hash).collect(),
            base_subject: hash(fold(base_subject).as_bytes()),
        }
    }

    /// The hashes under which the conversation is looked for, the best first, each once.
    pub(crate) fn hashes(&self) -> Vec<i64> {
        let mut hashes = Vec::with_capacity(self.references.len() + 1);
        let named = self.references.iter().take(limits::THREAD_REFERENCES_MAX);
        for id in self.message_id.iter().chain(named) {
            let mut both = [0; 16];
            let (first, second) = both.split_at_mut(8);
            first.copy_from_slice(&id.to_le_bytes());
            second.copy_from_slice(&self.base_subject.to_le_bytes());
            let hash = i64::from_le_bytes(xxh3_64(&both).to_le_bytes());
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        hashes
    }
}

/// What an account knows of the hashes that were looked up.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<i64, ThreadId>);

impl Known {
    /// Reads the answer to [`lookup`].
    pub(crate) fn add(&mut self, rows: &Rows) -> Result<(), EngineError> {
        for row in rows.iter() {
            self.0.insert(row.get(0)?, row.get(1)?);
        }
        Ok(())
    }

    /// The conversation of an email: one that is known by a hash of it, or a new one, which takes
    /// the email's number. What follows in the same transaction finds it.
    pub(crate) fn choose(&mut self, hashes: &[i64], email: EmailId) -> Option<ThreadId> {
        let found = hashes.iter().find_map(|hash| self.0.get(hash).copied());
        let thread = found.or_else(|| ThreadId::new(email.get()))?;
        for hash in hashes {
            self.0.entry(*hash).or_insert(thread);
        }
        Some(thread)
    }
}

/// Looks hashes up.
pub(crate) fn lookup(account: AccountId, hashes: &[i64]) -> Statement {
    match hashes {
        [hash] => stmt!(
            "SELECT hash, thread_id FROM thread_ref WHERE account_id = ?1 AND hash = ?2",
            account,
            *hash
        ),
        _ => stmt!(
            "SELECT hash, thread_id FROM thread_ref WHERE account_id = ?1 AND hash IN {ints:?2}",
            account,
            hashes.to_vec()
        ),
    }
}

/// Remembers a hash. A hash that is known keeps its conversation.
pub(crate) fn remember(account: AccountId, hash: i64, thread: ThreadId, at: Time) -> Statement {
    stmt!(
        "INSERT INTO thread_ref (account_id, hash, thread_id, seen_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (account_id, hash) DO UPDATE SET seen_at = excluded.seen_at",
        account,
        hash,
        thread,
        at
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(message_id: i64, references: &[i64], base_subject: i64) -> Vec<i64> {
        ThreadKeys { message_id: Some(message_id), references: references.to_vec(), base_subject }
            .hashes()
    }

    #[test]
    fn replies_join_and_new_subjects_do_not() {
        let mut known = Known::default();
        let email = |n| EmailId::new(n).unwrap();
        let first = known.choose(&keys(1, &[], 7), email(100));
        assert_eq!(first, ThreadId::new(100));
        assert_eq!(known.choose(&keys(2, &[1], 7), email(101)), first, "a reply");
        assert_eq!(known.choose(&keys(3, &[9, 2], 7), email(102)), first, "by an older ancestor");
        assert_ne!(known.choose(&keys(4, &[1], 8), email(103)), first, "another subject");
        let orphan = known.choose(&keys(6, &[5], 7), email(104));
        assert_eq!(known.choose(&keys(5, &[], 7), email(105)), orphan, "the original comes late");
    }

    #[test]
    fn references_are_bounded_and_counted_once() {
        let many: Vec<i64> = (0..1000).collect();
        assert_eq!(keys(5000, &many, 1).len(), limits::THREAD_REFERENCES_MAX + 1);
        assert_eq!(keys(1, &[1, 1], 1).len(), 1);
    }
}
