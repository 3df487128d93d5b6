//! Who lives in a demo.

use super::DemoError;
use posthorn_base::{Address, Domain};
use posthorn_server::auth::Secret;
use posthorn_server::directory::{AccountOrder, Directory, DirectoryError, Scopes};
use posthorn_server::open::StoreError;
use serde::Serialize;

/// The default domain.
const DOMAIN: &str = "example.com";
const OTHER_DOMAIN: &str = "example.org";
/// Accounts made at once: enough to fill group commits.
const AT_ONCE: usize = 64;

/// Somebody who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoAccount {
    /// The name to log in with. The address does as well.
    pub login: String,
    /// The address.
    pub address: String,
    /// The main password.
    pub password: String,
    /// An app password for IMAP and POP3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_password: Option<String>,
}

/// Many accounts `user1@`, `user2@`... with one password, for measuring.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// How many.
    pub accounts: u32,
    /// Their domain.
    pub domain: Domain,
    /// Their password.
    pub password: Secret,
}

/// What was there already is no error: the demo's directory may be an old one.
fn unless_there<T>(outcome: Result<T, DirectoryError>) -> Result<Option<T>, DirectoryError> {
    match outcome {
        Ok(made) => Ok(Some(made)),
        Err(DirectoryError::Store(StoreError::Exists { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

fn domain(name: &str) -> Result<Domain, DemoError> {
    Domain::parse(name).map_err(|_| DemoError::Name(name.to_owned()))
}

fn address(text: &str) -> Result<Address, DemoError> {
    Address::parse(text).map_err(|_| DemoError::Name(text.to_owned()))
}

/// Makes both domains, alice and bob.
pub(super) async fn settle(directory: &Directory) -> Result<Vec<DemoAccount>, DemoError> {
    for name in [DOMAIN, OTHER_DOMAIN] {
        unless_there(directory.add_domain(domain(name)?).await)?;
    }
    let alice = settle_one(directory, "alice", DOMAIN, "password", Some("secret"));
    let bob = settle_one(directory, "bob", OTHER_DOMAIN, "secret", None);
    // Hashing their passwords takes most of a demo's start.
    let (alice, bob) = tokio::join!(alice, bob);
    Ok(vec![alice?, bob?])
}

async fn settle_one(
    directory: &Directory,
    login: &str,
    domain: &str,
    password: &str,
    app_password: Option<&str>,
) -> Result<DemoAccount, DemoError> {
    let address = address(&format!("{login}@{domain}"))?;
    let order =
        AccountOrder { logins: vec![login.to_owned()], ..AccountOrder::of(address.clone()) };
    let secret = |text: &str| Secret::new(text.to_owned());
    let made = unless_there(directory.add_account(order, Some(secret(password))).await)?;
    if let (Some(account), Some(app_password)) = (made, app_password) {
        let scopes = Scopes::IMAP.with(Scopes::POP3);
        let (name, given) = ("demo".to_owned(), Some(secret(app_password)));
        directory.add_app_password(account, name, scopes, None, given).await?;
    }
    Ok(DemoAccount {
        login: login.to_owned(),
        address: address.to_string(),
        password: password.to_owned(),
        app_password: app_password.map(str::to_owned),
    })
}

/// Makes the accounts for measuring. Their password is hashed once for all of them, and they have
/// no SCRAM keys: making a thousand takes a second, not minutes.
pub(super) async fn settle_crowd(
    directory: &Directory,
    crowd: &Crowd,
) -> Result<Vec<DemoAccount>, DemoError> {
    unless_there(directory.add_domain(crowd.domain.clone()).await)?;
    let verifier = directory.main_password(Vec::new(), crowd.password.clone()).await?;
    let names: Vec<String> =
        (1..=crowd.accounts).map(|n| format!("user{n}@{}", crowd.domain.as_given())).collect();
    let mut made = tokio::task::JoinSet::new();
    for name in &names {
        while made.len() >= AT_ONCE {
            joined(made.join_next().await)?;
        }
        let (directory, verifier, address) = (directory.clone(), verifier.clone(), address(name)?);
        made.spawn(async move {
            let order = AccountOrder::of(address);
            unless_there(directory.add_account_with(order, &verifier).await)
        });
    }
    while !made.is_empty() {
        joined(made.join_next().await)?;
    }
    let account = |name: &String| DemoAccount {
        login: name.clone(),
        address: name.clone(),
        password: crowd.password.expose().to_owned(),
        app_password: None,
    };
    Ok(names.iter().map(account).collect())
}

fn joined<T>(
    outcome: Option<Result<Result<T, DirectoryError>, tokio::task::JoinError>>,
) -> Result<(), DirectoryError> {
    match outcome {
        None | Some(Ok(Ok(_))) => Ok(()),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
    }
}
