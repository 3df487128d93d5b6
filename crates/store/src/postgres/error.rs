//! SQLSTATE codes as [`EngineError`]s.

use crate::EngineError;
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

/// What an error means for the operation that met it.
pub(super) fn engine_error(error: &Error, sql: &'static str) -> EngineError {
    match error.as_db_error() {
        Some(db) => by_state(db, sql),
        None if error.is_closed() || is_io(error) => {
            EngineError::Unavailable(format!("the database: {}", chain(error)))
        }
        None => EngineError::Statement { message: chain(error), sql },
    }
}

/// What an error of COMMIT means: without the server's word it may have happened.
pub(super) fn commit_error(error: &Error) -> EngineError {
    match error.as_db_error().map(|db| by_state(db, "COMMIT")) {
        Some(EngineError::Unavailable(_)) | None => EngineError::Ambiguous,
        Some(error) => error,
    }
}

/// An error before there was a connection.
pub(super) fn connect_error(error: &Error) -> EngineError {
    EngineError::Unavailable(format!("no connection to the database: {}", chain(error)))
}

fn by_state(db: &DbError, sql: &'static str) -> EngineError {
    let message = || db.message().to_owned();
    let state = db.code().code();
    match state {
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => EngineError::Retry,
        // statement_completion_unknown
        "40003" => EngineError::Ambiguous,
        "23505" => EngineError::Duplicate(message()),
        "53100" => EngineError::Full,
        "53200" => EngineError::NoMemory,
        // query_canceled: our own timeout
        "57014" => EngineError::Unavailable(message()),
        _ => match state.get(..2) {
            Some("XX") => EngineError::Corrupt(message()),
            Some("58") => EngineError::Io(message()),
            // connections, resources, operator intervention, a server that only reads
            Some("08" | "53" | "57" | "28") => EngineError::Unavailable(message()),
            _ if state == "25006" => EngineError::Unavailable(message()),
            _ => EngineError::Statement { message: format!("{state}: {}", db.message()), sql },
        },
    }
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
