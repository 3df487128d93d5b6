//! Accounts and their login names.

use super::address::Pages;
use super::answer::{ACCOUNTS, not_found, parse, result};
use super::credential::{CredentialItem, secret};
use super::grant::GrantItem;
use super::{Operations, PAGE};
use crate::auth::Secret;
use crate::control::{Answer, Exchange, Refusal, RefusalKind};
use crate::directory::AccountOrder;
use crate::removal;
use posthorn_base::{AccountId, Address};
use posthorn_store::StoreError;
use posthorn_store::directory::{
    Account, AddLogin, FindLogin, ListAccounts, ListClosing, ListCredentials, ListDomains,
    ListGrants, ListLogins, ReadAccount, RemoveLogin, SetDisabled, SetDisplayName, SetQuota,
    login_key,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked about accounts. An account is named by its address, a login name or its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AccountRequest {
    /// One [`AccountItem`] for each.
    List {},
    /// Done with [`AccountDetails`].
    Show {
        /// Which.
        account: String,
    },
    /// Makes one. Done with its [`AccountItem`].
    Add {
        /// Its address.
        address: String,
        /// Its owner's name.
        name: String,
        /// Further login names.
        logins: Vec<String>,
        /// Octets it may hold.
        quota_bytes: Option<u64>,
        /// Messages it may hold.
        quota_messages: Option<u64>,
        /// Its main password; without one nobody can log in yet.
        #[serde(with = "secret::optional")]
        password: Option<Secret>,
    },
    /// Asks whether [`AccountRequest::Add`] would be refused; changes nothing. Done with nothing.
    /// For who would ask a person for a password next.
    Check {
        /// Its address.
        address: String,
        /// Further login names.
        logins: Vec<String>,
    },
    /// Closes it and removes it with all of its mail, for ever. Done with [`RemovedAccount`]. Cut
    /// off half way, it is finished by the server's maintenance, or by the same request.
    Remove {
        /// Which.
        account: String,
        /// Even when aliases or lists lead to it.
        #[serde(default)]
        allow_dangling: bool,
    },
    /// Sets its main password.
    Password {
        /// Which.
        account: String,
        /// The new one.
        #[serde(with = "secret")]
        password: Secret,
    },
    /// Sets what it may hold.
    Quota {
        /// Which.
        account: String,
        /// Octets; none for no limit.
        bytes: Option<u64>,
        /// Messages; none for no limit.
        messages: Option<u64>,
    },
    /// Lets its owner log in, or not. Mail arrives either way.
    Enable {
        /// Which.
        account: String,
        /// Whether they may.
        enabled: bool,
    },
    /// Sets its owner's name.
    Rename {
        /// Which.
        account: String,
        /// The name.
        name: String,
    },
    /// Adds a login name.
    AddLogin {
        /// Which.
        account: String,
        /// The name.
        login: String,
    },
    /// Takes a login name away, whoever has it.
    RemoveLogin {
        /// The name.
        login: String,
    },
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountItem {
    /// Its id.
    pub id: String,
    /// Its address.
    pub address: String,
    /// Its owner's name.
    pub name: String,
    /// Since when.
    pub created_at: String,
    /// Since when nobody may log in.
    pub disabled_at: Option<String>,
    /// True while it is being removed.
    #[serde(default)]
    pub removing: bool,
    /// Octets it holds.
    pub used_bytes: u64,
    /// Octets it may hold.
    pub quota_bytes: Option<u64>,
    /// Messages it holds.
    pub used_messages: u64,
    /// Messages it may hold.
    pub quota_messages: Option<u64>,
    /// Octets of expunged messages that can be restored.
    pub expunged_bytes: u64,
    /// Expunged messages that can be restored.
    pub expunged_messages: u64,
}

impl From<Account> for AccountItem {
    fn from(account: Account) -> AccountItem {
        AccountItem {
            id: account.id.to_string(),
            address: account.address,
            name: account.display_name,
            created_at: account.created_at.to_string(),
            disabled_at: account.disabled_at.map(|at| at.to_string()),
            removing: false,
            used_bytes: account.quota.used_bytes,
            quota_bytes: account.quota.limit_bytes,
            used_messages: account.quota.used_messages,
            quota_messages: account.quota.limit_messages,
            expunged_bytes: account.quota.ended_bytes,
            expunged_messages: account.quota.ended_messages,
        }
    }
}

/// An account that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedAccount {
    /// Its id.
    pub id: String,
    /// Its address.
    pub address: String,
    /// Messages that went with it, those that could still be restored among them.
    pub messages: u64,
}

/// An account with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDetails {
    /// The account.
    #[serde(flatten)]
    pub account: AccountItem,
    /// Its login names, folded.
    pub logins: Vec<String>,
    /// What it may write as.
    pub grants: Vec<GrantItem>,
    /// What opens it.
    pub credentials: Vec<CredentialItem>,
}

