//! Channel binding: what ties a SASL exchange to this TLS session, so that nobody in the middle can
//! pass it on (RFC 5056).

use posthorn_proto::sasl::channel_binding::{
    CertificateHash, ChannelBindings, EXPORTER_LABEL, end_point,
};
use rustls::ProtocolVersion;
use rustls::server::ServerConnection;
use rustls::sign::CertifiedKey;
use x509_parser::oid_registry as oid;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

/// The bindings of a session. `shown` is the certificate that the client knows, if we are sure of
/// it.
///
/// The exporter is given for TLS 1.3 only: RFC 9266 4.2 allows it in TLS 1.2 where the master
/// secret is known to be unique, and the library does not tell.
pub(super) fn of(session: &ServerConnection, shown: Option<&CertifiedKey>) -> ChannelBindings {
    let is_13 = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    // RFC 9266 2: a context of zero length, 32 bytes.
    let export = || session.export_keying_material([0; 32], EXPORTER_LABEL, Some(b"")).ok();
    let certificate = shown.and_then(|key| key.cert.first());
    ChannelBindings {
        exporter: if is_13 { export() } else { None },
        end_point: certificate.and_then(|der| server_end_point(der)),
    }
}

/// RFC 5929 4.1: the certificate's hash, by the hash function of its signature. `None` where that
/// has no function of its own (Ed25519), for which the binding is undefined.
fn server_end_point(certificate: &[u8]) -> Option<Box<[u8]>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(end_point(certificate, hash_of(&parsed.signature_algorithm)?))
}

fn hash_of(signature: &AlgorithmIdentifier<'_>) -> Option<CertificateHash> {
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
    if sha256.contains(algorithm) {
        Some(CertificateHash::Sha256)
    } else if [oid::OID_PKCS1_SHA384WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA384].contains(algorithm) {
        Some(CertificateHash::Sha384)
    } else if [oid::OID_PKCS1_SHA512WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA512].contains(algorithm) {
        Some(CertificateHash::Sha512)
    } else if *algorithm == oid::OID_PKCS1_RSASSAPSS {
        let parameters = RsaSsaPssParams::try_from(signature.parameters.as_ref()?).ok()?;
        let hash = parameters.hash_algorithm_oid();
        // RFC 4055 3.1: the default is SHA-1, which becomes SHA-256 here.
        if *hash == oid::OID_NIST_HASH_SHA256 || *hash == oid::OID_HASH_SHA1 {
            Some(CertificateHash::Sha256)
        } else if *hash == oid::OID_NIST_HASH_SHA384 {
            Some(CertificateHash::Sha384)
        } else if *hash == oid::OID_NIST_HASH_SHA512 {
            Some(CertificateHash::Sha512)
        } else {
            None
        }
    } else {
        None
    }
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
            let want = want.map(|function| Box::from(digest(function, der).as_ref()));
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
