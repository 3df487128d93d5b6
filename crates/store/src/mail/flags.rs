//! Flags and keywords of messages.

use super::keywords::{Dictionary, KeywordSet};
use super::placement::{Sums, numbers};
use super::{Answers, lock};
use crate::{Batch, Change, EngineError, Operation, Rows, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Flags, Keyword, MailboxId, ModSeq, Uid};
use std::collections::HashMap;

/// How flags are changed (RFC 3501 6.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagAction {
    /// The messages have these and no others.
    Set,
    /// The messages have these as well.
    Add,
    /// The messages have these no more.
    Remove,
}

/// Changes flags and keywords of messages in one transaction, under one modseq. The caller keeps
/// the set below [`BULK_STEP_MESSAGES`](posthorn_base::limits::BULK_STEP_MESSAGES) and runs
/// several.
#[derive(Clone, Debug)]
pub struct StoreFlags {
    /// Whose.
    pub account: AccountId,
    /// Where.
    pub mailbox: MailboxId,
    /// Which. Those that are gone are left out.
    pub uids: Vec<Uid>,
    /// How.
    pub action: FlagAction,
    /// Flags with a bit.
    pub flags: Flags,
    /// Keywords without one.
    pub keywords: Vec<Keyword>,
    /// Leave messages alone that changed since.
    pub unchanged_since: Option<Unchanged>,
}

/// The condition of a conditional STORE (RFC 7162 3.1.3).
#[derive(Clone, Debug)]
pub struct Unchanged {
    /// Messages that changed after this are left alone, but for what follows.
    pub since: ModSeq,
    /// What some messages had at `since` or before, rising by UID. RFC 7162 3.1.12: as long as the
    /// flags that are added or removed are still the same, it does not matter that others changed.
    pub known: Vec<(Uid, Flags, KeywordSet)>,
}

impl From<ModSeq> for Unchanged {
    fn from(since: ModSeq) -> Self {
        Unchanged { since, known: Vec::new() }
    }
}

/// What [`StoreFlags`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagsStored {
    /// The new modseq of the messages that changed; `None` when none did.
    pub modseq: Option<ModSeq>,
    /// The mailbox's newest change before that. `None` also when several transactions did it.
    pub before: Option<ModSeq>,
    /// Messages that changed, with what they have now.
    pub changed: Vec<(Uid, Flags, KeywordSet)>,
    /// Messages left alone because they changed after `unchanged_since`: the MODIFIED set.
    pub modified: Vec<Uid>,
}

struct Current {
    uid: Uid,
    flags: Flags,
    keywords: KeywordSet,
    modseq: ModSeq,
}

impl Operation for StoreFlags {
    type Output = FlagsStored;
    const NAME: &'static str = "store flags";

    fn needs_room(&self) -> bool {
        false
    }

