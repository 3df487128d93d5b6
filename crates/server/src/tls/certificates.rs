//! Which certificate a client gets to see.

use super::LoadedCertificate;
use posthorn_base::Time;
use rustls::SignatureAlgorithm;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// The certificates of one load, by name.
pub struct CertificateSet {
    exact: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// By what follows the `*.`.
    wildcard: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
    /// For clients that ask for no name, or one we have not: the first certificate's kin.
    default: Vec<Arc<CertifiedKey>>,
    /// Names, and the end of validity, for reports.
    listed: Vec<Listed>,
}

/// One certificate as it was loaded.
struct Listed {
    names: Vec<String>,
    not_after: Time,
    key: Arc<CertifiedKey>,
}

impl CertificateSet {
    /// A set in which the first certificate is the default.
    pub fn new(certificates: Vec<LoadedCertificate>) -> Self {
        let mut set = CertificateSet {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            default: Vec::new(),
            listed: Vec::new(),
        };
        let first_names = certificates.first().map(|c| c.names.clone()).unwrap_or_default();
        for LoadedCertificate { key, names, not_after, .. } in certificates {
            // An RSA twin of the first certificate is a default too, for clients that need it.
            if set.default.is_empty() || first_names.iter().any(|name| names.contains(name)) {
                set.default.push(Arc::clone(&key));
            }
            for name in &names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut set.wildcard, parent),
                    None => (&mut set.exact, name.as_str()),
                };
                map.entry(name.into()).or_default().push(Arc::clone(&key));
            }
            set.listed.push(Listed { names, not_after, key });
        }
        let lists = set.exact.values_mut().chain(set.wildcard.values_mut());
        for list in lists.chain(std::iter::once(&mut set.default)) {
            list.sort_by_key(|key| rank(key)); // stable: the configured order decides among equals
        }
        set
    }

    /// Names and last instant of validity of each certificate, in the configured order.
    pub fn list(&self) -> impl Iterator<Item = (&[String], Time)> {
        self.listed.iter().map(|each| (each.names.as_slice(), each.not_after))
    }

    /// True when both hold the same certificates in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let own = |set: &Self| -> Vec<_> {
            set.listed.iter().map(|each| each.key.cert.first().cloned()).collect()
        };
        own(self) == own(other)
    }

    /// The candidates for a name.
    fn for_name(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let Some(name) = name else { return &self.default };
        let name = name.to_ascii_lowercase();
        if let Some(exact) = self.exact.get(name.as_str()) {
            return exact;
        }
        // RFC 9525 6.3: `*` stands for one whole label, the leftmost.
        let parent = name.split_once('.').map(|(_, parent)| parent);
        match parent.and_then(|parent| self.wildcard.get(parent)) {
            Some(wildcard) => wildcard,
            None => &self.default,
        }
    }

    /// The certificate for a client that asks for `name` and can verify `schemes`.
    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let named = self.for_name(name);
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        // When nothing fits, any answer makes rustls send the alert that says why.
        named.iter().find(fits).or_else(|| named.first()).cloned()
    }
}

impl fmt::Debug for CertificateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.listed.iter().map(|each| &each.names)).finish()
    }
}

/// Shorter signatures, cheaper for us, come first; RSA is for clients that know nothing else.
fn rank(key: &CertifiedKey) -> u8 {
    match key.key.algorithm() {
        SignatureAlgorithm::ECDSA => 0,
        SignatureAlgorithm::RSA => 2,
        _ => 1,
    }
}

/// Chooses for one connection and remembers what it chose.
pub(super) struct Choice {
    set: Arc<CertificateSet>,
    chosen: OnceLock<Arc<CertifiedKey>>,
}

impl Choice {
    pub(super) fn among(set: Arc<CertificateSet>) -> Arc<Self> {
        Arc::new(Choice { set, chosen: OnceLock::new() })
    }

    /// What the client was shown; `None` before the handshake.
    pub(super) fn chosen(&self) -> Option<&Arc<CertifiedKey>> {
        self.chosen.get()
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("set", &self.set).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = self.set.choose(hello.server_name(), hello.signature_schemes())?;
        // A second ClientHello (after HelloRetryRequest) must repeat the name: the choice is the
        // same.
        Some(Arc::clone(self.chosen.get_or_init(|| key)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Issued;
    use super::*;
    use rustls::SignatureScheme;

    const BOTH: &[SignatureScheme] =
        &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::ECDSA_NISTP256_SHA256];
    const ONLY_RSA: &[SignatureScheme] = &[SignatureScheme::RSA_PSS_SHA256];

    #[test]
    fn names_choose_the_certificate_and_abilities_the_key() {
        let ecdsa = Issued::self_signed(&["mail.example"]).load();
        let rsa = Issued::rsa(&["mail.example"]).load();
        let wild = Issued::self_signed(&["*.example.org", "example.net"]).load();
        let keys = [&ecdsa.key, &rsa.key, &wild.key].map(Arc::clone);
        let set = CertificateSet::new(vec![rsa, ecdsa, wild]);
        let [ecdsa, rsa, wild] = keys;
        let check = |name: Option<&str>, schemes, want: &Arc<CertifiedKey>| {
            let got = set.choose(name, schemes).unwrap();
            assert!(Arc::ptr_eq(&got, want), "{name:?} {schemes:?}");
        };
        check(Some("mail.example"), BOTH, &ecdsa);
        check(Some("MAIL.example"), BOTH, &ecdsa);
        check(Some("mail.example"), ONLY_RSA, &rsa);
        check(None, BOTH, &ecdsa);
        check(None, ONLY_RSA, &rsa);
        check(Some("elsewhere.example"), BOTH, &ecdsa);
        check(Some("a.example.org"), BOTH, &wild);
        check(Some("a.b.example.org"), BOTH, &ecdsa);
        check(Some("example.org"), BOTH, &ecdsa);
        check(Some("example.net"), BOTH, &wild);
        check(Some("example.net"), ONLY_RSA, &wild);
    }
}
