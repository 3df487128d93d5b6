//! Logins that succeeded lately, so that a client that logs in every minute does not cost an
//! argon2id each time.

use posthorn_base::{AccountId, CredentialId, Time};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Entries at most; beyond, the oldest go.
const ENTRIES_MAX: usize = 10_000;

#[derive(Clone, Copy)]
struct Entry {
    keyed_hash: [u8; 32],
    credential: CredentialId,
    generation: u64,
    until: Time,
}

/// Keyed hashes of main passwords that were verified, for some minutes.
///
/// The key is drawn at start and lives in this process only, so the hashes are worth nothing
/// elsewhere. A change of the directory makes all of them stale.
pub(super) struct Remembered {
    entries: Mutex<HashMap<AccountId, Entry>>,
    keep: Duration,
}

impl Remembered {
    pub(super) fn new(keep: Duration) -> Self {
        Remembered { entries: Mutex::new(HashMap::new()), keep }
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when exactly this password opened exactly this credential lately.
    pub(super) fn knows(
        &self,
        account: AccountId,
        credential: CredentialId,
        keyed_hash: &[u8; 32],
        generation: u64,
        now: Time,
    ) -> bool {
        self.entries().get(&account).is_some_and(|entry| {
            let same =
                aws_lc_rs::constant_time::verify_slices_are_equal(&entry.keyed_hash, keyed_hash);
            let is_same = (entry.credential, entry.generation) == (credential, generation);
            is_same && now < entry.until && same.is_ok()
        })
    }

    /// Remembers a success.
    pub(super) fn add(
        &self,
        account: AccountId,
        credential: CredentialId,
        keyed_hash: [u8; 32],
        generation: u64,
        now: Time,
    ) {
        let mut entries = self.entries();
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, entry| now < entry.until);
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        entries
            .insert(account, Entry { keyed_hash, credential, generation, until: now + self.keep });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_of_the_same_credential_until_the_time_is_up() {
        let minute = Duration::from_secs(60);
        let remembered = Remembered::new(minute);
        let account = AccountId::new(1).unwrap();
        let [old, new] = [1, 2].map(|n| CredentialId::new(n).unwrap());
        let now = Time::from_seconds(1000);
        remembered.add(account, old, [1; 32], 7, now);
        assert!(remembered.knows(account, old, &[1; 32], 7, now));
        assert!(!remembered.knows(account, old, &[2; 32], 7, now));
        assert!(!remembered.knows(account, new, &[1; 32], 7, now), "the password was set anew");
        assert!(!remembered.knows(account, old, &[1; 32], 7, now + minute));
        assert!(!remembered.knows(account, old, &[1; 32], 8, now), "the directory changed");
    }
}
