//! Passwords, app passwords and certificates. The store keeps verifiers only; who makes and checks
//! them is the server.

use super::login;
use crate::seam::Row;
use crate::{Batch, Change, EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, CredentialId, Time};

/// What a credential is. Codes are part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// The account's one main password.
    MainPassword,
    /// A generated password for one program or device.
    AppPassword,
    /// A client certificate, for SASL EXTERNAL.
    Certificate,
}

impl CredentialKind {
    const fn code(self) -> i64 {
        match self {
            CredentialKind::MainPassword => 1,
            CredentialKind::AppPassword => 2,
            CredentialKind::Certificate => 3,
        }
    }
    fn from_code(code: i64) -> Option<Self> {
        [Self::MainPassword, Self::AppPassword, Self::Certificate]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
    /// The word shown to people.
    pub const fn word(self) -> &'static str {
        match self {
            CredentialKind::MainPassword => "main password",
            CredentialKind::AppPassword => "app password",
            CredentialKind::Certificate => "certificate",
        }
    }
}

/// The protocols a credential opens, as a set of bits. Part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(u32);

impl Scopes {
    /// Submission.
    pub const SMTP: Scopes = Scopes(1);
    /// IMAP.
    pub const IMAP: Scopes = Scopes(2);
    /// POP3.
    pub const POP3: Scopes = Scopes(4);
    /// JMAP.
    pub const JMAP: Scopes = Scopes(8);
    /// Webmail.
    pub const WEBMAIL: Scopes = Scopes(16);
    /// ManageSieve.
    pub const MANAGESIEVE: Scopes = Scopes(32);
    /// Every protocol, also those to come.
    pub const ALL: Scopes = Scopes(u32::MAX >> 1);
    /// Each scope with its word.
    pub const NAMED: [(Scopes, &'static str); 6] = [
        (Scopes::SMTP, "smtp"),
        (Scopes::IMAP, "imap"),
        (Scopes::POP3, "pop3"),
        (Scopes::JMAP, "jmap"),
        (Scopes::WEBMAIL, "webmail"),
        (Scopes::MANAGESIEVE, "managesieve"),
    ];

    /// The scope with this word.
    pub fn named(word: &str) -> Option<Scopes> {
        Self::NAMED.iter().find(|(_, name)| *name == word).map(|(scope, _)| *scope)
    }
    /// Both together.
    #[must_use]
    pub const fn with(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }
    /// True when all of `other` are in it.
    pub const fn contains(self, other: Scopes) -> bool {
        self.0 & other.0 == other.0
    }
    /// The words of what is in it; one `all` for [`Scopes::ALL`].
    pub fn words(self) -> Vec<&'static str> {
        if self == Scopes::ALL {
            return vec!["all"];
        }
        let named = Self::NAMED.iter().filter(|(scope, _)| self.contains(*scope));
        named.map(|(_, word)| *word).collect()
    }
}

/// A credential to be added.
#[derive(Clone)]
pub struct NewCredential {
    /// Its id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// What its owner calls it: "phone".
    pub name: String,
    /// What it opens.
    pub scopes: Scopes,
    /// What a login is checked against: an argon2id PHC string, a keyed hash, or a fingerprint.
    pub verifier: Vec<u8>,
    /// SCRAM-SHA-256 keys, in the server's form.
    pub scram: Option<Vec<u8>>,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
}

/// Everything but the secrets.
macro_rules! debug_without_secrets {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("id", &self.id)
                    .field("kind", &self.kind)
                    .field("name", &self.name)
                    .finish_non_exhaustive()
            }
        }
    };
}

debug_without_secrets!(NewCredential);
debug_without_secrets!(Credential);

impl NewCredential {
    pub(super) fn write(&self, account: AccountId, now: Time, batch: &mut Batch) {
        batch.push(stmt!(
            "INSERT INTO credential (account_id, credential_id, kind, name, scopes, verifier, \
             scram, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            account,
            self.id,
            self.kind.code(),
            self.name.as_str(),
            self.scopes.0,
            self.verifier.as_slice(),
            self.scram.as_deref(),
            now,
            self.expires_at
        ));
    }
}

/// A credential as it stands.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// What its owner calls it.
    pub name: String,
    /// What it opens.
    pub scopes: Scopes,
    /// What a login is checked against.
    pub verifier: Vec<u8>,
    /// SCRAM-SHA-256 keys, in the server's form.
    pub scram: Option<Vec<u8>>,
    /// Since when.
    pub created_at: Time,
    /// When it last opened the account; kept to the hour.
    pub last_used_at: Option<Time>,
    /// When it ends by itself.
    pub expires_at: Option<Time>,
}

