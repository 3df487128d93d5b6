//! \Recent (RFC 3501 2.3.2): which messages this session is the first to be told of.
//!
//! The store keeps one mark per mailbox: what lies behind it nobody has claimed. Moving it is a
//! durable write, so it is moved only when there is something to claim: once for a message, however
//! many sessions see it.

use posthorn_base::{AccountId, MailboxId, Uid};
use posthorn_store::mail::{ClaimRecent, ClaimedRecent, Mailbox};
use posthorn_store::view::View;
use posthorn_store::{Engine, StoreError};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Mailboxes whose mark is remembered; beyond, all are forgotten, which costs one write each.
const MAILBOXES_MAX: usize = 65_536;

/// UIDs that are \Recent in one session: ranges with their ends excluded, rising, apart. Sessions
/// that share a mailbox take turns, so there may be several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recent(Vec<(Uid, Uid)>);

impl Recent {
    /// Everything from here on: what EXAMINE shows, which claims nothing.
    pub(crate) fn from(mark: Uid) -> Self {
        Recent(vec![(mark, Uid::MAX)])
    }

    /// Adds what was claimed. Claims rise.
    pub(crate) fn add(&mut self, claimed: ClaimedRecent) {
        if claimed.from >= claimed.to {
            return;
        }
        match self.0.last_mut() {
            Some((_, end)) if *end >= claimed.from => *end = claimed.to.max(*end),
            _ => self.0.push((claimed.from, claimed.to)),
        }
    }

    /// True for a message that is \Recent in this session.
    pub(crate) fn contains(&self, uid: Uid) -> bool {
        let behind = self.0.partition_point(|(from, _)| *from <= uid);
        let range = behind.checked_sub(1).and_then(|at| self.0.get(at));
        range.is_some_and(|(_, to)| uid < *to)
    }

    /// How many messages of a view are.
    pub(crate) fn count(&self, view: &View) -> usize {
        let position = |uid: Uid| view.find(uid).unwrap_or_else(|at| at);
        self.0.iter().map(|(from, to)| position(*to) - position(*from)).sum()
    }

    /// Forgets what has left the mailbox: what is below its first message.
    pub(crate) fn forget_below(&mut self, first: Uid) {
        self.0.retain(|(_, to)| *to > first);
    }
}

/// How far the marks of mailboxes have moved, as far as this process knows. They only rise.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<HashMap<(AccountId, MailboxId), Uid>>);

impl Marks {
    /// Messages from here on are claimed by nobody, as far as is known.
    pub(crate) fn known(&self, account: AccountId, mailbox: &Mailbox) -> Uid {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = marks.get(&(account, mailbox.id)).copied();
        known.map_or(mailbox.recent_from, |known| known.max(mailbox.recent_from))
    }

    /// Claims what is \Recent in a mailbox; `None` when nothing is.
    ///
    /// # Errors
    /// Those of [`ClaimRecent`].
    pub(crate) async fn claim(
        &self,
        engine: &Engine,
        account: AccountId,
        mailbox: &Mailbox,
    ) -> Result<Option<ClaimedRecent>, StoreError> {
        if self.known(account, mailbox) >= mailbox.uidnext {
            return Ok(None);
        }
        let claimed = engine.write(ClaimRecent { account, mailbox: mailbox.id }).await?;
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() >= MAILBOXES_MAX {
            marks.clear();
        }
        let mark = marks.entry((account, mailbox.id)).or_insert(claimed.to);
        *mark = claimed.to.max(*mark);
        Ok(Some(claimed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_joined_where_they_touch() {
        let uid = |n| Uid::new(n).unwrap();
        let mut recent = Recent::default();
        for (from, to) in [(3, 3), (3, 5), (5, 6), (9, 12)] {
            recent.add(ClaimedRecent { from: uid(from), to: uid(to) });
        }
        assert_eq!(recent, Recent(vec![(uid(3), uid(6)), (uid(9), uid(12))]));
        let inside: Vec<u32> = (1..15).filter(|n| recent.contains(uid(*n))).collect();
        assert_eq!(inside, [3, 4, 5, 9, 10, 11]);
        recent.forget_below(uid(6));
        assert_eq!(recent, Recent(vec![(uid(9), uid(12))]));
        assert!(Recent::from(uid(4)).contains(uid(4)) && !Recent::from(uid(4)).contains(uid(3)));
    }
}
