//! Channel bindings (RFC 5056): what ties a login to the TLS connection it runs in, so that
//! somebody in the middle who holds another certificate cannot pass it on.

use aws_lc_rs::digest;

/// The data of each channel binding type that a TLS connection offers.
///
/// `tls-unique` is missing on purpose: it is not defined for TLS 1.3 (RFC 9266 3), and with TLS 1.2
/// it is unsafe across resumption without extended master secrets. RFC 5802 6.1 asks for it;
/// clients over TLS 1.2 can use `tls-server-end-point`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266 2): 32 bytes of exported keying material with the label
    /// [`EXPORTER_LABEL`] and an empty context. TLS 1.3, or 1.2 with extended master secret.
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 4): the hash of the server's certificate, see
    /// [`end_point`].
    pub end_point: Option<Box<[u8]>>,
}

/// RFC 9266 2.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

impl ChannelBindings {
    /// Nothing to bind to.
    pub const fn none() -> Self {
        ChannelBindings { exporter: None, end_point: None }
    }
    /// True when there is nothing to bind to.
    pub fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.end_point.is_none()
    }
    /// The data for the type of this name (RFC 5056 7: names are compared exactly).
    pub fn data(&self, name: &[u8]) -> Option<&[u8]> {
        match name {
            b"tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            b"tls-server-end-point" => self.end_point.as_deref(),
            _ => None,
        }
    }
}

/// The hash in a certificate's signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateHash {
    /// SHA-256, and also MD5 and SHA-1 (RFC 5929 4.1 replaces them).
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// `tls-server-end-point` of a certificate in DER (RFC 5929 4.1). Undefined, hence not to be
/// offered, where the signature algorithm uses no hash or several (Ed25519).
pub fn end_point(certificate: &[u8], hash: CertificateHash) -> Box<[u8]> {
    let algorithm = match hash {
        CertificateHash::Sha256 => &digest::SHA256,
        CertificateHash::Sha384 => &digest::SHA384,
        CertificateHash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, certificate).as_ref().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_by_name() {
        let bindings = ChannelBindings { exporter: Some([7; 32]), end_point: Some([8, 8].into()) };
        assert_eq!(bindings.data(b"tls-exporter"), Some(&[7; 32][..]));
        assert_eq!(bindings.data(b"tls-server-end-point"), Some(&[8, 8][..]));
        assert_eq!(bindings.data(b"tls-unique"), None);
        assert_eq!(bindings.data(b"TLS-EXPORTER"), None);
        assert!(ChannelBindings::none().is_empty() && !bindings.is_empty());
    }

    #[test]
    fn end_points_have_the_length_of_their_hash() {
        let lengths = [CertificateHash::Sha256, CertificateHash::Sha384, CertificateHash::Sha512]
            .map(|hash| end_point(b"certificate", hash).len());
        assert_eq!(lengths, [32, 48, 64]);
    }
}
