//! The store as a whole: checked, questioned, copied.

use super::Operations;
use super::answer::{hex, invalid, result};
use crate::control::{Answer, Exchange, Refusal, RefusalKind};
use posthorn_store::check::{self, Finding};
use posthorn_store::sqlite::{Cell, Sqlite};
use posthorn_store::{Engine, EngineError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// What can be asked about the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StoreRequest {
    /// One [`FindingItem`] for whatever is not as it must be. Done with [`CheckedItem`].
    Check {
        /// Read every body as well.
        deep: bool,
    },
    /// One array for each row of the answer to a question in SQL that only reads. Done with
    /// [`SqlItem`].
    Sql {
        /// The question.
        query: String,
    },
    /// Copies the store, consistently. Done with [`SnapshotItem`].
    Snapshot {
        /// Where to, an absolute path.
        dir: PathBuf,
    },
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingItem {
    /// The rule that is broken.
    pub rule: String,
    /// In whose mail: the account's id.
    pub account: Option<String>,
    /// Where and how.
    pub detail: String,
}

/// How much was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedItem {
    /// Accounts.
    pub accounts: u64,
    /// Bodies.
    pub bodies: u64,
    /// What was found.
    pub findings: u64,
}

/// What belongs to an answer in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlItem {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// True when there were more rows than are shown.
    pub cut: bool,
}

/// What a copy of the store took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotItem {
    /// Where it is.
    pub dir: PathBuf,
    /// Size of the database.
    pub database_bytes: u64,
    /// Body files that were copied.
    pub files_copied: u64,
    /// Body files that an earlier copy had already.
    pub files_kept: u64,
    /// Body files of an earlier copy that nothing names any more.
    pub files_removed: u64,
}

impl Operations {
    pub(super) async fn store(
        &self,
        request: StoreRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        match request {
            StoreRequest::Check { deep } => self.check(deep, exchange).await,
            StoreRequest::Sql { query } => {
                let table = self.sqlite("psql")?.sql(query).await.map_err(reading)?;
                for row in &table.rows {
                    let row: Vec<Value> = row.iter().map(value).collect();
                    exchange.item(&row).await?;
                }
                result(&SqlItem { columns: table.columns, cut: table.cut })
            }
            StoreRequest::Snapshot { dir } => {
                if !dir.is_absolute() {
                    return Err(invalid("the directory must be an absolute path"));
                }
                let files = &self.directory.store.files;
                apart(files.root(), &dir)?;
                let done = self.sqlite("pg_basebackup")?.snapshot(files, &dir).await?;
                tracing::info!(dir = %dir.display(), "the store was copied by command");
                result(&SnapshotItem {
                    dir,
                    database_bytes: done.database_bytes,
                    files_copied: done.files_copied,
                    files_kept: done.files_kept,
                    files_removed: done.files_removed,
                })
            }
        }
    }

    /// The embedded engine; a PostgreSQL has tools of its own for what only this one can do.
    fn sqlite(&self, instead: &str) -> Result<&Sqlite, Answer> {
        match &*self.directory.store.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite),
            Engine::Postgres(_) => {
                Err(invalid(format!("the store is in PostgreSQL: use {instead}")))
            }
        }
    }

    async fn check(&self, deep: bool, exchange: &mut Exchange<'_>) -> Result<Value, Answer> {
        let store = &self.directory.store;
        let (found, mut findings) = mpsc::unbounded_channel::<Finding>();
        // A listener that has gone away ends the check with its own error.
        let mut tell = move |finding| drop(found.send(finding));
        let checking = async move {
            let checked = check::check(&store.engine, &store.files, deep, &mut tell).await;
            // The channel ends with the check.
            drop(tell);
            checked
        };
        let telling = async {
            while let Some(finding) = findings.recv().await {
                let item = FindingItem {
                    rule: finding.rule.to_owned(),
                    account: finding.account.map(|id| id.to_string()),
                    detail: finding.detail,
                };
                exchange.item(&item).await?;
            }
            Ok::<(), Answer>(())
        };
        let (checked, told) = tokio::join!(checking, telling);
        told?;
        let checked = checked?;
        result(&CheckedItem {
            accounts: checked.accounts,
            bodies: checked.bodies,
            findings: checked.findings,
        })
    }
}

/// Why a question was refused. SQLite's word for a statement that would change something, from the
/// authorizer that allows reading alone, sounds as if another user could.
fn reading(error: EngineError) -> Answer {
    match &error {
        EngineError::Statement { message, .. } if message.contains("not authorized") => {
            Refusal::new(RefusalKind::NotAllowed, "store sql only reads: it changes nothing")
                .hint(
                    "change things with the other commands (posthorn --help), such as account, \
                     message restore, store purge; ask with SELECT",
                )
                .into()
        }
        _ => error.into(),
    }
}

/// A copy belongs into a directory of its own.
fn apart(files: &Path, target: &Path) -> Result<(), Answer> {
    let Some(store) = files.parent().and_then(|dir| dir.canonicalize().ok()) else {
        return Ok(());
    };
    // What does not exist yet is inside the store when its parent is.
    let found = target.ancestors().find_map(|dir| dir.canonicalize().ok());
    if !found.is_some_and(|found| found.starts_with(&store)) {
        return Ok(());
    }
    let message = format!("{} is the store itself, or lies within it", target.display());
    let hint = "name a directory of the copy's own, on another disk if there is one";
    Err(Refusal::new(RefusalKind::Invalid, message).hint(hint).into())
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => Value::from(*number),
        Cell::Real(number) => Value::from(*number),
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => Value::from(format!("x'{}'", hex(bytes))),
        },
    }
}
