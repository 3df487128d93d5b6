//! How errors of the store become answers, and how arguments are read.

use super::super::error::{Refusal, RefusalKind};
use super::super::listener::Answer;
use crate::directory::DirectoryError;
use posthorn_store::{EngineError, StoreError};
use serde_json::Value;
use std::fmt::Display;
use std::str::FromStr;

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Answer {
        let kind = match &error {
            StoreError::Missing { .. } => RefusalKind::NotFound,
            StoreError::Exists { .. } => RefusalKind::Exists,
            StoreError::Refused(_) | StoreError::Limit { .. } | StoreError::OverQuota => {
                RefusalKind::Invalid
            }
            StoreError::Engine(EngineError::Owned(_)) => RefusalKind::Exists,
            // Operators ask questions of their own.
            StoreError::Engine(EngineError::Statement { .. }) => RefusalKind::Invalid,
            StoreError::Engine(error) if error.is_temporary() => RefusalKind::Temporary,
            StoreError::Engine(_) => RefusalKind::Internal,
        };
        Refusal::because(kind, &error).into()
    }
}

impl From<EngineError> for Answer {
    fn from(error: EngineError) -> Answer {
        StoreError::from(error).into()
    }
}

impl From<DirectoryError> for Answer {
    fn from(error: DirectoryError) -> Answer {
        match error {
            DirectoryError::Store(error) => error.into(),
            DirectoryError::Password(error) => {
                Refusal::because(RefusalKind::Invalid, &error).into()
            }
        }
    }
}

/// A result as it goes over the wire.
pub(super) fn result(value: &impl serde::Serialize) -> Result<Value, Answer> {
    serde_json::to_value(value)
        .map_err(|error| Refusal::because(RefusalKind::Internal, &error).into())
}

/// Reads an argument.
pub(super) fn parse<T>(text: &str) -> Result<T, Answer>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| invalid(format!("{text:?}: {error}")))
}

/// The argument is wrong in itself.
pub(super) fn invalid(message: impl Into<String>) -> Answer {
    Refusal::new(RefusalKind::Invalid, message).into()
}

/// What is asked for does not exist.
pub(super) fn not_found(message: impl Into<String>) -> Answer {
    Refusal::new(RefusalKind::NotFound, message).into()
}

/// Octets in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
