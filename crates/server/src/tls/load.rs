//! Certificates and keys from PEM files, with errors that say what to do.

use super::provider;
use posthorn_base::Time;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::extensions::GeneralName;

/// A chain with its key is a few kilobytes; a larger file is the wrong one.
const PEM_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A certificate and its key, as PEM files. One file may hold both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The server's certificate, followed by the intermediate ones (`fullchain.pem`).
    pub chain: PathBuf,
    /// The private key, not encrypted (`privkey.pem`).
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}{}", hint(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is larger than any certificate.
    #[error("{0} is larger than {PEM_FILE_BYTES_MAX} bytes: surely not a certificate or key")]
    TooLarge(PathBuf),
    /// The text is damaged.
    #[error("{path} is no valid PEM file: {reason}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// No certificate is in the file.
    #[error(
        "{0} holds no certificate; expected -----BEGIN CERTIFICATE-----, the server's own first"
    )]
    NoCertificate(PathBuf),
    /// The certificate cannot be understood.
    #[error("the first certificate in {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// No key is in the file.
    #[error("{0} holds no private key; expected -----BEGIN PRIVATE KEY-----")]
    NoKey(PathBuf),
    /// The key needs a passphrase, and nobody is there to type it.
    #[error(
        "the key in {0} is encrypted; store it without a passphrase (openssl pkey -in ... -out ...)"
    )]
    EncryptedKey(PathBuf),
    /// The key is of a kind that we cannot use.
    #[error("the key in {path} cannot be used: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: rustls::Error,
    },
    /// Key and certificate don't belong together.
    #[error(
        "the key in {key} does not belong to the certificate in {chain}; the server's own certificate \
         must come first in the chain, and both files must be from the same issuance"
    )]
    Mismatch {
        /// The chain's file.
        chain: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; the user that Posthorn runs as needs to read it (also after a reload, when the \
             privileges of the start are gone)"
        }
        _ => "",
    }
}

/// What is odd about a certificate that can be used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateWarning {
    /// It has expired: clients will refuse it.
    Expired {
        /// The file.
        path: PathBuf,
        /// When.
        at: Time,
    },
    /// It is not valid yet: clients will refuse it.
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// From when on it is.
        at: Time,
    },
    /// It names no host, so it is presented only where no other fits.
    NoName {
        /// The file.
        path: PathBuf,
    },
    /// Others on this machine can read the key.
    KeyReadableByOthers {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for CertificateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateWarning::Expired { path, at } => {
                write!(f, "the certificate in {} expired on {at}: renew it", path.display())
            }
            CertificateWarning::NotYetValid { path, at } => {
                let path = path.display();
                write!(f, "the certificate in {path} is valid only from {at}; is the clock right?")
            }
            CertificateWarning::NoName { path } => {
                let path = path.display();
                write!(
                    f,
                    "the certificate in {path} names no host (subjectAltName): clients refuse it"
                )
            }
            CertificateWarning::KeyReadableByOthers { path } => {
                let path = path.display();
                write!(f, "every user of this machine can read the key in {path}: chmod o-r it")
            }
        }
    }
}

/// A certificate ready for use.
#[derive(Debug)]
pub struct LoadedCertificate {
    /// Chain and key.
    pub key: Arc<CertifiedKey>,
    /// The DNS names it is for, lower case, in ASCII; `*.` at the front of a wildcard.
    pub names: Vec<String>,
    /// The last instant at which it is valid.
    pub not_after: Time,
    /// What the operator should know.
    pub warnings: Vec<CertificateWarning>,
}

impl CertificateFiles {
    /// Reads both files and checks that they belong together.
    pub fn load(&self, now: Time) -> Result<LoadedCertificate, CertificateError> {
        let chain = read_chain(&self.chain)?;
        let (key, is_exposed) = read_key(&self.key)?;
        let mut loaded = assemble(chain, key, self, now)?;
        if is_exposed {
            let path = self.key.clone();
            loaded.warnings.push(CertificateWarning::KeyReadableByOthers { path });
        }
        Ok(loaded)
    }
}

/// Reads all certificates of a PEM file; at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let (pem, _) = read_file(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| damaged(path, &error))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(path.into()));
    }
    Ok(chain)
}

/// Reads the first private key of a PEM file, and whether everybody can read that file.
fn read_key(path: &Path) -> Result<(PrivateKeyDer<'static>, bool), CertificateError> {
    let (pem, is_exposed) = read_file(path)?;
    let has = |mark: &[u8]| pem.windows(mark.len()).any(|window| window == mark);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::EncryptedKey(path.into()));
    }
    match PrivateKeyDer::pem_slice_iter(&pem).next() {
        Some(Ok(key)) => Ok((key, is_exposed)),
        Some(Err(error)) => Err(damaged(path, &error)),
        None => Err(CertificateError::NoKey(path.into())),
    }
}

fn damaged(path: &Path, error: &rustls::pki_types::pem::Error) -> CertificateError {
    CertificateError::Pem { path: path.into(), reason: error.to_string() }
}

