//! Client certificates, by which users may log in (SASL EXTERNAL, RFC 4422 appendix A).

use super::{TlsError, load};
use posthorn_base::Address;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::path::Path;
use std::sync::Arc;
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
    let names = parsed.subject_alternative_name().ok()??;
    let addresses = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::RFC822Name(address) => Address::parse(address).ok(),
        _ => None,
    });
    Some(addresses.take(ClientCertificate::ADDRESSES_MAX).collect())
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