    fn bytes(&self) -> usize {
        self.uids.len() * 128
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<FlagsStored, StoreError> {
        let mut batch = vec![
            lock(self.account),
            stmt!(
                "SELECT uid, flags, keywords, modseq FROM placement \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3} \
                 AND ended_at IS NULL AND uid < (SELECT uidnext FROM mailbox \
                     WHERE account_id = ?1 AND mailbox_id = ?2 AND ended_at IS NULL) \
                 ORDER BY uid",
                self.account,
                self.mailbox,
                numbers(&self.uids)
            ),
            stmt!(
                "SELECT highest_modseq FROM mailbox WHERE account_id = ?1 AND mailbox_id = ?2",
                self.account,
                self.mailbox
            ),
        ];
        if !self.keywords.is_empty() {
            Dictionary::ask(&mut batch, self.account);
        }
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.account)?;
        let current = read(&answers.take()?)?;
        let before = answers.take()?.first().map(|row| row.get(0)).transpose()?;
        let mut batch = Batch::new();
        let keywords = self.resolve(&mut answers, &mut batch)?;

        let mut outcome = FlagsStored::default();
        let mut sums = Sums::default();
        let mut groups: HashMap<(Flags, KeywordSet), Vec<i64>> = HashMap::new();
        for message in current {
            if self.is_changed(&message, &keywords) {
                outcome.modified.push(message.uid);
                continue;
            }
            let (new_flags, new_keywords) = self.apply(&message, &keywords);
            if new_flags == message.flags && new_keywords == message.keywords {
                continue;
            }
            let bit = |flags: Flags, flag| i64::from(flags.contains(flag));
            sums.unseen += bit(message.flags, Flags::SEEN) - bit(new_flags, Flags::SEEN);
            sums.deleted += bit(new_flags, Flags::DELETED) - bit(message.flags, Flags::DELETED);
            let group = groups.entry((new_flags, new_keywords.clone())).or_default();
            group.push(i64::from(message.uid.get()));
            outcome.changed.push((message.uid, new_flags, new_keywords));
        }
        if outcome.changed.is_empty() {
            return Ok(outcome);
        }
        for ((flags, keywords), uids) in groups {
            batch.push(stmt!(
                "UPDATE placement SET flags = ?4, keywords = ?5, modseq = ?6 \
                 WHERE account_id = ?1 AND mailbox_id = ?2 AND uid IN {ints:?3}",
                self.account,
                self.mailbox,
                uids,
                flags,
                keywords.column(),
                modseq
            ));
        }
        batch.push(sums.count(self.account, self.mailbox, modseq));
        tx.run(batch).await?;
        tx.changed(Change::Mailbox { account: self.account, mailbox: self.mailbox, modseq });
        outcome.modseq = Some(modseq);
        outcome.before = before;
        Ok(outcome)
    }
}

fn read(rows: &Rows) -> Result<Vec<Current>, EngineError> {
    rows.iter()
        .map(|row| {
            let keywords = KeywordSet::from_column(row.get(2)?)
                .ok_or_else(|| EngineError::Corrupt("a keyword set cannot be read".into()))?;
            Ok(Current { uid: row.get(0)?, flags: row.get(1)?, keywords, modseq: row.get(3)? })
        })
        .collect()
}

impl StoreFlags {
    fn resolve(&self, answers: &mut Answers, batch: &mut Batch) -> Result<KeywordSet, StoreError> {
        if self.keywords.is_empty() {
            return Ok(KeywordSet::default());
        }
        let mut dictionary = Dictionary::read(answers)?;
        if self.action == FlagAction::Remove {
            return Ok(dictionary.find(&self.keywords));
        }
        let keywords = dictionary.resolve(self.account, &self.keywords, batch)?;
        dictionary.finish(self.account, batch);
        Ok(keywords)
    }

    /// Whether a message has changed since it must not have.
    fn is_changed(&self, message: &Current, keywords: &KeywordSet) -> bool {
        let Some(Unchanged { since, known }) = &self.unchanged_since else { return false };
        if message.modseq <= *since {
            return false;
        }
        if self.action == FlagAction::Set {
            return true;
        }
        let named = |flags: Flags, has: &KeywordSet| {
            (self.flags.common(flags), has.without(&has.without(keywords)))
        };
        let now = named(message.flags, &message.keywords);
        // RFC 7162 3.1.3: 0 fails for what exists. Keywords exist where they are set, system flags
        // always: that is how one client of many wins the right to set $MDNSent.
        let system = self.flags.common(Flags::SYSTEM);
        if *since == ModSeq::ZERO && system == Flags::NONE {
            return now != (Flags::NONE, KeywordSet::default());
        }
        let before = known.binary_search_by_key(&message.uid, |(uid, ..)| *uid);
        let before = before.ok().and_then(|at| known.get(at));
        before.is_none_or(|(_, flags, has)| named(*flags, has) != now)
    }

    fn apply(&self, message: &Current, keywords: &KeywordSet) -> (Flags, KeywordSet) {
        match self.action {
            FlagAction::Set => (self.flags, keywords.clone()),
            FlagAction::Add => (message.flags.with(self.flags), message.keywords.with(keywords)),
            FlagAction::Remove => {
                (message.flags.without(self.flags), message.keywords.without(keywords))
            }
        }
    }
}
