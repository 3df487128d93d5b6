//! What a server keeps of a password for SCRAM (RFC 5802 3).

use crate::sasl::prepare::{PrepareError, prepare};
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use std::fmt;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// SHA-256's output.
pub(super) const HASH_LEN: usize = 32;

/// Salt, iterations, StoredKey and ServerKey.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// Random, at least 16 bytes for new keys.
    pub salt: Box<[u8]>,
    /// Iterations of PBKDF2 that the client must compute. RFC 7677 4: at least 4096; new keys have
    /// 100,000 or more.
    pub iterations: NonZeroU32,
    /// H(ClientKey): checks the client's proof.
    pub stored_key: [u8; HASH_LEN],
    /// Proves to the client that we know its password.
    pub server_key: [u8; HASH_LEN],
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// A password turned into the keys of both sides.
pub(super) struct Derived {
    pub(super) client_key: Zeroizing<[u8; HASH_LEN]>,
    pub(super) stored_key: [u8; HASH_LEN],
    pub(super) server_key: [u8; HASH_LEN],
}

pub(super) fn derive_all(
    password: &str,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Result<Derived, PrepareError> {
    let password = Zeroizing::new(prepare(password)?);
    let mut salted = Zeroizing::new([0; HASH_LEN]);
    let (algorithm, secret) = (pbkdf2::PBKDF2_HMAC_SHA256, password.as_bytes());
    pbkdf2::derive(algorithm, iterations, salt, secret, salted.as_mut_slice());
    let client_key = Zeroizing::new(mac(salted.as_slice(), b"Client Key"));
    Ok(Derived {
        stored_key: hash(client_key.as_slice()),
        client_key,
        server_key: mac(salted.as_slice(), b"Server Key"),
    })
}

/// The keys for a password, which is prepared by SASLprep first. Takes as long as the iterations
/// say (100,000: some 30 ms), so never on a thread that serves others.
pub fn derive(
    password: &str,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Result<ScramKeys, PrepareError> {
    let Derived { stored_key, server_key, .. } = derive_all(password, salt, iterations)?;
    Ok(ScramKeys { salt: salt.into(), iterations, stored_key, server_key })
}

impl ScramKeys {
    /// Keys for a name that has none: the same each time, unlike any other name's, and with no
    /// password that fits, so that a client cannot tell which names exist. `server_secret` is the
    /// server's own, and does not change.
    pub fn fake(server_secret: &[u8], authcid: &str, iterations: NonZeroU32) -> ScramKeys {
        let keyed = |purpose: &str| {
            let mut context = hmac::Context::with_key(&hmac::Key::new(HMAC, server_secret));
            context.update(purpose.as_bytes());
            context.update(authcid.as_bytes());
            tag_bytes(context.sign())
        };
        let salt = keyed("scram-salt\0");
        ScramKeys {
            salt: salt.iter().copied().take(16).collect(),
            iterations,
            stored_key: keyed("scram-stored-key\0"),
            server_key: keyed("scram-server-key\0"),
        }
    }

    /// True when the proof shows knowledge of the password (RFC 5802 3).
    pub(super) fn verify(&self, auth_message: &[u8], proof: &[u8; HASH_LEN]) -> bool {
        let signature = mac(&self.stored_key, auth_message);
        let client_key = Zeroizing::new(xor(proof, &signature));
        let stored_key = hash(client_key.as_slice());
        constant_time::verify_slices_are_equal(&stored_key, &self.stored_key).is_ok()
    }

    pub(super) fn server_signature(&self, auth_message: &[u8]) -> [u8; HASH_LEN] {
        mac(&self.server_key, auth_message)
    }
}

const HMAC: hmac::Algorithm = hmac::HMAC_SHA256;

fn tag_bytes(tag: hmac::Tag) -> [u8; HASH_LEN] {
    copied(tag.as_ref())
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], message: &[u8]) -> [u8; HASH_LEN] {
    tag_bytes(hmac::sign(&hmac::Key::new(HMAC, key), message))
}

fn hash(message: &[u8]) -> [u8; HASH_LEN] {
    copied(digest::digest(&digest::SHA256, message).as_ref())
}

/// The algorithms above give exactly this many bytes.
fn copied(bytes: &[u8]) -> [u8; HASH_LEN] {
    let mut out = [0; HASH_LEN];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

pub(super) fn xor(a: &[u8; HASH_LEN], b: &[u8; HASH_LEN]) -> [u8; HASH_LEN] {
    std::array::from_fn(|at| match (a.get(at), b.get(at)) {
        (Some(x), Some(y)) => x ^ y,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: NonZeroU32 = NonZeroU32::new(4096).unwrap();

    #[test]
    fn fake_keys_are_stable_and_differ_by_name_and_server() {
        let alice = ScramKeys::fake(b"secret", "alice", FEW);
        assert_eq!(alice, ScramKeys::fake(b"secret", "alice", FEW));
        assert_eq!(alice.salt.len(), 16);
        assert_ne!(alice.salt, ScramKeys::fake(b"secret", "bob", FEW).salt);
        assert_ne!(alice.salt, ScramKeys::fake(b"other", "alice", FEW).salt);
        assert_ne!(alice.stored_key, alice.server_key);
    }

    #[test]
    fn passwords_are_prepared_before_they_are_hashed() {
        let keys = derive("p\u{ad}w", b"salt", FEW).unwrap();
        assert_eq!(keys, derive("pw", b"salt", FEW).unwrap());
        assert_eq!(derive("a\nb", b"salt", FEW), Err(PrepareError::Prohibited));
        assert!(!format!("{keys:?}").contains("key"));
    }
}
