//! Certificates.

use super::section::section;
use super::value::{AtMost, Fault, Setting, quoted};
use posthorn_base::limits;
use posthorn_server::tls::CertificateFiles;
use std::borrow::Cow;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

section! {
    /// Certificates, for all protocols.
    ///
    /// They are read before rights are dropped and again at every reload (SIGHUP). One that cannot
    /// be read at a reload is kept as it was, and the log says so.
    pub struct Tls {
        /// The certificates and their keys, one `[[tls.certificate]]` each. A client gets the first
        /// one that is valid for the name it asks for, or the first of all. With none, a
        /// self-signed certificate is made and kept in the store's directory: enough to try things,
        /// but other programs will not trust it.
        certificate: Vec<CertificateFiles> = Vec::new(), in AtMost(limits::CERTIFICATES_MAX);
        /// Certificates (PEM) of the authorities whose client certificates may log in (SASL
        /// EXTERNAL, RFC 4422 A). Unset: no client certificate is asked for.
        client_ca: Option<PathBuf> = None;
    }
}

impl Setting for CertificateFiles {
    fn kind() -> Cow<'static, str> {
        "`{ chain = PATH, key = PATH }`, both PEM".into()
    }
    fn read(value: &Spanned<DeValue<'_>>, faults: &mut Vec<Fault>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            faults.push(Fault::wrong_type(value, "table with `chain` and `key`"));
            return None;
        };
        let (mut chain, mut key) = (None, None);
        for (name, value) in table {
            match name.get_ref().as_ref() {
                "chain" => chain = PathBuf::read(value, faults).or(Some(PathBuf::new())),
                "key" => key = PathBuf::read(value, faults).or(Some(PathBuf::new())),
                other => faults.push(Fault {
                    span: name.span(),
                    message: format!("unknown key `{other}` in [[tls.certificate]]"),
                    hint: Some("a certificate has `chain` and `key`".to_owned()),
                }),
            }
        }
        for (name, path) in [("chain", &chain), ("key", &key)] {
            if path.is_none() {
                let hint = format!("add `{name} = \"/...\"` to this [[tls.certificate]]");
                faults.push(Fault::of(value, format!("`{name}` is missing"), Some(hint)));
            }
        }
        Some(CertificateFiles { chain: chain?, key: key? })
    }
    fn toml(&self) -> Option<String> {
        let (chain, key) = (self.chain.to_string_lossy(), self.key.to_string_lossy());
        Some(format!("{{ chain = {}, key = {} }}", quoted(&chain), quoted(&key)))
    }
}
