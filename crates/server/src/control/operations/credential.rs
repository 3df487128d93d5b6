//! App passwords and certificates: what opens an account beside its main password.

use super::Operations;
use super::answer::{hex, invalid, result};
use crate::control::{Answer, Exchange, Refusal, RefusalKind};
use crate::tls::{UserCertificate, UserCertificateError};
use posthorn_base::Time;
use posthorn_store::directory::{
    Account, Credential, CredentialKind, ListCredentials, RemoveCredential, Scopes,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What can be asked about app passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AppPasswordRequest {
    /// One [`CredentialItem`] for each credential of the account.
    List {
        /// Whose.
        account: String,
    },
    /// Makes one. Done with [`MadePassword`]: it is shown this once.
    Add {
        /// Whose.
        account: String,
        /// What its owner calls it.
        name: String,
        /// What it opens, by the words of [`CredentialItem::scopes`]; empty for everything.
        scopes: Vec<String>,
        /// Days after which it ends by itself.
        days: Option<u32>,
    },
    /// Removes one: what it opened is closed at once.
    Remove {
        /// Whose.
        account: String,
        /// Its name.
        name: String,
    },
}

/// What can be asked about client certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CertificateRequest {
    /// One [`CredentialItem`] for each certificate that opens the account.
    List {
        /// Whose.
        account: String,
    },
    /// Lets one open the account. Done with [`AddedCertificate`].
    Add {
        /// Whose.
        account: String,
        /// The certificate, as PEM. Of several the first, as in a chain.
        pem: String,
        /// What its owner calls it; without one its common name, or the start of its fingerprint.
        name: Option<String>,
        /// What it opens, by the words of [`CredentialItem::scopes`]; empty for everything.
        scopes: Vec<String>,
        /// Days after which it ends by itself, if it does not expire before.
        days: Option<u32>,
    },
    /// Removes one.
    Remove {
        /// Whose.
        account: String,
        /// Its name.
        name: String,
    },
}

/// A certificate that opens an account from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedCertificate {
    /// What its owner calls it.
    pub name: String,
    /// The addresses in it. The first one is who logs in when the client names nobody.
    pub addresses: Vec<String>,
    /// The SHA-256 of its DER form, in hexadecimal.
    pub sha256: String,
    /// When it ends.
    pub expires_at: String,
}

/// A credential, without what it is checked against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialItem {
    /// `main password`, `app password`, `certificate`.
    pub kind: String,
    /// What its owner calls it.
    pub name: String,
    /// What it opens: `all`, `smtp`, `imap`, `pop3`...
    pub scopes: Vec<String>,
    /// Since when.
    pub created_at: String,
    /// When it last opened the account, to the hour.
    pub last_used_at: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// Of a certificate: the SHA-256 of its DER form, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl From<Credential> for CredentialItem {
    fn from(credential: Credential) -> CredentialItem {
        let words = credential.scopes.words();
        // Of a password the verifier is a secret; a certificate's fingerprint is none.
        let is_certificate = credential.kind == CredentialKind::Certificate;
        let sha256 = is_certificate.then(|| hex(&credential.verifier));
        CredentialItem {
            kind: credential.kind.word().to_owned(),
            name: credential.name,
            scopes: words.into_iter().map(str::to_owned).collect(),
            created_at: credential.created_at.to_string(),
            last_used_at: credential.last_used_at.map(|at| at.to_string()),
            expires_at: credential.expires_at.map(|at| at.to_string()),
            sha256,
        }
    }
}

