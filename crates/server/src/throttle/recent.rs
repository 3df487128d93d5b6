//! A map of bounded size that forgets what was not used for longest.
//!
//! Two generations: what is used moves to the young one; when that is full it becomes the old one,
//! and the old one is forgotten whole. That forgets nearly in order of use, costs no bookkeeping
//! per entry, and keeps at least the half of the entries that were used last.

use posthorn_base::limits;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values that begin at their default, by keys that a stranger may choose.
pub(super) struct Recent<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    hasher: RandomState,
    /// Entries of one generation of one shard.
    generation: usize,
}

struct Shard<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Default + Copy> Recent<K, V> {
    /// A map of at most `entries`, and at least two per shard.
    pub(super) fn new(entries: usize) -> Self {
        let empty = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Recent {
            shards: std::iter::repeat_with(empty).take(limits::THROTTLE_SHARDS).collect(),
            hasher: RandomState::new(),
            generation: (entries / limits::THROTTLE_SHARDS / 2).max(1),
        }
    }

    /// Changes the value of a key, which counts as use.
    pub(super) fn with<R>(&self, key: K, change: impl FnOnce(&mut V) -> R) -> R {
        let Some(mut guard) = self.shard(&key) else { return change(&mut V::default()) };
        let Shard { young, old } = &mut *guard;
        if !young.contains_key(&key) && young.len() >= self.generation {
            *old = mem::take(young);
        }
        let value = young.entry(key).or_insert_with_key(|key| old.remove(key).unwrap_or_default());
        change(value)
    }

    /// The value of a key; looking is no use.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let shard = self.shard(key)?;
        shard.young.get(key).or_else(|| shard.old.get(key)).copied()
    }

    /// Forgets a key.
    pub(super) fn remove(&self, key: &K) {
        if let Some(mut shard) = self.shard(key) {
            shard.young.remove(key);
            shard.old.remove(key);
        }
    }

    fn shard(&self, key: &K) -> Option<MutexGuard<'_, Shard<K, V>>> {
        let index = self.hasher.hash_one(key) as usize % self.shards.len().max(1);
        let shard = self.shards.get(index)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let lens = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        });
        lens.sum()
    }
}

impl<K, V> fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("generation", &self.generation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_keys_does_not_grow_it_nor_displace_what_is_in_use() {
        let map: Recent<u64, u64> = Recent::new(1024);
        for key in 0..100_000 {
            map.with(key, |value| *value = key);
            if key % 16 == 0 {
                map.with(u64::MAX, |uses| *uses += 1);
            }
        }
        assert!(map.len() <= 1024, "{}", map.len());
        assert_eq!(map.get(&u64::MAX), Some(100_000 / 16));
        assert_eq!(map.get(&99_999), Some(99_999));
        assert_eq!(map.get(&0), None);
        map.remove(&u64::MAX);
        assert_eq!(map.get(&u64::MAX), None);
    }
}
