//! Passwords: asked for without showing them, read from a pipe, or made by us.
//!
//! Invariants
//! * A password is never an argument of a command: those are in everybody's sight (`ps`) and in the
//!   shell's history.
//! * `Debug` shows none.

mod prompt;

pub use prompt::{PasswordError, ask, ask_twice, from_stdin};

use posthorn_base::Random;
use std::fmt;

/// A password in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password that somebody gave.
    pub fn new(text: String) -> Password {
        Password(text)
    }
    /// The text itself, for the place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The alphabet of ids (Crockford's base 32): no look-alikes, all of it on every keyboard.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const GROUPS: usize = 5;
const GROUP_LETTERS: usize = 5;

/// A new app password: 25 letters and digits in groups of five, 125 bits.
///
/// `random` must be cryptographically strong.
pub fn generate(random: &mut dyn Random) -> Password {
    let mut bytes = [0; GROUPS * GROUP_LETTERS];
    random.fill(&mut bytes);
    let mut text = String::with_capacity(GROUPS * (GROUP_LETTERS + 1));
    for (at, byte) in bytes.into_iter().enumerate() {
        if at > 0 && at.is_multiple_of(GROUP_LETTERS) {
            text.push('-');
        }
        // 32 letters for 256 values: each is as likely as the others.
        let letter = ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'0');
        text.push(char::from(letter));
    }
    Password(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_server::system::SystemRandom;
    use std::collections::BTreeSet;

    #[test]
    fn made_passwords_are_long_grouped_and_never_the_same() {
        let passwords: Vec<Password> = (0..200).map(|_| generate(&mut SystemRandom)).collect();
        let mut letters = BTreeSet::new();
        for password in &passwords {
            let groups: Vec<&str> = password.reveal().split('-').collect();
            assert_eq!(groups.len(), GROUPS);
            assert!(groups.iter().all(|group| group.len() == GROUP_LETTERS));
            letters.extend(groups.concat().into_bytes());
        }
        assert_eq!(letters.into_iter().collect::<Vec<_>>(), ALPHABET.to_vec(), "all are used");
        let different: BTreeSet<&str> = passwords.iter().map(Password::reveal).collect();
        assert_eq!(different.len(), passwords.len());
        assert_eq!(format!("{:?}", passwords[0]), "Password");
    }
}
