//! Accounts: who owns mailboxes.

use super::credential::NewCredential;
use super::{closing, domain, login};
use crate::seam::Row;
use crate::{Batch, Change, EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Address, AddressKey, MailboxId, Role, Time};

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Its primary address: login name, grant, and where its mail arrives.
    pub address: Address,
    /// The owner's name; may be empty.
    pub display_name: String,
    /// Octets it may hold; `None` for no limit.
    pub quota_bytes: Option<u64>,
    /// Messages it may hold; `None` for no limit.
    pub quota_messages: Option<u64>,
    /// Further login names, such as the bare local part.
    pub logins: Vec<String>,
    /// Its passwords.
    pub credentials: Vec<NewCredential>,
    /// When.
    pub now: Time,
}

/// Makes an account with its address, its logins, the grant to write as itself, and the mailboxes
/// of [`Role`].
#[derive(Clone, Debug)]
pub struct CreateAccount {
    /// The account.
    pub account: NewAccount,
    /// Ids for its first mailboxes, in the order of [`Role::ALL`].
    pub mailboxes: [MailboxId; Role::ALL.len()],
}

impl Operation for CreateAccount {
    type Output = ();
    const NAME: &'static str = "create account";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let new = &self.account;
        if !domain::is_ours(tx, new.address.domain()).await? {
            return Err(StoreError::missing("domain", new.address.domain()));
        }
        let key = new.address.key();
        let taken = tx.one(stmt!("SELECT 1 FROM address WHERE address_key = ?1", &key)).await?;
        if !taken.is_empty() {
            return Err(StoreError::exists("address", &new.address));
        }
        let mut batch = Batch::new();
        new.write(&key, &mut batch);
        batch.extend(crate::mail::role_mailboxes(new.id, self.mailboxes, new.now));
        for credential in &new.credentials {
            credential.write(new.id, new.now, &mut batch);
        }
        tx.run(batch).await?;
        let full = new.address.to_string();
        for name in std::iter::once(&full).chain(&new.logins) {
            login::add(tx, new.id, name).await?;
        }
        tx.changed(Change::Directory);
        Ok(())
    }
}

impl NewAccount {
    fn write(&self, key: &AddressKey, batch: &mut Batch) {
        let quota = |limit: Option<u64>| limit.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        batch.push(stmt!(
            "INSERT INTO account (account_id, address, display_name, created_at, modseq, \
             next_uidvalidity, next_keyword, quota_bytes, quota_messages, used_bytes, \
             used_messages, ended_bytes, ended_messages, settings) \
             VALUES (?1, ?2, ?3, ?4, 1, ?5, 1, ?6, ?7, 0, 0, 0, 0, ?8)",
            self.id,
            self.address.to_string().as_str(),
            self.display_name.as_str(),
            self.now,
            crate::mail::first_uidvalidity(self.now),
            quota(self.quota_bytes),
            quota(self.quota_messages),
            Vec::<u8>::new()
        ));
        batch.push(stmt!(
            "INSERT INTO address (address_key, domain_key, given, kind, posting, created_at) \
             VALUES (?1, ?2, ?3, 1, 1, ?4)",
            key,
            self.address.domain().ascii(),
            self.address.to_string().as_str(),
            self.now
        ));
        batch.push(stmt!(
            "INSERT INTO address_target (address_key, position, kind, account_id) \
             VALUES (?1, 0, 1, ?2)",
            key,
            self.id
        ));
        batch.push(stmt!(
            "INSERT INTO address_grant (account_id, address_key, uses, created_at) \
             VALUES (?1, ?2, 7, ?3)",
            self.id,
            key,
            self.now
        ));
    }
}

/// An account as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its primary address.
    pub address: String,
    /// The owner's name.
    pub display_name: String,
    /// Since when.
    pub created_at: Time,
    /// Since when nobody may log in.
    pub disabled_at: Option<Time>,
    /// What it holds and may hold.
    pub quota: QuotaState,
}

/// What an account holds and may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct QuotaState {
    /// Octets it may hold; `None` for no limit.
    pub limit_bytes: Option<u64>,
    /// Messages it may hold; `None` for no limit.
    pub limit_messages: Option<u64>,
    /// Octets in live placements.
    pub used_bytes: u64,
    /// Live placements.
    pub used_messages: u64,
    /// Octets of expunged messages that can be restored. They don't count against the limits.
    pub ended_bytes: u64,
    /// Expunged messages that can be restored.
    pub ended_messages: u64,
}

