//! One connection that runs statements of the seam.

use super::Faults;
use super::error::{engine_error, is_malformed, is_sync};
use super::set::{self, Shape};
use crate::EngineError;
use crate::seam::{Backend, Batch, Rows, Statement, Value};
use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ToSql};
use std::cell::Cell;
use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

/// A connection, the texts translated for it, and the faults that a test provokes in it.
pub(super) struct Session {
    pub(super) connection: Connection,
    /// By the address of the text, which is `'static`, its length, and the shape of its set.
    texts: HashMap<(usize, usize, Shape), Box<str>>,
    faults: Option<Arc<dyn Faults>>,
    statements: u64,
    sync_failed: Cell<bool>,
    in_doubt: Cell<bool>,
}

impl Session {
    pub(super) fn new(connection: Connection, faults: Option<Arc<dyn Faults>>) -> Self {
        Session {
            connection,
            texts: HashMap::new(),
            faults,
            statements: 0,
            sync_failed: Cell::new(false),
            in_doubt: Cell::new(false),
        }
    }

    /// BEGIN, COMMIT and the like.
    pub(super) fn control(&self, sql: &'static str) -> Result<(), EngineError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.raw_execute())
            .map(drop)
            .map_err(|error| self.failed(error, sql))
    }

    /// BEGIN. A transaction that could not be rolled back, for want of memory, is rolled back now.
    pub(super) fn begin(&self, sql: &'static str) -> Result<(), EngineError> {
        if !self.connection.is_autocommit() {
            self.control("ROLLBACK")?;
        }
        self.control(sql)
    }

    /// COMMIT of a transaction of so many operations.
    pub(super) fn commit(&self, operations: usize) -> Result<(), EngineError> {
        if let Some(faults) = &self.faults {
            faults
                .before_commit(&self.connection, operations)
                .map_err(|error| self.failed(error, "COMMIT"))?;
        }
        self.control("COMMIT")
    }

    /// Moves pages from the log into the database.
    pub(super) fn checkpoint(&self, mode: CheckpointMode) -> Result<(), EngineError> {
        let faulty = match &self.faults {
            Some(faults) => faults.before_checkpoint(&self.connection),
            None => Ok(()),
        };
        faulty
            .and_then(|()| self.connection.wal_checkpoint_v2(Some("main"), mode))
            .map(drop)
            .map_err(|error| self.failed(error, "checkpoint"))
    }

    /// True once a sync has failed: what was written before it may be lost, and no later sync
    /// tells.
    pub(super) fn sync_failed(&self) -> bool {
        self.sync_failed.get()
    }

