//! Freeing keywords that no message carries any more, so that an account's bound on them is one on
//! those in use.
//!
//! Looking for them goes through all placements, in pages and outside of the writer; the one short
//! transaction at the end looks again at what has changed meanwhile.
//!
//! Invariants
//! * A keyword that a placement has stays; that of a message that can be restored is one.
//! * A number is never given out again (`account.next_keyword` only rises): whoever still knows one
//!   that was freed has a number without a name, never one with the name of another.
//! * The greatest number that an account's dictionary has stays: it says up to where somebody who
//!   has read the dictionary knows it.

use super::{Answers, KeywordSet, lock};
use crate::{Engine, EngineError, Operation, Rows, StoreError, Tx, stmt};
use posthorn_base::{AccountId, ModSeq};
use std::collections::BTreeSet;

/// Placements that are looked at by one read.
const PAGE: usize = 5000;

/// Frees the keywords of an account that none of its messages carries. Answers how many there were.
///
/// # Errors
/// Those of the engine; then nothing was freed.
pub async fn free_keywords(engine: &Engine, account: AccountId) -> Result<usize, StoreError> {
    let (since, mut unused) = engine.read(&ListNumbers(account)).await?;
    unused.pop_last();
    let mut after = Some((0, 0));
    while let (Some(from), false) = (after, unused.is_empty()) {
        let page = engine.read(&FindUsed { account, after: from }).await?;
        unused.retain(|number| !page.used.contains(number));
        after = page.next;
    }
    if unused.is_empty() {
        return Ok(0);
    }
    engine.write(Free { account, unused, since }).await
}

/// Accounts with at least so many keywords, at most `limit` of them.
#[derive(Clone, Debug)]
pub struct FindManyKeywords {
    /// Keywords that they have at least.
    pub at_least: usize,
    /// Accounts above this id.
    pub after: Option<AccountId>,
    /// How many accounts are answered.
    pub limit: u32,
}

impl Operation for FindManyKeywords {
    type Output = Vec<AccountId>;
    const NAME: &'static str = "find accounts with many keywords";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT account_id FROM keyword WHERE account_id > ?1 GROUP BY account_id \
                 HAVING COUNT(*) >= ?2 ORDER BY account_id LIMIT ?3",
                self.after.map_or(0, AccountId::get),
                i64::try_from(self.at_least).unwrap_or(i64::MAX),
                self.limit
            ))
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
    }
}

/// The numbers of an account's dictionary, and the modseq at which they were read.
#[derive(Clone, Debug)]
struct ListNumbers(AccountId);

impl Operation for ListNumbers {
    type Output = (ModSeq, BTreeSet<u32>);
    const NAME: &'static str = "list keyword numbers";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let batch = vec![
            stmt!("SELECT modseq FROM account WHERE account_id = ?1", self.0),
            stmt!("SELECT number FROM keyword WHERE account_id = ?1", self.0),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        let modseq = answers.modseq(self.0)?;
        let numbers: Result<_, EngineError> =
            answers.take()?.iter().map(|row| row.get(0)).collect();
        Ok((modseq, numbers?))
    }
}

/// The keywords of a page of placements, live or ended.
#[derive(Clone, Debug)]
struct FindUsed {
    account: AccountId,
    /// Behind this mailbox and UID.
    after: (i64, i64),
}

struct Page {
    used: BTreeSet<u32>,
    /// Where the next page begins.
    next: Option<(i64, i64)>,
}

impl Operation for FindUsed {
    type Output = Page;
    const NAME: &'static str = "find keywords in use";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Page, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT keywords, mailbox_id, uid FROM placement WHERE account_id = ?1 \
                 AND mailbox_id >= ?2 AND (mailbox_id > ?2 OR uid > ?3) \
                 ORDER BY mailbox_id, uid LIMIT ?4",
                self.account,
                self.after.0,
                self.after.1,
                PAGE as i64
            ))
            .await?;
        let last = rows.iter().last().map(|row| Ok::<_, EngineError>((row.get(1)?, row.get(2)?)));
        let next = last.transpose()?.filter(|_| rows.len() == PAGE);
        Ok(Page { used: used(&rows)?, next })
    }
}

/// The numbers in sets, which are the first column.
fn used(rows: &Rows) -> Result<BTreeSet<u32>, EngineError> {
    let mut used = BTreeSet::new();
    for row in rows.iter() {
        let set = KeywordSet::from_column(row.get(0)?)
            .ok_or_else(|| EngineError::Corrupt("a keyword set cannot be read".into()))?;
        used.extend(set.iter());
    }
    Ok(used)
}

/// Removes keywords from a dictionary that no placement had at `since`, but for those that one has
/// got since then.
#[derive(Clone, Debug)]
struct Free {
    account: AccountId,
    unused: BTreeSet<u32>,
    since: ModSeq,
}

impl Operation for Free {
    type Output = usize;
    const NAME: &'static str = "free keywords";

    fn needs_room(&self) -> bool {
        false
    }

    async fn run(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let batch = vec![
            lock(self.account),
            // Every change of a placement carries its modseq, also while a COPY is writing it.
            stmt!(
                "SELECT p.keywords FROM mailbox AS m JOIN placement AS p \
                 ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id \
                 WHERE m.account_id = ?1 AND p.modseq > ?2 AND p.keywords IS NOT NULL",
                self.account,
                self.since
            ),
        ];
        let mut answers = Answers::new(tx.run(batch).await?);
        answers.modseq(self.account)?;
        let used = used(&answers.take()?)?;
        let free: Vec<i64> =
            self.unused.difference(&used).map(|number| i64::from(*number)).collect();
        if free.is_empty() {
            return Ok(0);
        }
        let count = free.len();
        tx.one(stmt!(
            "DELETE FROM keyword WHERE account_id = ?1 AND number IN {ints:?2}",
            self.account,
            free
        ))
        .await?;
        Ok(count)
    }
}