impl QuotaState {
    /// True when a message of this many octets still fits. A full mailbox refuses at RCPT; one that
    /// has room may overshoot by the message that was on its way.
    pub fn has_room_for(&self, octets: u64) -> bool {
        self.limit_bytes.is_none_or(|limit| self.used_bytes.saturating_add(octets) <= limit)
            && self.limit_messages.is_none_or(|limit| self.used_messages < limit)
    }
}

/// SELECT of the columns that [`read_account`] expects; `$rest` follows.
macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "SELECT account_id, address, display_name, created_at, disabled_at, quota_bytes, \
             quota_messages, used_bytes, used_messages, ended_bytes, ended_messages FROM account ",
            $rest
        )
    };
}

fn read_account(row: Row<'_>) -> Result<Account, EngineError> {
    Ok(Account {
        id: row.get(0)?,
        address: row.get(1)?,
        display_name: row.get(2)?,
        created_at: row.get(3)?,
        disabled_at: row.get(4)?,
        quota: QuotaState {
            limit_bytes: row.get(5)?,
            limit_messages: row.get(6)?,
            used_bytes: row.get(7)?,
            used_messages: row.get(8)?,
            ended_bytes: row.get(9)?,
            ended_messages: row.get(10)?,
        },
    })
}

/// Reads one account.
#[derive(Clone, Copy, Debug)]
pub struct ReadAccount {
    /// Which.
    pub account: AccountId,
}

impl Operation for ReadAccount {
    type Output = Option<Account>;
    const NAME: &'static str = "read account";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Account>, StoreError> {
        let rows = tx.one(stmt!(select_account!("WHERE account_id = ?1"), self.account)).await?;
        Ok(rows.first().map(read_account).transpose()?)
    }
}

/// Lists accounts by id, which is the order in which they were made.
#[derive(Clone, Copy, Debug)]
pub struct ListAccounts {
    /// Only accounts after this one: where the page before ended.
    pub after: Option<AccountId>,
    /// How many at most.
    pub limit: u32,
}

impl Operation for ListAccounts {
    type Output = Vec<Account>;
    const NAME: &'static str = "list accounts";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Account>, StoreError> {
        let rows = tx
            .one(stmt!(
                select_account!("WHERE account_id > ?1 ORDER BY account_id LIMIT ?2"),
                self.after.map_or(0, AccountId::get),
                self.limit
            ))
            .await?;
        Ok(rows.iter().map(read_account).collect::<Result<_, _>>()?)
    }
}

async fn update_account(
    tx: &mut Tx<'_>,
    account: AccountId,
    statement: crate::Statement,
) -> Result<(), StoreError> {
    if tx.one(statement).await?.changed() == 0 {
        return Err(StoreError::missing("account", account));
    }
    tx.changed(Change::Directory);
    Ok(())
}

/// Sets what an account may hold.
#[derive(Clone, Copy, Debug)]
pub struct SetQuota {
    /// Which.
    pub account: AccountId,
    /// Octets; `None` for no limit.
    pub bytes: Option<u64>,
    /// Messages; `None` for no limit.
    pub messages: Option<u64>,
}

impl Operation for SetQuota {
    type Output = ();
    const NAME: &'static str = "set quota";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let limit = |limit: Option<u64>| limit.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let statement = stmt!(
            "UPDATE account SET quota_bytes = ?2, quota_messages = ?3 WHERE account_id = ?1",
            self.account,
            limit(self.bytes),
            limit(self.messages)
        );
        update_account(tx, self.account, statement).await
    }
}

/// Lets nobody log in to an account any more, or lets them again. Its mail keeps arriving.
#[derive(Clone, Copy, Debug)]
pub struct SetDisabled {
    /// Which.
    pub account: AccountId,
    /// Since when; `None` to let its owner log in again.
    pub since: Option<Time>,
}

impl Operation for SetDisabled {
    type Output = ();
    const NAME: &'static str = "set disabled";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let statement = stmt!(
            "UPDATE account SET disabled_at = ?2 WHERE account_id = ?1",
            self.account,
            self.since
        );
        update_account(tx, self.account, statement).await
    }
}