    /// True once SQLite called the database malformed: it is damaged, or could not be read.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt.get()
    }

    /// This connection is to be replaced before it is used again.
    pub(super) fn be_in_doubt(&self) {
        self.in_doubt.set(true);
    }

    /// Goes on with a fresh connection.
    pub(super) fn replace(&mut self, connection: Connection) {
        self.connection = connection;
        self.in_doubt.set(false);
        if let Some(faults) = &self.faults {
            faults.opened(&self.connection);
        }
    }

    /// Tells whoever provokes faults that a fresh connection is about to be opened.
    pub(super) fn before_look(&self) {
        if let Some(faults) = &self.faults {
            faults.before_look();
        }
    }

    /// What an error means, which is remembered where more than a statement is at stake.
    pub(super) fn failed(&self, error: rusqlite::Error, sql: &'static str) -> EngineError {
        if is_sync(&error) {
            self.sync_failed.set(true);
        }
        if is_malformed(&error) {
            self.be_in_doubt();
        }
        engine_error(error, sql)
    }

    /// Ends whatever transaction is still open. After an error SQLite may have ended it by itself.
    pub(super) fn rollback(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            // There may be no memory even for this statement. Nothing of the transaction is
            // committed: the next one begins with another try.
            tracing::error!(%error, "ROLLBACK failed");
        }
    }

    fn run(&mut self, statement: &Statement) -> Result<Rows, EngineError> {
        let sql = statement.sql;
        self.attempt(statement).map_err(|error| self.failed(error, sql))
    }

    fn attempt(&mut self, statement: &Statement) -> rusqlite::Result<Rows> {
        if let Some(faults) = &self.faults {
            let nth = self.statements;
            self.statements += 1;
            faults.before_statement(&self.connection, nth)?;
        }
        let values = &statement.values;
        let shape = Shape::of(values);
        let sql = translated(&mut self.texts, statement.sql, shape, values.len());
        let mut prepared = self.connection.prepare_cached(sql)?;
        let (bound, wanted) =
            (values.len() + usize::from(shape == Some(Shape::Run)), prepared.parameter_count());
        if wanted != bound {
            return Err(rusqlite::Error::InvalidParameterCount(bound, wanted));
        }
        for (value, place) in values.iter().zip(1..) {
            match (value, shape) {
                (Value::Ints(set), Some(Shape::One | Shape::Run)) => {
                    prepared.raw_bind_parameter(place, set.first())?;
                    if shape == Some(Shape::Run) {
                        prepared.raw_bind_parameter(bound, set.last())?;
                    }
                }
                (value, _) => prepared.raw_bind_parameter(place, Bound(value))?,
            }
        }
        let width = prepared.column_count();
        let mut cells = Vec::new();
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            for column in 0..width {
                cells.push(value(row.get_ref(column)?, column)?);
            }
        }
        drop(rows);
        let changed = if prepared.readonly() { 0 } else { self.connection.changes() };
        Ok(Rows::new(width, cells, changed))
    }
}

/// The statement as SQLite reads it, for `values` parameters with a set of this shape.
fn translated<'a>(
    texts: &'a mut HashMap<(usize, usize, Shape), Box<str>>,
    sql: &'static str,
    shape: Option<Shape>,
    values: usize,
) -> &'a str {
    let Some(shape) = shape else { return sql };
    texts
        .entry((sql.as_ptr().addr(), sql.len(), shape))
        .or_insert_with(|| shape.translate(sql, values + 1).into_boxed_str())
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Ints(set) => ToSqlOutput::from_rc(set::array(set), c"rarray"),
        })
    }
}

fn value(cell: ValueRef<'_>, column: usize) -> rusqlite::Result<Value> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Blob(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes)),
        ValueRef::Text(text) => Value::Text(
            std::str::from_utf8(text)
                .map_err(|error| rusqlite::Error::Utf8Error(column, error))?
                .to_owned(),
        ),
        ValueRef::Real(_) => {
            let kind = rusqlite::types::Type::Real;
            return Err(rusqlite::Error::InvalidColumnType(column, String::new(), kind));
        }
    })
}

/// A transaction of one operation on a [`Session`]. Never waits: the answer is there at once.
pub(super) struct Running<'a> {
    session: &'a mut Session,
    failed: Option<EngineError>,
}

impl<'a> Running<'a> {
    pub(super) fn new(session: &'a mut Session) -> Self {
        Running { session, failed: None }
    }

    /// The first failure of a statement: the operation cannot succeed.
    pub(super) fn into_failure(self) -> Option<EngineError> {
        self.failed
    }

    fn run_all(&mut self, batch: &Batch) -> Result<Vec<Rows>, EngineError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut answers = Vec::with_capacity(batch.len());
        for statement in batch {
            let rows = self.session.run(statement).inspect_err(|error| {
                self.failed = Some(error.clone());
            })?;
            answers.push(rows);
        }
        Ok(answers)
    }
}

impl Backend for Running<'_> {
    fn run<'a>(
        &'a mut self,
        batch: Batch,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Rows>, EngineError>> + Send + 'a>> {
        Box::pin(ready(self.run_all(&batch)))
    }
}
