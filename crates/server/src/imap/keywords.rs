//! Names of keywords that have no bit: one dictionary per account, shared by its sessions.
//!
//! Invariants
//! * A number never gets another name, so what is held here is never wrong: at worst it lacks the
//!   newest names, and has some that are not used any more. Who meets a number above all that it
//!   has reads it anew.
//! * A number that it lacks below these was freed: no message has it. A view that is older may say
//!   so of one; that keyword is not shown, and its client soon hears of the change.

use posthorn_base::{AccountId, Keyword, limits};
use posthorn_store::mail::{KeywordSet, ListKeywords};
use posthorn_store::{Engine, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Accounts whose dictionaries are held; beyond, those that no session uses go.
const ACCOUNTS_MAX: usize = 4096;

/// The keywords of an account, by number.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    /// Rising by number.
    names: Vec<(u32, Keyword)>,
}

impl Dictionary {
    /// The keyword with this number.
    pub(crate) fn name(&self, number: u32) -> Option<&Keyword> {
        let at = self.names.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        self.names.get(at).map(|(_, keyword)| keyword)
    }

    /// The numbers of those of `keywords` that are known, and whether all are.
    pub(crate) fn numbers(&self, keywords: &[Keyword]) -> (KeywordSet, bool) {
        let number = |wanted: &Keyword| {
            let is_it = |known: &Keyword| known.as_str().eq_ignore_ascii_case(wanted.as_str());
            self.names.iter().find(|(_, known)| is_it(known)).map(|(number, _)| *number)
        };
        let numbers: Vec<u32> = keywords.iter().filter_map(number).collect();
        let all_known = numbers.len() == keywords.len();
        (KeywordSet::new(numbers), all_known)
    }

    /// True when reading it anew would bring no further name for this set.
    pub(crate) fn knows(&self, set: &KeywordSet) -> bool {
        let newest = self.names.last().map_or(0, |(number, _)| *number);
        set.iter().all(|number| number <= newest)
    }

    /// All names, in the order in which they were first used.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Keyword> {
        self.names.iter().map(|(_, keyword)| keyword)
    }

    /// True when the account can have no further keyword.
    pub(crate) fn is_full(&self) -> bool {
        self.names.len() >= limits::KEYWORDS_PER_ACCOUNT_MAX
    }
}

/// The dictionaries of the accounts that have sessions.
#[derive(Debug, Default)]
pub(crate) struct Dictionaries(Mutex<HashMap<AccountId, Arc<Dictionary>>>);

impl Dictionaries {
    /// An account's dictionary, as it is held or as the store has it.
    ///
    /// # Errors
    /// Those of reading the store.
    pub(crate) async fn get(
        &self,
        engine: &Engine,
        account: AccountId,
    ) -> Result<Arc<Dictionary>, StoreError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&account).cloned();
        match held {
            Some(dictionary) if !dictionary.is_full() => Ok(dictionary),
            // Maintenance may have freed some.
            Some(_) | None => self.read(engine, account).await,
        }
    }

    /// An account's dictionary as the store has it now.
    ///
    /// # Errors
    /// Those of reading the store.
    pub(crate) async fn read(
        &self,
        engine: &Engine,
        account: AccountId,
    ) -> Result<Arc<Dictionary>, StoreError> {
        let names = engine.read(&ListKeywords(account)).await?;
        let dictionary = Arc::new(Dictionary { names });
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= ACCOUNTS_MAX {
            held.retain(|_, dictionary| Arc::strong_count(dictionary) > 1);
        }
        if held.len() < ACCOUNTS_MAX {
            held.insert(account, Arc::clone(&dictionary));
        }
        Ok(dictionary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        let keyword = |text| Keyword::parse(text).unwrap();
        let dictionary = Dictionary { names: vec![(2, keyword("Todo")), (7, keyword("urgent"))] };
        assert_eq!(dictionary.name(7).map(Keyword::as_str), Some("urgent"));
        assert_eq!(dictionary.name(3), None);
        let (set, all_known) = dictionary.numbers(&[keyword("URGENT"), keyword("todo")]);
        assert_eq!((&set, all_known), (&KeywordSet::new(vec![2, 7]), true));
        assert!(dictionary.knows(&set));
        assert!(dictionary.knows(&KeywordSet::new(vec![2, 3])), "3 is free");
        assert!(!dictionary.knows(&KeywordSet::new(vec![2, 8])), "8 is newer");
        assert_eq!(dictionary.numbers(&[keyword("other")]), (KeywordSet::default(), false));
    }
}