/// Sets the owner's name.
#[derive(Clone, Debug)]
pub struct SetDisplayName {
    /// Which.
    pub account: AccountId,
    /// The name.
    pub name: String,
}

impl Operation for SetDisplayName {
    type Output = ();
    const NAME: &'static str = "set display name";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let statement = stmt!(
            "UPDATE account SET display_name = ?2 WHERE account_id = ?1",
            self.account,
            self.name.as_str()
        );
        update_account(tx, self.account, statement).await
    }
}

/// Closes an account for good: its addresses, logins, grants and credentials go, so that nothing
/// more arrives and nobody gets in. Its mail is removed step by step afterwards ([`crate::mail`]),
/// its row at last ([`RemoveAccount`]); until then [`super::ListClosing`] lists it.
#[derive(Clone, Copy, Debug)]
pub struct CloseAccount {
    /// Which.
    pub account: AccountId,
    /// When.
    pub now: Time,
}

impl Operation for CloseAccount {
    type Output = ();
    const NAME: &'static str = "close account";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let owned = tx
            .one(stmt!("SELECT given FROM address WHERE owner = ?1 LIMIT 1", self.account))
            .await?;
        if let Some(list) = owned.first() {
            return Err(StoreError::Refused(format!(
                "the account owns the list {}: give it another owner or remove it first",
                list.get::<String>(0)?
            )));
        }
        let mut batch = vec![stmt!(
            "DELETE FROM address WHERE kind = 1 AND address_key IN (\
                 SELECT address_key FROM address_target WHERE account_id = ?1)",
            self.account
        )];
        for sql in [
            "DELETE FROM address_target WHERE account_id = ?1",
            "DELETE FROM login WHERE account_id = ?1",
            "DELETE FROM address_grant WHERE account_id = ?1",
            "DELETE FROM credential WHERE account_id = ?1",
        ] {
            batch.push(stmt!(sql, self.account));
        }
        batch.push(closing::begin(self.account, self.now));
        tx.run(batch).await?;
        SetDisabled { account: self.account, since: Some(self.now) }.run(tx).await
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// Removes the row of an account that was closed and has no mail any more.
#[derive(Clone, Copy, Debug)]
pub struct RemoveAccount {
    /// Which.
    pub account: AccountId,
}

impl Operation for RemoveAccount {
    type Output = ();
    const NAME: &'static str = "remove account";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let answers = tx
            .run(vec![
                stmt!("SELECT 1 FROM email WHERE account_id = ?1 LIMIT 1", self.account),
                stmt!("SELECT 1 FROM mailbox WHERE account_id = ?1 LIMIT 1", self.account),
                stmt!("SELECT 1 FROM login WHERE account_id = ?1 LIMIT 1", self.account),
            ])
            .await?;
        if answers.iter().any(|rows| !rows.is_empty()) {
            return Err(StoreError::Refused(
                "the account must be closed and its mail removed first".into(),
            ));
        }
        tx.run(vec![
            stmt!("DELETE FROM story_pointer WHERE account_id = ?1", self.account),
            closing::end(self.account),
        ])
        .await?;
        let statement = stmt!("DELETE FROM account WHERE account_id = ?1", self.account);
        update_account(tx, self.account, statement).await
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// Reads a quota: checked at RCPT.
#[derive(Clone, Copy, Debug)]
pub struct ReadQuota {
    /// Whose.
    pub account: AccountId,
}

impl Operation for ReadQuota {
    type Output = QuotaState;
    const NAME: &'static str = "read quota";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<QuotaState, StoreError> {
        let account = ReadAccount { account: self.account }.run(tx).await?;
        Ok(account.ok_or_else(|| StoreError::missing("account", self.account))?.quota)
    }
}

/// The account that `postmaster` and `abuse` fall back to: the oldest that is in use.
pub(super) async fn oldest(tx: &mut Tx<'_>) -> Result<Option<AccountId>, StoreError> {
    let rows = tx
        .one(stmt!(
            "SELECT account_id FROM account WHERE disabled_at IS NULL \
             ORDER BY account_id LIMIT 1"
        ))
        .await?;
    Ok(rows.first().map(|row| row.get(0)).transpose()?)
}