/// A password that was made. Nobody can read it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadePassword {
    /// What its owner calls it.
    pub name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for MadePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadePassword").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Operations {
    pub(super) async fn app_password(
        &self,
        request: AppPasswordRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let engine = &self.directory.store.engine;
        match request {
            AppPasswordRequest::List { account } => {
                let account = self.find_account(&account).await?.id;
                for credential in engine.read(&ListCredentials { account }).await? {
                    exchange.item(&CredentialItem::from(credential)).await?;
                }
                Ok(Value::Null)
            }
            AppPasswordRequest::Add { account, name, scopes, days } => {
                let account = self.find_account(&account).await?.id;
                let scopes = scopes_of(&scopes)?;
                let expires_at = days.map(|days| self.end_after(days));
                let made = self.directory.add_app_password(
                    account,
                    name.clone(),
                    scopes,
                    expires_at,
                    None,
                );
                let password = made.await?.expose().to_owned();
                result(&MadePassword { name, password })
            }
            AppPasswordRequest::Remove { account, name } => {
                self.remove_credential(&account, CredentialKind::AppPassword, &name).await
            }
        }
    }

    pub(super) async fn certificate(
        &self,
        request: CertificateRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        match request {
            CertificateRequest::List { account } => {
                let account = self.find_account(&account).await?.id;
                let list = ListCredentials { account };
                let all = self.directory.store.engine.read(&list).await?;
                let is_one = |one: &Credential| one.kind == CredentialKind::Certificate;
                for credential in all.into_iter().filter(is_one) {
                    exchange.item(&CredentialItem::from(credential)).await?;
                }
                Ok(Value::Null)
            }
            CertificateRequest::Add { account, pem, name, scopes, days } => {
                let account = self.find_account(&account).await?;
                let scopes = scopes_of(&scopes)?;
                result(&self.add_certificate(account, &pem, name, scopes, days).await?)
            }
            CertificateRequest::Remove { account, name } => {
                self.remove_credential(&account, CredentialKind::Certificate, &name).await
            }
        }
    }

    async fn add_certificate(
        &self,
        account: Account,
        pem: &str,
        name: Option<String>,
        scopes: Scopes,
        days: Option<u32>,
    ) -> Result<AddedCertificate, Answer> {
        let now = self.directory.now();
        let certificate =
            UserCertificate::from_pem(pem, now).map_err(|error| not_usable(&error))?;
        let sha256 = hex(&certificate.shown.sha256);
        let addresses = certificate.shown.addresses.iter().map(ToString::to_string);
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| {
            let short: String = sha256.chars().take(16).collect();
            let told = Some(certificate.common_name.clone()).filter(|name| !name.is_empty());
            told.unwrap_or(short)
        });
        // The handshake refuses it once it has expired; listed with its end, that is no riddle.
        let end = days.map_or(certificate.expires_at, |days| {
            self.end_after(days).min(certificate.expires_at)
        });
        let list = ListCredentials { account: account.id };
        let known = self.directory.store.engine.read(&list).await?;
        let is_same = |one: &&Credential| {
            one.kind == CredentialKind::Certificate && one.verifier == certificate.shown.sha256
        };
        if let Some(known) = known.iter().find(is_same) {
            let message =
                format!("this certificate opens the account already, as {:?}", known.name);
            return Err(Refusal::new(RefusalKind::Exists, message).into());
        }
        let added = AddedCertificate {
            name: name.clone(),
            addresses: addresses.collect(),
            sha256,
            expires_at: end.to_string(),
        };
        let (id, der) = (account.id, &certificate.der);
        self.directory.add_certificate(id, der, name, scopes, Some(end)).await?;
        Ok(added)
    }

    async fn remove_credential(
        &self,
        account: &str,
        kind: CredentialKind,
        name: &str,
    ) -> Result<Value, Answer> {
        let account = self.find_account(account).await?;
        let engine = &self.directory.store.engine;
        let list = engine.read(&ListCredentials { account: account.id }).await?;
        let found = list.iter().find(|one| one.kind == kind && one.name == name);
        let Some(credential) = found.map(|one| one.id) else {
            let message = format!("{} has no {} {name:?}", account.address, kind.word());
            let hint = format!("posthorn account show {} lists what opens it", account.address);
            return Err(Refusal::new(RefusalKind::NotFound, message).hint(hint).into());
        };
        engine.write(RemoveCredential { account: account.id, credential }).await?;
        Ok(Value::Null)
    }

    fn end_after(&self, days: u32) -> Time {
        self.directory.now() + Duration::from_secs(u64::from(days) * 86_400)
    }
}

fn not_usable(error: &UserCertificateError) -> Answer {
    let refusal = Refusal::because(RefusalKind::Invalid, error);
    match error {
        UserCertificateError::NoCertificate => refusal.hint(
            "from DER: openssl x509 -inform der -in FILE -out cert.pem; from PKCS #12: \
                   openssl pkcs12 -in FILE -clcerts -nokeys -out cert.pem",
        ),
        UserCertificateError::Authority => {
            refusal.hint("the authority's own certificate belongs into the setting tls.client_ca")
        }
        UserCertificateError::Expired(_) => refusal.hint("have it renewed, and add the new one"),
        UserCertificateError::Unreadable(_) => {
            refusal.hint("openssl x509 -in FILE -noout -text tells what it holds")
        }
    }
    .into()
}

fn scopes_of(words: &[String]) -> Result<Scopes, Answer> {
    let mut scopes: Option<Scopes> = None;
    for word in words {
        let scope = Scopes::named(word).ok_or_else(|| {
            let known: Vec<&str> = Scopes::NAMED.iter().map(|(_, name)| *name).collect();
            invalid(format!("{word:?} is no protocol; known are {}", known.join(", ")))
        })?;
        scopes = Some(scopes.map_or(scope, |scopes| scopes.with(scope)));
    }
    Ok(scopes.unwrap_or(Scopes::ALL))
}

/// Passwords on their way through the control socket, which is for root and the server's user
/// alone.
pub(super) mod secret {
    use crate::auth::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }

    pub(crate) mod optional {
        use super::{Deserialize, Deserializer, Secret, Serialize, Serializer};

        pub(crate) fn serialize<S: Serializer>(
            secret: &Option<Secret>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            secret.as_ref().map(Secret::expose).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Secret>, D::Error> {
            Ok(Option::<String>::deserialize(from)?.map(Secret::new))
        }
    }
}
