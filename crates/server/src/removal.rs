//! Removing an account with all of its mail: a job that can be cut off anywhere.
//!
//! Invariants
//! * Closing comes first, in one transaction: from then on nobody logs in, mail for the account is
//!   refused (550), and the store knows that the account is to go.
//! * Every step is one of the store's own size, and the same again does no harm. Who is cut off, by
//!   a crash or because the command ended, leaves the rest to the next round of the server's
//!   maintenance; who comes second finds less to do.

use posthorn_base::{AccountId, Time};
use posthorn_store::directory::{CloseAccount, ListClosing, ReadAccount, RemoveAccount};
use posthorn_store::mail::bulk;
use posthorn_store::{Engine, StoreError};

/// Two may be at it at once, the command and the maintenance, and take steps from under each other.
const TRIES_MAX: usize = 5;

/// Closes an account and removes it.
///
/// # Errors
/// Those of [`CloseAccount`], after which nothing has changed, and those of the steps, after which
/// the account is closed and maintenance goes on.
pub(crate) async fn remove(
    engine: &Engine,
    account: AccountId,
    now: Time,
) -> Result<(), StoreError> {
    engine.write(CloseAccount { account, now }).await?;
    tracing::info!(%account, "an account is closed; its mail is being erased");
    finish(engine, account, now).await
}

/// Removes the accounts that were closed and are still there.
///
/// # Errors
/// Those of the steps.
pub(crate) async fn finish_all(engine: &Engine, now: Time) -> Result<(), StoreError> {
    for account in engine.read(&ListClosing).await? {
        tracing::info!(%account, "the removal of an account goes on");
        finish(engine, account, now).await?;
    }
    Ok(())
}

async fn finish(engine: &Engine, account: AccountId, now: Time) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        let erased = erase(engine, account, now).await;
        if engine.read(&ReadAccount { account }).await?.is_none() {
            tracing::info!(%account, "an account was removed");
            return Ok(());
        }
        tries += 1;
        match erased {
            // Mail that had been accepted before the account was closed came in meanwhile, or the
            // other one was faster.
            Ok(()) | Err(StoreError::Missing { .. } | StoreError::Refused(_))
                if tries < TRIES_MAX => {}
            Ok(()) => return Err(StoreError::Refused("the account cannot be emptied".into())),
            Err(error) => return Err(error),
        }
    }
}

async fn erase(engine: &Engine, account: AccountId, now: Time) -> Result<(), StoreError> {
    bulk::erase_mail(engine, account, "the account was removed", now).await?;
    engine.write(RemoveAccount { account }).await
}