impl Credential {
    /// True while it opens `scope` at `now`.
    pub fn is_valid(&self, scope: Scopes, now: Time) -> bool {
        self.scopes.contains(scope) && self.expires_at.is_none_or(|end| now < end)
    }
}

/// SELECT of the columns that [`read_credential`] expects; `$rest` follows.
macro_rules! select_credential {
    ($rest:literal) => {
        concat!(
            "SELECT credential_id, kind, name, scopes, verifier, scram, created_at, \
             last_used_at, expires_at FROM credential ",
            $rest
        )
    };
}

fn read_credential(row: Row<'_>) -> Result<Credential, EngineError> {
    let kind = CredentialKind::from_code(row.get(1)?)
        .ok_or_else(|| EngineError::Corrupt("a credential of unknown kind".into()))?;
    Ok(Credential {
        id: row.get(0)?,
        kind,
        name: row.get(2)?,
        scopes: Scopes(row.get(3)?),
        verifier: row.get(4)?,
        scram: row.get(5)?,
        created_at: row.get(6)?,
        last_used_at: row.get(7)?,
        expires_at: row.get(8)?,
    })
}

/// The statement that lists an account's credentials.
pub(super) fn list_statement(account: AccountId) -> crate::Statement {
    stmt!(select_credential!("WHERE account_id = ?1 ORDER BY credential_id"), account)
}

pub(super) fn read_list(rows: &crate::Rows) -> Result<Vec<Credential>, EngineError> {
    rows.iter().map(read_credential).collect()
}

/// Lists an account's credentials.
#[derive(Clone, Copy, Debug)]
pub struct ListCredentials {
    /// Whose.
    pub account: AccountId,
}

impl Operation for ListCredentials {
    type Output = Vec<Credential>;
    const NAME: &'static str = "list credentials";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Credential>, StoreError> {
        Ok(read_list(&tx.one(list_statement(self.account)).await?)?)
    }
}

/// Adds an app password or certificate.
#[derive(Clone, Debug)]
pub struct AddCredential {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub credential: NewCredential,
    /// When.
    pub now: Time,
}

impl Operation for AddCredential {
    type Output = ();
    const NAME: &'static str = "add credential";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        login::require_account(tx, self.account).await?;
        let same_name = tx
            .one(stmt!(
                "SELECT 1 FROM credential WHERE account_id = ?1 AND kind = ?2 AND name = ?3",
                self.account,
                self.credential.kind.code(),
                self.credential.name.as_str()
            ))
            .await?;
        if !same_name.is_empty() {
            return Err(StoreError::exists(self.credential.kind.word(), &self.credential.name));
        }
        let mut batch = Batch::new();
        self.credential.write(self.account, self.now, &mut batch);
        tx.run(batch).await?;
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Sets the main password, in place of the one before.
#[derive(Clone, Debug)]
pub struct SetMainPassword {
    /// Whose.
    pub account: AccountId,
    /// The new one.
    pub credential: NewCredential,
    /// When.
    pub now: Time,
}

impl Operation for SetMainPassword {
    type Output = ();
    const NAME: &'static str = "set main password";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        login::require_account(tx, self.account).await?;
        let mut batch = vec![stmt!(
            "DELETE FROM credential WHERE account_id = ?1 AND kind = ?2",
            self.account,
            CredentialKind::MainPassword.code()
        )];
        self.credential.write(self.account, self.now, &mut batch);
        tx.run(batch).await?;
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Removes a credential: what it opened is closed at once.
#[derive(Clone, Copy, Debug)]
pub struct RemoveCredential {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub credential: CredentialId,
}

impl Operation for RemoveCredential {
    type Output = ();
    const NAME: &'static str = "remove credential";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let rows = tx
            .one(stmt!(
                "DELETE FROM credential WHERE account_id = ?1 AND credential_id = ?2",
                self.account,
                self.credential
            ))
            .await?;
        if rows.changed() == 0 {
            return Err(StoreError::missing("credential", self.credential));
        }
        tx.changed(Change::Directory);
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// Notes that a credential opened its account, at most once an hour.
#[derive(Clone, Copy, Debug)]
pub struct MarkUsed {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub credential: CredentialId,
    /// When.
    pub now: Time,
}

impl Operation for MarkUsed {
    type Output = ();
    const NAME: &'static str = "mark credential used";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!(
            "UPDATE credential SET last_used_at = ?3 WHERE account_id = ?1 \
             AND credential_id = ?2 AND (last_used_at IS NULL OR last_used_at < ?4)",
            self.account,
            self.credential,
            self.now,
            self.now.millis() - 3_600_000
        ))
        .await?;
        Ok(())
    }
}
