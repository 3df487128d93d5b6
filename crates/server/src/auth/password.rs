//! Making and checking verifiers.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{constant_time, digest, hmac};
use posthorn_base::{AccountId, CredentialId, Random, Time, limits};
use posthorn_proto::sasl::Secret;
use posthorn_proto::sasl::prepare::{PrepareError, prepare};
use posthorn_proto::sasl::scram::{self, ScramKeys};
use posthorn_store::directory::{CredentialKind, NewCredential, Scopes};
use std::num::NonZeroU32;

/// Why a password cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Empty.
    #[error("the password is empty")]
    Empty,
    /// More than [`limits::CREDENTIAL_BYTES_MAX`].
    #[error("the password is longer than {} octets", limits::CREDENTIAL_BYTES_MAX)]
    TooLong,
    /// SASLprep refuses it.
    #[error("the password cannot be used: {0}")]
    Prepare(#[from] PrepareError),
    /// argon2id failed, for want of memory most likely.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// The cost of verifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashing {
    /// Memory of argon2id, in KiB. The default is OWASP's first choice for it.
    pub argon2_kib: u32,
    /// Passes of argon2id over that memory.
    pub argon2_passes: u32,
    /// Iterations of SCRAM's PBKDF2, which the client computes too.
    pub scram_iterations: NonZeroU32,
}

impl Default for Hashing {
    fn default() -> Self {
        const ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
        Hashing { argon2_kib: 19 * 1024, argon2_passes: 2, scram_iterations: ITERATIONS }
    }
}