fn read_file(path: &Path) -> Result<(Vec<u8>, bool), CertificateError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |source| CertificateError::Read { path: path.into(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let is_exposed = file.metadata().map_err(failed)?.permissions().mode() & 0o004 != 0;
    let mut pem = Vec::new();
    file.take(PEM_FILE_BYTES_MAX + 1).read_to_end(&mut pem).map_err(failed)?;
    if pem.len() as u64 > PEM_FILE_BYTES_MAX {
        return Err(CertificateError::TooLarge(path.into()));
    }
    Ok((pem, is_exposed))
}

/// Puts chain and key together. `files` is for the messages.
pub(super) fn assemble(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: &CertificateFiles,
    now: Time,
) -> Result<LoadedCertificate, CertificateError> {
    let path = || files.chain.clone();
    let own = chain.first().ok_or_else(|| CertificateError::NoCertificate(path()))?;
    let facts =
        Facts::of(own).map_err(|reason| CertificateError::Unreadable { path: path(), reason })?;
    let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            CertificateError::Mismatch { chain: path(), key: files.key.clone() }
        }
        rustls::Error::InvalidCertificate(reason) => {
            CertificateError::Unreadable { path: path(), reason: format!("{reason:?}") }
        }
        reason => CertificateError::Key { path: files.key.clone(), reason },
    })?;
    let mut warnings = Vec::new();
    if facts.not_after < now {
        warnings.push(CertificateWarning::Expired { path: path(), at: facts.not_after });
    }
    if facts.not_before > now {
        warnings.push(CertificateWarning::NotYetValid { path: path(), at: facts.not_before });
    }
    if facts.names.is_empty() {
        warnings.push(CertificateWarning::NoName { path: path() });
    }
    Ok(LoadedCertificate {
        key: Arc::new(key),
        names: facts.names,
        not_after: facts.not_after,
        warnings,
    })
}

/// What we need to know of a certificate.
struct Facts {
    names: Vec<String>,
    not_before: Time,
    not_after: Time,
}

impl Facts {
    fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, parsed) =
            x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
        let alternative = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
        // RFC 9525 6.3: a subject without alternative names identifies no host; its CN is not
        // looked at.
        let names = alternative.iter().flat_map(|extension| &extension.value.general_names);
        let names = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let validity = parsed.validity();
        Ok(Facts {
            names: names.collect(),
            not_before: Time::from_seconds(validity.not_before.timestamp()),
            not_after: Time::from_seconds(validity.not_after.timestamp()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Issued;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Files {
        dir: tempfile::TempDir,
    }
    impl Files {
        fn new() -> Self {
            Files { dir: tempfile::tempdir().unwrap() }
        }
        fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
            let path = self.dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            path
        }
        fn load(&self, chain: &str, key: &str) -> Result<LoadedCertificate, CertificateError> {
            let chain = self.write("chain.pem", chain, 0o644);
            let key = self.write("key.pem", key, 0o600);
            CertificateFiles { chain, key }.load(Time::from_seconds(1_800_000_000))
        }
    }

    #[test]
    fn a_chain_with_its_key() {
        let issued = Issued::self_signed(&["Mail.example", "*.example.org"]);
        let files = Files::new();
        let loaded = files.load(&issued.chain, &issued.key).unwrap();
        assert_eq!(loaded.names, ["mail.example", "*.example.org"]);
        assert_eq!(loaded.warnings, []);
        // Both in one file, the key first, as some tools write it.
        let both = files.write("both.pem", &format!("{}{}", issued.key, issued.chain), 0o600);
        let both = CertificateFiles { chain: both.clone(), key: both };
        assert_eq!(both.load(Time::from_seconds(1_800_000_000)).unwrap().names.len(), 2);
    }

    #[test]
    fn errors_name_the_file_and_the_remedy() {
        let issued = Issued::self_signed(&["mail.example"]);
        let other = Issued::self_signed(&["mail.example"]);
        let files = Files::new();
        let check = |chain: &str, key: &str, want: &str| {
            let error = files.load(chain, key).unwrap_err().to_string();
            assert!(error.contains(want), "{error} <> {want}");
        };
        check("", &issued.key, "chain.pem holds no certificate");
        check(&issued.key, &issued.key, "chain.pem holds no certificate");
        check(&issued.chain, "", "key.pem holds no private key");
        check(&issued.chain, &other.key, "key.pem does not belong to the certificate in");
        check(&issued.chain.replace('\n', "\n!"), &issued.key, "chain.pem is no valid PEM file");
        let encrypted = issued.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        check(&issued.chain, &encrypted, "key.pem is encrypted");
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(nonsense, &issued.key, "chain.pem cannot be read");
        let nonsense = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        check(&issued.chain, nonsense, "key.pem cannot be used");
        check(&"x".repeat(1 << 21), &issued.key, "chain.pem is larger than");
        let missing = PathBuf::from("/nonexistent/chain.pem");
        let missing = CertificateFiles { chain: missing.clone(), key: missing };
        let error = missing.load(Time::EPOCH).unwrap_err().to_string();
        assert!(error.starts_with("cannot read /nonexistent/chain.pem"), "{error}");
    }

    #[test]
    fn what_can_be_used_but_should_not_stay_is_warned_of() {
        let issued = Issued::self_signed(&["mail.example"]);
        let files = Files::new();
        let chain = files.write("chain.pem", &issued.chain, 0o644);
        let key = files.write("key.pem", &issued.key, 0o644);
        let pair = CertificateFiles { chain: chain.clone(), key: key.clone() };
        let warned = |time| {
            let warnings = pair.load(time).unwrap().warnings;
            warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(warned(Time::from_seconds(100_000_000_000)).contains("chain.pem expired on"));
        assert!(warned(Time::EPOCH).contains("chain.pem is valid only from"));
        assert!(warned(Time::EPOCH).contains("read the key in"));
        let nameless = Issued::self_signed(&[]);
        let loaded = files.load(&nameless.chain, &nameless.key).unwrap();
        assert_eq!(loaded.warnings, [CertificateWarning::NoName { path: chain }]);
    }
}
