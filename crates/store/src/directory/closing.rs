//! Accounts on their way out: closed, and not yet rid of their mail.
//!
//! Closing an account is one transaction that also writes a job; erasing its mail takes many; the
//! job goes in the transaction that removes the account's row. So whoever is cut off in between
//! leaves a job behind, by which it is known that the account is to go, and that it is not merely
//! one without login names.

use crate::{EngineError, Operation, Statement, StoreError, Tx, Value, stmt};
use posthorn_base::{AccountId, Time};

const JOB: &str = "close:";
/// The first name behind all of these jobs: `;` follows `:`.
const BEHIND: &str = "close;";

/// The name of the job; a word of our own, hence [`Value::Text`].
fn job(account: AccountId) -> Value {
    Value::Text(format!("{JOB}{account}"))
}

/// The account is to go, from now on.
pub(super) fn begin(account: AccountId, now: Time) -> Statement {
    stmt!(
        "INSERT INTO job (name, state, updated_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
        job(account),
        Vec::<u8>::new(),
        now
    )
}

/// It is gone.
pub(super) fn end(account: AccountId) -> Statement {
    stmt!("DELETE FROM job WHERE name = ?1", job(account))
}

/// Lists the accounts that were closed and are not removed yet.
#[derive(Clone, Copy, Debug)]
pub struct ListClosing;

impl Operation for ListClosing {
    type Output = Vec<AccountId>;
    const NAME: &'static str = "list closing accounts";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<AccountId>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT name FROM job WHERE name >= ?1 AND name < ?2 ORDER BY name",
                Value::Text(JOB.to_owned()),
                Value::Text(BEHIND.to_owned())
            ))
            .await?;
        let mut accounts = Vec::new();
        for row in rows.iter() {
            let name: String = row.get(0)?;
            let account = name.strip_prefix(JOB).and_then(|id| id.parse().ok());
            accounts.push(account.ok_or_else(|| {
                EngineError::Corrupt(format!("the job {name:?} names no account"))
            })?);
        }
        Ok(accounts)
    }
}
