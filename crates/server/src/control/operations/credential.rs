//! App passwords.

use super::Operations;
use super::answer::{invalid, not_found, result};
use crate::control::{Answer, Exchange};
use posthorn_base::Time;
use posthorn_store::directory::{
    Credential, CredentialKind, ListCredentials, RemoveCredential, Scopes,
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
}

impl From<Credential> for CredentialItem {
    fn from(credential: Credential) -> CredentialItem {
        let words = credential.scopes.words();
        CredentialItem {
            kind: credential.kind.word().to_owned(),
            name: credential.name,
            scopes: words.into_iter().map(str::to_owned).collect(),
            created_at: credential.created_at.to_string(),
            last_used_at: credential.last_used_at.map(|at| at.to_string()),
            expires_at: credential.expires_at.map(|at| at.to_string()),
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
                let account = self.find_account(&account).await?.id;
                let list = engine.read(&ListCredentials { account }).await?;
                let is_it = |credential: &&Credential| {
                    credential.kind == CredentialKind::AppPassword && credential.name == name
                };
                let found = list.iter().find(is_it);
                let credential =
                    found.ok_or_else(|| not_found(format!("there is no app password {name:?}")))?;
                engine.write(RemoveCredential { account, credential: credential.id }).await?;
                Ok(Value::Null)
            }
        }
    }

    fn end_after(&self, days: u32) -> Time {
        self.directory.now() + Duration::from_secs(u64::from(days) * 86_400)
    }
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
