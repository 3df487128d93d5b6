//! SQLite's result codes as [`EngineError`]s.

use crate::EngineError;
use rusqlite::{Error, ErrorCode, ffi};

/// What an error of SQLite means for the operation that met it. `sql` is the statement at fault.
pub(super) fn engine_error(error: Error, sql: &'static str) -> EngineError {
    let message = error.to_string();
    let code = match &error {
        Error::SqliteFailure(code, _) => code,
        Error::SqlInputError { error, .. } => error,
        Error::InvalidColumnType(..)
        | Error::FromSqlConversionFailure(..)
        | Error::Utf8Error(..)
        | Error::IntegralValueOutOfRange(..) => return EngineError::Corrupt(message),
        _ => return EngineError::Statement { message, sql },
    };
    if code.extended_code == ffi::SQLITE_IOERR_NOMEM {
        // Memory was short within a read or write: the disk is sound.
        return EngineError::NoMemory;
    }
    match code.code {
        ErrorCode::DiskFull => EngineError::Full,
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::PermissionDenied
        | ErrorCode::ReadOnly => EngineError::Io(message),
        ErrorCode::OutOfMemory => EngineError::NoMemory,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => EngineError::Corrupt(message),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => EngineError::Retry,
        ErrorCode::OperationInterrupted => EngineError::Unavailable(message),
        ErrorCode::ConstraintViolation => match code.extended_code {
            ffi::SQLITE_CONSTRAINT_PRIMARYKEY
            | ffi::SQLITE_CONSTRAINT_UNIQUE
            | ffi::SQLITE_CONSTRAINT_ROWID => EngineError::Duplicate(message),
            _ => EngineError::Statement { message, sql },
        },
        _ => EngineError::Statement { message, sql },
    }
}

/// True for what SQLite says of a damaged database, and of a page that the disk did not give.
pub(super) fn is_malformed(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// True for a failed sync of a file or of a directory.
pub(super) fn is_sync(error: &Error) -> bool {
    matches!(
        error.sqlite_error().map(|error| error.extended_code),
        Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        #[track_caller]
        fn check(code: i32, want: &str) {
            let error = Error::SqliteFailure(ffi::Error::new(code), Some("words".into()));
            let got = format!("{:?}", engine_error(error, "SELECT 1"));
            assert!(got.starts_with(want), "{code}: {got}");
        }
        check(ffi::SQLITE_FULL, "Full");
        check(ffi::SQLITE_IOERR_FSYNC, "Io");
        check(ffi::SQLITE_IOERR_NOMEM, "NoMemory");
        check(ffi::SQLITE_NOMEM, "NoMemory");
        check(ffi::SQLITE_CORRUPT_INDEX, "Corrupt");
        check(ffi::SQLITE_NOTADB, "Corrupt");
        check(ffi::SQLITE_BUSY_SNAPSHOT, "Retry");
        check(ffi::SQLITE_CONSTRAINT_UNIQUE, "Duplicate");
        check(ffi::SQLITE_CONSTRAINT_NOTNULL, "Statement");
        check(ffi::SQLITE_ERROR, "Statement");
    }
}
