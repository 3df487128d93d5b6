//! Client certificates, by which users may log in (SASL EXTERNAL, RFC 4422 appendix A).

use super::{TlsError, load};
use posthorn_base::{Address, Time};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::path::Path;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

/// A certificate that a client proved to hold, issued by a configured authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The addresses in it (subjectAltName rfc822Name), which say who may log in with it. At most
    /// [`ClientCertificate::ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// SHA-256 of the whole certificate, for the log and for credentials that name one certificate.
    pub sha256: [u8; 32],
}

impl ClientCertificate {
    /// Addresses that are looked at.
    pub const ADDRESSES_MAX: usize = 20;

    pub(super) fn of(der: &CertificateDer<'_>) -> Self {
        let mut sha256 = [0; 32];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        sha256.copy_from_slice(digest.as_ref());
        ClientCertificate { addresses: addresses(der).unwrap_or_default(), sha256 }
    }
}

fn addresses(der: &[u8]) -> Option<Vec<Address>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(der).ok()?;
    addresses_of(&parsed)
}

fn addresses_of(parsed: &X509Certificate<'_>) -> Option<Vec<Address>> {
    let names = parsed.subject_alternative_name().ok()??;
    let addresses = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::RFC822Name(address) => Address::parse(address).ok(),
        _ => None,
    });
    Some(addresses.take(ClientCertificate::ADDRESSES_MAX).collect())
}

/// Why a file is no certificate that a user could log in with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserCertificateError {
    /// No PEM, or none with a certificate.
    #[error("the file holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// It cannot be understood.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// It signs others. RFC 5280 4.2.1.9: an authority's certificate is not an end entity's, and
    /// the handshake refuses it as such.
    #[error("it is the certificate of an authority; the user's own is needed")]
    Authority,
    /// It was good once.
    #[error("the certificate expired on {0}")]
    Expired(Time),
}

/// A user's certificate as an operator brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCertificate {
    /// Its DER form.
    pub der: Vec<u8>,
    /// What a login with it shows.
    pub shown: ClientCertificate,
    /// The common name of its subject; empty when it has none.
    pub common_name: String,
    /// When it ends.
    pub expires_at: Time,
}

impl UserCertificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// When there is none, or nobody could log in with it.
    pub fn from_pem(pem: &str, now: Time) -> Result<UserCertificate, UserCertificateError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| UserCertificateError::NoCertificate)?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&der)
            .map_err(|error| UserCertificateError::Unreadable(error.to_string()))?;
        if parsed.is_ca() {
            return Err(UserCertificateError::Authority);
        }
        let expires_at = Time::from_seconds(parsed.validity().not_after.timestamp());
        if expires_at <= now {
            return Err(UserCertificateError::Expired(expires_at));
        }
        let common_name = parsed.subject().iter_common_name().next();
        let common_name = common_name.and_then(|name| name.as_str().ok()).unwrap_or_default();
        Ok(UserCertificate {
            shown: ClientCertificate::of(&der),
            common_name: common_name.to_owned(),
            expires_at,
            der: der.to_vec(),
        })
    }
}

/// Verifies client certificates against the authorities in a PEM file. A client may present none.
pub(super) fn verifier(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let failed = |reason: String| TlsError::ClientAuthorities { path: path.into(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in load::read_chain(path)? {
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| failed(error.to_string()))
}