impl Hashing {
    fn argon2(&self) -> Result<Argon2<'static>, PasswordError> {
        let params = Params::new(self.argon2_kib, self.argon2_passes, 1, None)
            .map_err(|error| PasswordError::Hash(error.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// A password as it is checked and stored: prepared by SASLprep, so that every client's way of
/// writing it is the same.
fn prepared(password: &Secret) -> Result<Secret, PasswordError> {
    if password.expose().is_empty() {
        return Err(PasswordError::Empty);
    }
    if password.expose().len() > limits::CREDENTIAL_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    Ok(Secret::new(prepare(password.expose())?))
}

/// The credential for an account's main password: argon2id, and SCRAM keys for each of `names`, its
/// login names in full. Takes some 100 ms; never on a thread that serves others.
///
/// # Errors
/// When the password cannot be used.
pub fn main_credential(
    secret: &[u8; 32],
    id: CredentialId,
    password: &Secret,
    names: &[String],
    hashing: Hashing,
    random: &mut dyn Random,
) -> Result<NewCredential, PasswordError> {
    let password = prepared(password)?;
    let mut salt = [0; 16];
    random.fill(&mut salt);
    let hash = hashing
        .argon2()?
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(NewCredential {
        id,
        kind: CredentialKind::MainPassword,
        name: "main".into(),
        scopes: Scopes::ALL,
        verifier: hash.to_string().into_bytes(),
        scram: scram_column(secret, names, &password, hashing.scram_iterations)?,
        expires_at: None,
    })
}

/// The credential for an app password: a keyed hash, which is enough because app passwords are
/// generated and long, and SCRAM keys for each of `names`. Takes some 30 ms for each of the latter.
///
/// # Errors
/// When the password cannot be used.
#[expect(clippy::too_many_arguments, reason = "each is a column of the credential")]
pub fn app_credential(
    secret: &[u8; 32],
    account: AccountId,
    id: CredentialId,
    password: &Secret,
    names: &[String],
    name: String,
    scopes: Scopes,
    expires_at: Option<Time>,
    hashing: Hashing,
) -> Result<NewCredential, PasswordError> {
    let password = prepared(password)?;
    Ok(NewCredential {
        id,
        kind: CredentialKind::AppPassword,
        name,
        scopes,
        verifier: keyed_hash(secret, account, &password).to_vec(),
        scram: scram_column(secret, names, &password, hashing.scram_iterations)?,
        expires_at,
    })
}

/// The credential for a client certificate, by the SHA-256 of its DER form.
pub fn certificate_credential(
    id: CredentialId,
    certificate: &[u8],
    name: String,
    scopes: Scopes,
    expires_at: Option<Time>,
) -> NewCredential {
    NewCredential {
        id,
        kind: CredentialKind::Certificate,
        name,
        scopes,
        verifier: fingerprint(certificate),
        scram: None,
        expires_at,
    }
}

/// The SHA-256 of a certificate's DER form.
fn fingerprint(certificate: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, certificate).as_ref().to_vec()
}

/// Checks a main password. `verifier` of `None` takes the same time and fails: the name is unknown,
/// or has no main password.
pub(super) fn main_matches(hashing: Hashing, verifier: Option<&[u8]>, password: &Secret) -> bool {
    let Ok(password) = prepared(password) else { return false };
    let stored = verifier.and_then(|verifier| std::str::from_utf8(verifier).ok());
    let Ok(argon2) = hashing.argon2() else { return false };
    match stored.map(PasswordHash::new) {
        Some(Ok(hash)) => argon2.verify_password(password.expose().as_bytes(), &hash).is_ok(),
        Some(Err(_)) | None => {
            // The result does not matter, the time does.
            let spent = argon2.hash_password_with_salt(password.expose().as_bytes(), &[0; 16]);
            drop(spent);
            false
        }
    }
}

/// Checks an app password.
pub(super) fn app_matches(
    secret: &[u8; 32],
    account: AccountId,
    verifier: &[u8],
    password: &Secret,
) -> bool {
    let Ok(password) = prepared(password) else { return false };
    let computed = keyed_hash(secret, account, &password);
    constant_time::verify_slices_are_equal(&computed, verifier).is_ok()
}

fn keyed_hash(secret: &[u8; 32], account: AccountId, password: &Secret) -> [u8; 32] {
    keyed(secret, b"app-password\0", account, password.expose().as_bytes())
}

/// HMAC-SHA-256 of what follows the purpose, keyed by the store's secret.
pub(super) fn keyed(
    secret: &[u8; 32],
    purpose: &[u8],
    account: AccountId,
    data: &[u8],
) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(purpose);
    context.update(&account.get().to_be_bytes());
    context.update(data);
    let mut out = [0; 32];
    out.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// The salt of a login name in full (`FullLoginKey`): that which clients are shown for a name that
/// does not exist, so that nobody can tell which ones do.
pub(super) fn scram_salt(secret: &[u8; 32], name: &str) -> Box<[u8]> {
    // The salt does not depend on the iterations.
    ScramKeys::fake(secret, name, NonZeroU32::MIN).salt
}

/// SCRAM keys as the store keeps them: for each name iterations (4 octets), StoredKey, ServerKey
/// (32 each) and salt (16). A name beyond [`limits::SCRAM_NAMES_MAX`] goes without.
fn scram_column(
    secret: &[u8; 32],
    names: &[String],
    password: &Secret,
    iterations: NonZeroU32,
) -> Result<Option<Vec<u8>>, PasswordError> {
    let mut column = Vec::new();
    for name in names.iter().take(limits::SCRAM_NAMES_MAX) {
        let keys = scram::derive(password.expose(), &scram_salt(secret, name), iterations)?;
        column.extend_from_slice(&keys.iterations.get().to_be_bytes());
        column.extend_from_slice(&keys.stored_key);
        column.extend_from_slice(&keys.server_key);
        column.extend_from_slice(&keys.salt);
    }
    Ok((!column.is_empty()).then_some(column))
}

/// Reads [`scram_column`]; what is damaged is left out.
pub(super) fn read_scram(column: &[u8]) -> Vec<ScramKeys> {
    const RECORD_BYTES: usize = 4 + 32 + 32 + 16;
    column.chunks_exact(RECORD_BYTES).filter_map(read_one).collect()
}

fn read_one(record: &[u8]) -> Option<ScramKeys> {
    let (iterations, rest) = record.split_first_chunk::<4>()?;
    let (stored_key, rest) = rest.split_first_chunk::<32>()?;
    let (server_key, salt) = rest.split_first_chunk::<32>()?;
    Some(ScramKeys {
        salt: salt.into(),
        iterations: NonZeroU32::new(u32::from_be_bytes(*iterations))?,
        stored_key: *stored_key,
        server_key: *server_key,
    })
}

/// A generated app password: five groups of five from an alphabet without look-alikes, 125 bits.
#[derive(Debug)]
pub struct AppPassword(pub Secret);

impl AppPassword {
    /// Draws one. `random` must be cryptographically strong.
    pub fn generate(random: &mut dyn Random) -> AppPassword {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut bytes = [0; 25];
        random.fill(&mut bytes);
        let mut text = String::with_capacity(29);
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % 5 == 0 {
                text.push('-');
            }
            let letter = LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'a');
            text.push(char::from(letter));
        }
        AppPassword(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_testkit::random::SimRandom;

    const SECRET: [u8; 32] = [7; 32];
    const CHEAP: Hashing = Hashing {
        argon2_kib: 8,
        argon2_passes: 1,
        scram_iterations: NonZeroU32::new(4096).unwrap(),
    };

    fn account() -> AccountId {
        AccountId::new(5).unwrap()
    }
    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn main_passwords() {
        let id = CredentialId::new(1).unwrap();
        let mut random = SimRandom::from_seed(1);
        let names = ["alice@example.com".to_owned(), "al@example.com".to_owned()];
        let made =
            main_credential(&SECRET, id, &secret("pass\u{ad}word"), &names, CHEAP, &mut random)
                .unwrap();
        assert!(made.verifier.starts_with(b"$argon2id$v=19$m=8,t=1,p=1$"));
        let matches = |text| main_matches(CHEAP, Some(&made.verifier), &secret(text));
        assert!(matches("password") && !matches("passwort") && !matches(""));
        assert!(!main_matches(CHEAP, None, &secret("password")));
        let keys = read_scram(made.scram.as_ref().unwrap());
        let derived = |name: &String| {
            let salt = scram_salt(&SECRET, name);
            scram::derive("password", &salt, CHEAP.scram_iterations).unwrap()
        };
        assert_eq!(keys, names.each_ref().map(derived));
    }

    #[test]
    fn app_passwords_are_the_accounts_alone() {
        let make = |account, text: &str| {
            let id = CredentialId::new(1).unwrap();
            let (name, scopes) = ("phone".to_owned(), Scopes::POP3);
            app_credential(&SECRET, account, id, &secret(text), &[], name, scopes, None, CHEAP)
                .unwrap()
        };
        let one = make(account(), "one");
        assert_eq!(one.scram, None, "without a name there is nothing to salt them with");
        assert!(app_matches(&SECRET, account(), &one.verifier, &secret("one")));
        assert!(!app_matches(&SECRET, account(), &one.verifier, &secret("two")));
        let other = AccountId::new(6).unwrap();
        assert!(!app_matches(&SECRET, other, &one.verifier, &secret("one")));
    }

    #[test]
    fn unusable_passwords() {
        let id = CredentialId::new(1).unwrap();
        let mut random = SimRandom::from_seed(1);
        let mut check = |text: &str, want: PasswordError| {
            let made = main_credential(&SECRET, id, &secret(text), &[], CHEAP, &mut random);
            assert_eq!(made.map(|_| ()), Err(want));
        };
        check("", PasswordError::Empty);
        check(&"x".repeat(limits::CREDENTIAL_BYTES_MAX + 1), PasswordError::TooLong);
        check("a\nb", PasswordError::Prepare(PrepareError::Prohibited));
    }

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let mut random = SimRandom::from_seed(1);
        let (a, b) = (AppPassword::generate(&mut random), AppPassword::generate(&mut random));
        assert_eq!(a.0.expose().len(), 29);
        assert_ne!(a.0, b.0);
    }
}