impl Operations {
    pub(super) async fn account(
        &self,
        request: AccountRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let engine = &self.directory.store.engine;
        match request {
            AccountRequest::List {} => self.list_accounts(exchange).await?,
            AccountRequest::Show { account } => {
                let account = self.find_account(&account).await?;
                return result(&self.details(account).await?);
            }
            AccountRequest::Add {
                address,
                name,
                logins,
                quota_bytes,
                quota_messages,
                password,
            } => {
                let order = AccountOrder {
                    display_name: name,
                    quota_bytes,
                    quota_messages,
                    logins,
                    ..AccountOrder::of(parse(&address)?)
                };
                let id = self.directory.add_account(order, password).await?;
                let account = self.account_with(id).await?;
                return result(&AccountItem::from(account));
            }
            AccountRequest::Check { address, logins } => {
                self.check_new_account(&address, &logins).await?;
            }
            AccountRequest::Remove { account, allow_dangling } => {
                return result(&self.remove_account(&account, allow_dangling).await?);
            }
            AccountRequest::Password { account, password } => {
                let account = self.find_account(&account).await?.id;
                self.directory.set_password(account, password).await?;
            }
            AccountRequest::Quota { account, bytes, messages } => {
                let account = self.find_account(&account).await?.id;
                engine.write(SetQuota { account, bytes, messages }).await?;
            }
            AccountRequest::Enable { account, enabled } => {
                let account = self.find_account(&account).await?;
                self.require_staying(&account).await?;
                let account = account.id;
                let since = (!enabled).then(|| self.directory.now());
                engine.write(SetDisabled { account, since }).await?;
            }
            AccountRequest::Rename { account, name } => {
                let account = self.find_account(&account).await?.id;
                engine.write(SetDisplayName { account, name }).await?;
            }
            AccountRequest::AddLogin { account, login } => {
                let account = self.find_account(&account).await?.id;
                engine.write(AddLogin { account, name: login }).await?;
            }
            AccountRequest::RemoveLogin { login } => {
                engine.write(RemoveLogin { name: login }).await?;
            }
        }
        Ok(Value::Null)
    }

    /// What would be in the way of a new account, short of a race with another command.
    async fn check_new_account(&self, address: &str, logins: &[String]) -> Result<(), Answer> {
        let engine = &self.directory.store.engine;
        let address: Address = parse(address)?;
        let domains = engine.read(&ListDomains).await?;
        if !domains.iter().any(|entry| entry.domain == *address.domain()) {
            return Err(StoreError::missing("domain", address.domain()).into());
        }
        let mut pages = Pages::of(Some(address.domain().clone()));
        while let Some(entries) = self.next_entries(&mut pages).await? {
            for known in entries {
                if super::address::entry(&known.name)?.key() == address.key() {
                    return Err(StoreError::exists("address", &address).into());
                }
            }
        }
        for login in logins {
            // A bare name also finds the account of the default domain, which does not own it.
            let Some(found) = engine.read(&FindLogin { name: login.clone() }).await? else {
                continue;
            };
            let owned = engine.read(&ListLogins { account: found.account }).await?;
            if owned.contains(&login_key(login)) {
                return Err(StoreError::exists("login name", login).into());
            }
        }
        Ok(())
    }

