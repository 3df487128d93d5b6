//! Keywords that have no bit: a dictionary per account, and sets of its numbers.

use super::Answers;
use crate::{Batch, EngineError, Operation, StoreError, Tx, stmt};
use bytes::Bytes;
use posthorn_base::{AccountId, Keyword, limits, varint};

/// What [`StoreError::Limit`] calls them: [`free_keywords`](super::free_keywords) may help.
pub const TOO_MANY_KEYWORDS: &str = "keywords of an account";

/// The keywords of one placement: rising numbers of the account's dictionary, as varints of their
/// differences. The empty set takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeywordSet(Bytes);

impl KeywordSet {
    /// A set of dictionary numbers.
    pub fn new(mut numbers: Vec<u32>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        let mut out = Vec::with_capacity(numbers.len());
        let mut before = 0;
        for number in numbers {
            varint::put(&mut out, u64::from(number.saturating_sub(before)));
            before = number;
        }
        KeywordSet(out.into())
    }

    /// From a column. `None` when it is not what [`KeywordSet::new`] writes.
    pub(crate) fn from_column(column: Option<Bytes>) -> Option<Self> {
        let set = KeywordSet(column.unwrap_or_default());
        let mut input: &[u8] = &set.0;
        let (mut number, mut first) = (0u64, true);
        while !input.is_empty() {
            let step = varint::take(&mut input)?;
            if step == 0 && !first {
                return None;
            }
            number = number.checked_add(step).filter(|n| u32::try_from(*n).is_ok())?;
            first = false;
        }
        Some(set)
    }

    /// As a column: NULL when empty.
    pub(crate) fn column(&self) -> Option<Bytes> {
        (!self.0.is_empty()).then(|| self.0.clone())
    }

    /// The numbers, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut input: &[u8] = &self.0;
        let mut number = 0u32;
        std::iter::from_fn(move || {
            let step = varint::take(&mut input)?;
            number = number.checked_add(u32::try_from(step).ok()?)?;
            Some(number)
        })
    }
    /// True for the empty set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// True when `number` is in the set.
    pub fn contains(&self, number: u32) -> bool {
        self.iter().any(|n| n == number)
    }
    /// Both sets together.
    #[must_use]
    pub fn with(&self, other: &KeywordSet) -> KeywordSet {
        KeywordSet::new(self.iter().chain(other.iter()).collect())
    }
    /// This set without `other`.
    #[must_use]
    pub fn without(&self, other: &KeywordSet) -> KeywordSet {
        KeywordSet::new(self.iter().filter(|n| !other.contains(*n)).collect())
    }
    /// Octets it takes.
    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }
}

/// An account's dictionary, read under its lock.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    numbers: std::collections::HashMap<String, u32>,
    next: u32,
    known: u32,
}

impl Dictionary {
    /// What [`Dictionary::read`] reads the answers of.
    pub(crate) fn ask(batch: &mut Batch, account: AccountId) {
        batch.push(stmt!("SELECT next_keyword FROM account WHERE account_id = ?1", account));
        batch.push(stmt!("SELECT number, name_key FROM keyword WHERE account_id = ?1", account));
    }

    pub(crate) fn read(answers: &mut Answers) -> Result<Self, EngineError> {
        let next = match answers.take()?.first() {
            Some(row) => row.get(0)?,
            None => 0,
        };
        let mut numbers = std::collections::HashMap::new();
        for row in answers.take()?.iter() {
            numbers.insert(row.get(1)?, row.get(0)?);
        }
        Ok(Dictionary { numbers, next, known: next })
    }

    /// The numbers of `keywords` that are known already.
    pub(crate) fn find(&self, keywords: &[Keyword]) -> KeywordSet {
        KeywordSet::new(
            keywords.iter().filter_map(|k| self.numbers.get(&k.key()).copied()).collect(),
        )
    }

    /// The numbers of `keywords`; new ones are written by the statements added to `batch`.
    ///
    /// # Errors
    /// [`StoreError::Limit`] beyond [`limits::KEYWORDS_PER_ACCOUNT_MAX`].
    pub(crate) fn resolve(
        &mut self,
        account: AccountId,
        keywords: &[Keyword],
        batch: &mut Batch,
    ) -> Result<KeywordSet, StoreError> {
        let mut numbers = Vec::with_capacity(keywords.len());
        for keyword in keywords {
            let key = keyword.key();
            if let Some(number) = self.numbers.get(&key) {
                numbers.push(*number);
                continue;
            }
            if self.numbers.len() >= limits::KEYWORDS_PER_ACCOUNT_MAX {
                let limit = limits::KEYWORDS_PER_ACCOUNT_MAX;
                return Err(StoreError::Limit { what: TOO_MANY_KEYWORDS, limit });
            }
            let number = self.next;
            self.next = self.next.saturating_add(1);
            batch.push(stmt!(
                "INSERT INTO keyword (account_id, number, name, name_key) VALUES (?1, ?2, ?3, ?4)",
                account,
                number,
                keyword.as_str(),
                key.as_str()
            ));
            self.numbers.insert(key, number);
            numbers.push(number);
        }
        Ok(KeywordSet::new(numbers))
    }

    /// Once after the last `resolve`: keeps the account's counter.
    pub(crate) fn finish(&self, account: AccountId, batch: &mut Batch) {
        if self.next != self.known {
            batch.push(stmt!(
                "UPDATE account SET next_keyword = ?2 WHERE account_id = ?1",
                account,
                self.next
            ));
        }
    }
}

/// Reads an account's dictionary: numbers with the keywords as they were first written.
#[derive(Clone, Debug)]
pub struct ListKeywords(pub AccountId);

impl Operation for ListKeywords {
    type Output = Vec<(u32, Keyword)>;
    const NAME: &'static str = "list keywords";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT number, name FROM keyword WHERE account_id = ?1 ORDER BY number",
                self.0
            ))
            .await?;
        let mut list = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let name: String = row.get(1)?;
            let keyword = Keyword::parse(&name)
                .map_err(|error| EngineError::Corrupt(format!("keyword: {error}")))?;
            list.push((row.get(0)?, keyword));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_return_from_their_column() {
        for numbers in [vec![], vec![0], vec![5, 1, 5, 300], vec![0, 1, 2, u32::MAX]] {
            let set = KeywordSet::new(numbers.clone());
            let mut sorted = numbers;
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(set.iter().collect::<Vec<_>>(), sorted);
            assert_eq!(KeywordSet::from_column(set.column()), Some(set));
        }
        assert_eq!(KeywordSet::default().column(), None);
    }

    #[test]
    fn damaged_columns_are_refused() {
        for column in [&[0x80][..], &[1, 0], &[0xff, 0xff, 0xff, 0xff, 0x0f, 1]] {
            let column = Bytes::copy_from_slice(column);
            assert_eq!(KeywordSet::from_column(Some(column)), None);
        }
    }

    #[test]
    fn set_arithmetic() {
        let set = |numbers: &[u32]| KeywordSet::new(numbers.to_vec());
        assert_eq!(set(&[1, 3]).with(&set(&[2, 3])), set(&[1, 2, 3]));
        assert_eq!(set(&[1, 2, 3]).without(&set(&[2, 9])), set(&[1, 3]));
        assert!(set(&[7]).without(&set(&[7])).is_empty());
    }
}
