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
        let refusal = Refusal::because(kind, &error);
        match remedy(&error) {
            Some(hint) => refusal.hint(hint).into(),
            None => refusal.into(),
        }
    }
}

/// What can be done about an error of the store's.
fn remedy(error: &StoreError) -> Option<String> {
    let (what, name) = match error {
        StoreError::Missing { what, name } => (*what, name),
        StoreError::OverQuota => {
            return Some(format!("posthorn account quota {ACCOUNT} --bytes SIZE sets it"));
        }
        StoreError::Engine(EngineError::Full) => {
            return Some("make room on the disk, or lower store.disk_reserve".to_owned());
        }
        StoreError::Exists { .. }
        | StoreError::Refused(_)
        | StoreError::Limit { .. }
        | StoreError::Engine(_) => return None,
    };
    match what {
        "domain" => Some(format!(
            "posthorn domain list shows those there are; posthorn domain add {name} adds it"
        )),
        "account" => Some(ACCOUNTS.to_owned()),
        "address" => Some("posthorn alias list and posthorn list list show those there are".into()),
        "login name" | "credential" => {
            Some(format!("posthorn account show {ACCOUNT} shows those there are"))
        }
        "grant of" => Some(format!("posthorn grant list {ACCOUNT} shows those there are")),
        "mailbox" => Some(format!("posthorn mailbox list {ACCOUNT} shows those there are")),
        "message" => Some(MESSAGES.to_owned()),
        "queue row" => Some(QUEUE.to_owned()),
        _ => None,
    }
}

const ACCOUNT: &str = "ACCOUNT";
/// Where accounts are found.
pub(super) const ACCOUNTS: &str =
    "posthorn account list shows those there are; an account goes by address, login name or id";
/// Where the ids of messages are found.
pub(super) const MESSAGES: &str = "posthorn message list ACCOUNT shows messages with their ids";
/// Where the ids of queue rows are found.
pub(super) const QUEUE: &str = "posthorn queue list shows the rows with their ids";
/// Where the ids of arrivals are found.
pub(super) const STORIES: &str = "posthorn message stories shows the latest; an arrival's id also \
                                  stands in the 250, in our Received field and in the log";

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

/// What is asked for does not exist; `hint` says where to find what does.
pub(super) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Answer {
    Refusal::new(RefusalKind::NotFound, message).hint(hint).into()
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