    /// The account with this address, login name or id.
    pub(super) async fn find_account(&self, name: &str) -> Result<Account, Answer> {
        let engine = &self.directory.store.engine;
        let found = engine.read(&FindLogin { name: name.to_owned() }).await?;
        let id = found.map(|facts| facts.account).or_else(|| name.parse::<AccountId>().ok());
        let account = match id {
            Some(account) => engine.read(&ReadAccount { account }).await?,
            None => None,
        };
        account.ok_or_else(|| not_found(format!("there is no account {name:?}"), ACCOUNTS))
    }

    async fn account_with(&self, account: AccountId) -> Result<Account, Answer> {
        let found = self.directory.store.engine.read(&ReadAccount { account }).await?;
        found.ok_or_else(|| not_found(format!("there is no account {account}"), ACCOUNTS))
    }

    async fn list_accounts(&self, exchange: &mut Exchange<'_>) -> Result<(), Answer> {
        let engine = &self.directory.store.engine;
        let closing = engine.read(&ListClosing).await?;
        let mut after = None;
        loop {
            let accounts = engine.read(&ListAccounts { after, limit: PAGE }).await?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = Some(last.id);
            for account in accounts {
                let removing = closing.contains(&account.id);
                exchange.item(&AccountItem { removing, ..account.into() }).await?;
            }
        }
    }

    async fn details(&self, account: Account) -> Result<AccountDetails, Answer> {
        let (engine, id) = (&self.directory.store.engine, account.id);
        let logins = engine.read(&ListLogins { account: id }).await?;
        let grants = engine.read(&ListGrants { account: id }).await?;
        let credentials = engine.read(&ListCredentials { account: id }).await?;
        Ok(AccountDetails {
            account: account.into(),
            logins,
            grants: grants.into_iter().map(GrantItem::from).collect(),
            credentials: credentials.into_iter().map(CredentialItem::from).collect(),
        })
    }

    async fn remove_account(
        &self,
        name: &str,
        allow_dangling: bool,
    ) -> Result<RemovedAccount, Answer> {
        let account = match self.find_account(name).await {
            Ok(account) => account,
            // An account that was closed has no login names any more.
            Err(missing) => self.find_closing(name).await?.ok_or(missing)?,
        };
        self.check_account_unused(&account, allow_dangling).await?;
        let (engine, now) = (&self.directory.store.engine, self.directory.now());
        removal::remove(engine, account.id, now).await?;
        let messages = account.quota.used_messages + account.quota.ended_messages;
        Ok(RemovedAccount { id: account.id.to_string(), address: account.address, messages })
    }

    /// The account with this address that is being removed.
    async fn find_closing(&self, address: &str) -> Result<Option<Account>, Answer> {
        let Ok(key) = address.parse::<Address>().map(|address| address.key()) else {
            return Ok(None);
        };
        let engine = &self.directory.store.engine;
        for account in engine.read(&ListClosing).await? {
            let found = engine.read(&ReadAccount { account }).await?;
            let has_it = |account: &Account| {
                account.address.parse::<Address>().is_ok_and(|address| address.key() == key)
            };
            if let Some(account) = found.filter(has_it) {
                return Ok(Some(account));
            }
        }
        Ok(None)
    }

    /// Refuses what makes no sense for an account that is on its way out.
    async fn require_staying(&self, account: &Account) -> Result<(), Answer> {
        let closing = self.directory.store.engine.read(&ListClosing).await?;
        if !closing.contains(&account.id) {
            return Ok(());
        }
        let message = format!("{} is being removed", account.address);
        Err(Refusal::new(RefusalKind::Invalid, message)
            .hint("its address is free for a new one: posthorn account add")
            .into())
    }
}
