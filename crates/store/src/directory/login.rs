//! Login names.

use super::credential::{self, Credential};
use crate::{Change, Operation, StoreError, Tx, stmt};
use posthorn_base::address::fold;
use posthorn_base::{AccountId, Address, Time};

/// What a login name is found by: an address's key, or a bare name folded.
pub fn login_key(name: &str) -> String {
    match Address::parse(name) {
        Ok(address) => address.key().as_str().to_owned(),
        Err(_) => fold(name),
    }
}

/// What a login needs to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFacts {
    /// The account.
    pub account: AccountId,
    /// Its primary address.
    pub address: String,
    /// Since when nobody may log in.
    pub disabled_at: Option<Time>,
    /// Everything that may open it.
    pub credentials: Vec<Credential>,
}

/// Finds the account of a login name. A bare name that was not granted as one belongs to the
/// default domain.
#[derive(Clone, Debug)]
pub struct FindLogin {
    /// As it was typed.
    pub name: String,
}

impl Operation for FindLogin {
    type Output = Option<LoginFacts>;
    const NAME: &'static str = "find login";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<LoginFacts>, StoreError> {
        let key = login_key(&self.name);
        let mut found = find(tx, &key).await?;
        if found.is_none() && !key.contains('@') {
            let key = in_default_domain(tx, key).await?;
            found = find(tx, &key).await?;
        }
        let Some(account) = found else { return Ok(None) };
        let answers = tx
            .run(vec![
                stmt!("SELECT address, disabled_at FROM account WHERE account_id = ?1", account),
                credential::list_statement(account),
            ])
            .await?;
        let [row, credentials] = answers.as_slice() else { return Ok(None) };
        let Some(row) = row.first() else { return Ok(None) };
        Ok(Some(LoginFacts {
            account,
            address: row.get(0)?,
            disabled_at: row.get(1)?,
            credentials: credential::read_list(credentials)?,
        }))
    }
}

/// The key of a login name in full: of a bare name, that of its address in the default domain. What
/// pretends to be an account must go by it, because accounts have both names.
#[derive(Clone, Debug)]
pub struct FullLoginKey {
    /// As it was typed.
    pub name: String,
}

impl Operation for FullLoginKey {
    type Output = String;
    const NAME: &'static str = "full login key";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<String, StoreError> {
        let key = login_key(&self.name);
        if key.contains('@') {
            return Ok(key);
        }
        in_default_domain(tx, key).await
    }
}

async fn in_default_domain(tx: &mut Tx<'_>, key: String) -> Result<String, StoreError> {
    let default = tx.one(stmt!("SELECT domain_key FROM domain WHERE is_default = 1")).await?;
    match default.first() {
        Some(row) => Ok(format!("{key}@{}", row.get::<String>(0)?)),
        None => Ok(key),
    }
}

async fn find(tx: &mut Tx<'_>, key: &str) -> Result<Option<AccountId>, StoreError> {
    let rows = tx.one(stmt!("SELECT account_id FROM login WHERE login_key = ?1", key)).await?;
    Ok(rows.first().map(|row| row.get(0)).transpose()?)
}

/// Adds a login name inside another operation.
pub(super) async fn add(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<(), StoreError> {
    let key = login_key(name);
    if key.is_empty() {
        return Err(StoreError::Refused("a login name cannot be empty".into()));
    }
    match find(tx, &key).await? {
        Some(owner) if owner == account => return Ok(()),
        Some(_) => return Err(StoreError::exists("login name", name)),
        None => {}
    }
    let insert = "INSERT INTO login (login_key, account_id) VALUES (?1, ?2)";
    tx.one(stmt!(insert, key.as_str(), account)).await?;
    Ok(())
}

pub(super) async fn require_account(tx: &mut Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    let rows = tx.one(stmt!("SELECT 1 FROM account WHERE account_id = ?1", account)).await?;
    if rows.is_empty() { Err(StoreError::missing("account", account)) } else { Ok(()) }
}

/// Lets an account be logged in to under one more name.
#[derive(Clone, Debug)]
pub struct AddLogin {
    /// Which.
    pub account: AccountId,
    /// The name.
    pub name: String,
}

impl Operation for AddLogin {
    type Output = ();
    const NAME: &'static str = "add login";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        require_account(tx, self.account).await?;
        add(tx, self.account, &self.name).await?;
        tx.changed(Change::Directory);
        Ok(())
    }
}

/// Takes a login name away.
#[derive(Clone, Debug)]
pub struct RemoveLogin {
    /// The name.
    pub name: String,
}

impl Operation for RemoveLogin {
    type Output = ();
    const NAME: &'static str = "remove login";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let key = login_key(&self.name);
        let rows = tx.one(stmt!("DELETE FROM login WHERE login_key = ?1", key.as_str())).await?;
        if rows.changed() == 0 {
            return Err(StoreError::missing("login name", &self.name));
        }
        tx.changed(Change::Directory);
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// Lists an account's login names, folded.
#[derive(Clone, Copy, Debug)]
pub struct ListLogins {
    /// Whose.
    pub account: AccountId,
}

impl Operation for ListLogins {
    type Output = Vec<String>;
    const NAME: &'static str = "list logins";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT login_key FROM login WHERE account_id = ?1 ORDER BY login_key";
        let rows = tx.one(stmt!(sql, self.account)).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
    }
}
