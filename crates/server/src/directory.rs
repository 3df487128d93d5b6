//! Whom the store serves, as operators change it: the store's operations with ids, hashes and the
//! time filled in.

use crate::auth::{
    AppPassword, Hashing, PasswordError, Secret, app_credential, certificate_credential,
    main_credential,
};
use crate::node::SharedClock;
use crate::open::OpenStore;
use crate::system::{Ids, SystemRandom};
use posthorn_base::{AccountId, Address, CredentialId, Domain, MailboxId, Role, Time};
use posthorn_store::StoreError;
pub use posthorn_store::directory::Scopes;
use posthorn_store::directory::{
    AddCredential, CreateAccount, CreateDomain, FullLoginKey, ListLogins, NewAccount,
    NewCredential, SetMainPassword,
};
use std::sync::Arc;

/// Why a change of the directory came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The store refuses or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password cannot be used.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// An account that an operator wants made.
#[derive(Clone, Debug)]
pub struct AccountOrder {
    /// Its primary address.
    pub address: Address,
    /// The owner's name; may be empty.
    pub display_name: String,
    /// Octets it may hold; `None` for no limit.
    pub quota_bytes: Option<u64>,
    /// Messages it may hold; `None` for no limit.
    pub quota_messages: Option<u64>,
    /// Further login names.
    pub logins: Vec<String>,
}

impl AccountOrder {
    /// An account with this address and nothing else.
    pub fn of(address: Address) -> AccountOrder {
        AccountOrder {
            address,
            display_name: String::new(),
            quota_bytes: None,
            quota_messages: None,
            logins: Vec::new(),
        }
    }
}

/// The directory of an open store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The store.
    pub store: OpenStore,
    /// Where ids come from.
    pub ids: Arc<Ids>,
    /// The time.
    pub clock: Arc<dyn SharedClock>,
    /// What new verifiers cost.
    pub hashing: Hashing,
}

impl Directory {
    /// The present instant.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Adds a domain.
    ///
    /// # Errors
    /// As [`CreateDomain`].
    pub async fn add_domain(&self, domain: Domain) -> Result<(), DirectoryError> {
        let operation = CreateDomain { domain, now: self.now() };
        Ok(self.store.engine.write(operation).await?)
    }

    /// Makes an account; without a password nobody can log in to it yet.
    ///
    /// # Errors
    /// As [`CreateAccount`], and when the password cannot be used.
    pub async fn add_account(
        &self,
        order: AccountOrder,
        password: Option<Secret>,
    ) -> Result<AccountId, DirectoryError> {
        let id = self.ids.next(self.now());
        let credentials = match password {
            Some(password) => {
                let address = order.address.to_string();
                let logins = std::iter::once(&address).chain(&order.logins);
                let names = self.full_names(logins).await?;
                vec![self.main_password(names, password).await?]
            }
            None => Vec::new(),
        };
        self.create(id, order, credentials).await
    }

    /// Makes an account whose main password is another's, without SCRAM keys. The verifier of one
    /// password is then computed once for any number of accounts, which is for measuring only:
    /// whoever reads the store sees that the passwords are the same.
    ///
    /// # Errors
    /// As [`CreateAccount`].
    pub async fn add_account_with(
        &self,
        order: AccountOrder,
        verifier: &NewCredential,
    ) -> Result<AccountId, DirectoryError> {
        let id = self.ids.next(self.now());
        let credential =
            NewCredential { id: self.ids.next(self.now()), scram: None, ..verifier.clone() };
        self.create(id, order, vec![credential]).await
    }

    async fn create(
        &self,
        id: AccountId,
        order: AccountOrder,
        credentials: Vec<NewCredential>,
    ) -> Result<AccountId, DirectoryError> {
        let now = self.now();
        let mailboxes = [(); Role::ALL.len()].map(|()| self.ids.next::<MailboxId>(now));
        let AccountOrder { address, display_name, quota_bytes, quota_messages, logins } = order;
        let account = NewAccount {
            id,
            address,
            display_name,
            quota_bytes,
            quota_messages,
            logins,
            credentials,
            now,
        };
        self.store.engine.write(CreateAccount { account, mailboxes }).await?;
        Ok(id)
    }

    /// The credential of a main password of who logs in by these names, in full.
    ///
    /// # Errors
    /// When the password cannot be used.
    pub async fn main_password(
        &self,
        names: Vec<String>,
        password: Secret,
    ) -> Result<NewCredential, DirectoryError> {
        let (secret, hashing) = (self.store.meta.secret, self.hashing);
        let id: CredentialId = self.ids.next(self.now());
        let make =
            move || main_credential(&secret, id, &password, &names, hashing, &mut SystemRandom);
        Ok(on_blocking_thread(make).await?)
    }

    /// Login names in full, each once.
    async fn full_names(
        &self,
        logins: impl Iterator<Item = &String>,
    ) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for login in logins {
            let name = self.store.engine.read(&FullLoginKey { name: login.clone() }).await?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The login names that an account has, in full.
    async fn names_of(&self, account: AccountId) -> Result<Vec<String>, StoreError> {
        let logins = self.store.engine.read(&ListLogins { account }).await?;
        self.full_names(logins.iter()).await
    }

    /// Sets the main password of an account, in place of the one before.
    ///
    /// # Errors
    /// As [`SetMainPassword`], and when the password cannot be used.
    pub async fn set_password(
        &self,
        account: AccountId,
        password: Secret,
    ) -> Result<(), DirectoryError> {
        let names = self.names_of(account).await?;
        let credential = self.main_password(names, password).await?;
        let operation = SetMainPassword { account, credential, now: self.now() };
        Ok(self.store.engine.write(operation).await?)
    }

    /// Adds an app password and returns it: the one given, or a generated one.
    ///
    /// # Errors
    /// As [`AddCredential`], and when the password cannot be used.
    pub async fn add_app_password(
        &self,
        account: AccountId,
        name: String,
        scopes: Scopes,
        expires_at: Option<Time>,
        password: Option<Secret>,
    ) -> Result<Secret, DirectoryError> {
        let password = password.unwrap_or_else(|| AppPassword::generate(&mut SystemRandom).0);
        let (secret, hashing) = (self.store.meta.secret, self.hashing);
        let id: CredentialId = self.ids.next(self.now());
        let (hashed, names) = (password.clone(), self.names_of(account).await?);
        let make = move || {
            app_credential(&secret, account, id, &hashed, &names, name, scopes, expires_at, hashing)
        };
        let credential = on_blocking_thread(make).await?;
        let operation = AddCredential { account, credential, now: self.now() };
        self.store.engine.write(operation).await?;
        Ok(password)
    }

    /// Lets a client certificate (its DER form) open an account.
    ///
    /// # Errors
    /// As [`AddCredential`].
    pub async fn add_certificate(
        &self,
        account: AccountId,
        der: &[u8],
        name: String,
        scopes: Scopes,
        expires_at: Option<Time>,
    ) -> Result<(), DirectoryError> {
        let id: CredentialId = self.ids.next(self.now());
        let credential = certificate_credential(id, der, name, scopes, expires_at);
        let operation = AddCredential { account, credential, now: self.now() };
        Ok(self.store.engine.write(operation).await?)
    }
}

/// Hashing takes its time: not on a thread that serves others.
async fn on_blocking_thread(
    make: impl FnOnce() -> Result<NewCredential, PasswordError> + Send + 'static,
) -> Result<NewCredential, PasswordError> {
    match tokio::task::spawn_blocking(make).await {
        Ok(made) => made,
        Err(error) => Err(PasswordError::Hash(error.to_string())),
    }
}
