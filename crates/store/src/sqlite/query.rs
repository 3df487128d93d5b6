//! Questions of an operator to the store: `posthorn store sql`. They can only read, cannot run for
//! ever, and never see a secret.

use super::connection::{self, CacheSizes};
use super::error::engine_error;
use crate::EngineError;
use posthorn_base::limits::{SQL_ROWS_MAX, SQL_STEPS_MAX};
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use std::path::Path;

/// What a question may not show, whoever asks: they read as NULL.
const SECRETS: &[(&str, &str)] =
    &[("meta", "secret"), ("credential", "verifier"), ("credential", "scram")];
/// What PRAGMA may tell.
const PRAGMAS: &[&str] =
    &["table_list", "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo"];
/// SQLite asks after so many steps whether to go on.
const STEPS_PER_CHECK: u32 = 10_000;

const _: () = assert!(SQL_STEPS_MAX > STEPS_PER_CHECK as u64);

/// The answer to a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as wide as `columns`.
    pub rows: Vec<Vec<Cell>>,
    /// There were more rows than are shown.
    pub cut: bool,
}

/// A value as SQLite keeps it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// NULL, or a secret.
    Null,
    /// A whole number.
    Int(i64),
    /// A result of arithmetic; no column holds one.
    Real(f64),
    /// Our own words.
    Text(String),
    /// What people and peers wrote: show it as hostile.
    Bytes(Vec<u8>),
}

/// Runs one statement on the database at `path`.
///
/// # Errors
/// [`EngineError::Statement`] when it is none, or not one that reads; [`EngineError::Unavailable`]
/// when it runs too long.
pub(super) fn ask(path: &Path, sql: &str) -> Result<Table, EngineError> {
    let mut connection = connection::reader(path, CacheSizes::OCCASIONAL)?;
    run(&mut connection, sql).map_err(|error| engine_error(error, "the query"))
}

fn run(connection: &mut Connection, sql: &str) -> rusqlite::Result<Table> {
    connection.authorizer(Some(authorize))?;
    let mut left = SQL_STEPS_MAX / u64::from(STEPS_PER_CHECK);
    connection.progress_handler(
        i32::try_from(STEPS_PER_CHECK).unwrap_or(i32::MAX),
        Some(move || {
            left = left.saturating_sub(1);
            left == 0
        }),
    )?;
    let mut statement = connection.prepare(sql)?;
    let mut table = Table {
        columns: statement.column_names().map(str::to_owned).collect(),
        ..Table::default()
    };
    let width = table.columns.len();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if table.rows.len() == SQL_ROWS_MAX {
            table.cut = true;
            break;
        }
        table.rows.push((0..width).map(|at| row.get_ref(at).map(cell)).collect::<Result<_, _>>()?);
    }
    Ok(table)
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

fn authorize(asked: AuthContext<'_>) -> Authorization {
    match asked.action {
        AuthAction::Read { table_name, column_name } => {
            let secret = SECRETS.iter().any(|(table, column)| {
                table_name.eq_ignore_ascii_case(table) && column_name.eq_ignore_ascii_case(column)
            });
            if secret { Authorization::Ignore } else { Authorization::Allow }
        }
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name }
            if !function_name.eq_ignore_ascii_case("load_extension") =>
        {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name, .. } if PRAGMAS.contains(&pragma_name) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}
