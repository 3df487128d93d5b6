//! Channel binding: what ties a SASL exchange to this TLS session, so that nobody in the middle can
//! pass it on (RFC 5056).

use rustls::ProtocolVersion;
use rustls::server::ServerConnection;
use rustls::sign::CertifiedKey;
use x509_parser::oid_registry as oid;
use x509_parser::signature_algorithm::RsaSsaPssParams;

/// The channel binding data of one session, by type.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266). Only with TLS 1.3: RFC 9266 4.2 allows it in TLS 1.2 only where the
    /// master secret is known to be unique, and the library does not tell.
    pub tls_exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 4). None for a certificate whose signature has no hash function
    /// of its own (Ed25519), for which the type is undefined.
    pub tls_server_end_point: Option<Vec<u8>>,
}

impl std::fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelBindings")
            .field("tls_exporter", &self.tls_exporter.is_some())
            .field("tls_server_end_point", &self.tls_server_end_point.is_some())
            .finish()
    }
}

impl ChannelBindings {
    pub(super) fn of(session: &ServerConnection, shown: Option<&CertifiedKey>) -> Self {
        let is_13 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        // RFC 9266 2: this label, a context of zero length, 32 bytes.
        let export =
            || session.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok();
        let certificate = shown.and_then(|key| key.cert.first());
        ChannelBindings {
            tls_exporter: if is_13 { export() } else { None },
            tls_server_end_point: certificate.and_then(|der| server_end_point(der)),
        }
    }
}

/// RFC 5929 4.1: the certificate's hash, by the hash function of its signature; SHA-256 in place of
/// MD5 and SHA-1.
pub(crate) fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    use aws_lc_rs::digest::{SHA224, SHA256, SHA384, SHA512, digest};
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let signature = &parsed.signature_algorithm;
    let algorithm = &signature.algorithm;
    let sha256 = [
        oid::OID_PKCS1_SHA256WITHRSA,
        oid::OID_SIG_ECDSA_WITH_SHA256,
        oid::OID_PKCS1_SHA1WITHRSA,
        oid::OID_SHA1_WITH_RSA,
        oid::OID_PKCS1_MD5WITHRSAENC,
        oid::OID_MD5_WITH_RSA,
        oid::OID_SIG_DSA_WITH_SHA1,
        // ecdsa-with-SHA1 (RFC 3279 2.2.3)
        x509_parser::der_parser::oid!(1.2.840.10045.4.1),
    ];
    let function = if sha256.contains(algorithm) {
        &SHA256
    } else if [oid::OID_PKCS1_SHA384WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA384].contains(algorithm) {
        &SHA384
    } else if [oid::OID_PKCS1_SHA512WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA512].contains(algorithm) {
        &SHA512
    } else if [oid::OID_PKCS1_SHA224WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA224].contains(algorithm) {
        &SHA224
    } else if *algorithm == oid::OID_PKCS1_RSASSAPSS {
        let parameters = RsaSsaPssParams::try_from(signature.parameters.as_ref()?).ok()?;
        let hash = parameters.hash_algorithm_oid();
        // RFC 4055 3.1: the default is SHA-1, which becomes SHA-256 here.
        if *hash == oid::OID_NIST_HASH_SHA256 || *hash == oid::OID_HASH_SHA1 {
            &SHA256
        } else if *hash == oid::OID_NIST_HASH_SHA384 {
            &SHA384
        } else if *hash == oid::OID_NIST_HASH_SHA512 {
            &SHA512
        } else {
            return None;
        }
    } else {
        return None;
    };
    Some(digest(function, certificate).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::tests::Issued;
    use super::*;
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};

    #[test]
    fn the_signature_chooses_the_hash() {
        #[track_caller]
        fn check(
            algorithm: &'static rcgen::SignatureAlgorithm,
            want: Option<&'static aws_lc_rs::digest::Algorithm>,
        ) {
            let issued = Issued::with_key(&["mail.example"], algorithm).load();
            let der = &issued.key.cert[0];
            let want = want.map(|function| digest(function, der).as_ref().to_vec());
            assert_eq!(server_end_point(der), want, "{algorithm:?}");
        }
        check(&rcgen::PKCS_ECDSA_P256_SHA256, Some(&SHA256));
        check(&rcgen::PKCS_ECDSA_P384_SHA384, Some(&SHA384));
        check(&rcgen::PKCS_RSA_SHA256, Some(&SHA256));
        check(&rcgen::PKCS_RSA_SHA512, Some(&SHA512));
        check(&rcgen::PKCS_ED25519, None);
        assert_eq!(server_end_point(b"no certificate"), None);
    }
}
