//! What can go wrong in the store. `Display` is for our log and may name paths; peers see only the
//! reply that `server` makes of the variant.

use std::path::PathBuf;

/// What went wrong beneath the operations: the engine, its files, its connection.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The disk is full, or free space fell below the reserve.
    #[error("no space left for the store")]
    Full,
    /// A read or a write failed.
    #[error("input or output failed in the store: {0}")]
    Io(String),
    /// The engine could not get memory.
    #[error("the store's engine is out of memory")]
    NoMemory,
    /// A page, row, frame or file does not hold what it must.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The transaction lost a race and may be run again (SQLSTATE 40001, 40P01, SQLITE_BUSY).
    #[error("the transaction lost a race and can be tried again")]
    Retry,
    /// The connection broke while committing: whether it did is to be looked up by operation id.
    #[error("it is unknown whether the transaction committed")]
    Ambiguous,
    /// A key exists already.
    #[error("a row with this key exists: {0}")]
    Duplicate(String),
    /// The engine does not answer: not reachable, or shutting down.
    #[error("the store's engine is not available: {0}")]
    Unavailable(String),
    /// Another process owns the store's directory.
    #[error("another process owns the store in {}", .0.display())]
    Owned(PathBuf),
    /// The store was written by a release that this one cannot follow.
    #[error(
        "the store has schema {schema}, which needs at least {needs}; this release knows {known}"
    )]
    TooNew {
        /// The store's schema.
        schema: i64,
        /// What the store demands.
        needs: i64,
        /// What this binary knows.
        known: i64,
    },
    /// A statement that the engine refuses: a bug of ours.
    #[error("statement refused: {message} in {sql}")]
    Statement {
        /// The engine's words.
        message: String,
        /// The statement.
        sql: &'static str,
    },
}

impl EngineError {
    /// True when trying later may succeed: the peer is told 4xx, not 5xx.
    pub fn is_temporary(&self) -> bool {
        match self {
            EngineError::Full
            | EngineError::Io(_)
            | EngineError::NoMemory
            | EngineError::Retry
            | EngineError::Ambiguous
            | EngineError::Unavailable(_)
            | EngineError::Owned(_) => true,
            EngineError::Corrupt(_)
            | EngineError::Duplicate(_)
            | EngineError::TooNew { .. }
            | EngineError::Statement { .. } => false,
        }
    }
}

/// What an operation of the store answers when it does not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine failed. Nothing was changed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No such account, domain, address, mailbox, credential, message...; says which.
    #[error("there is no {what} {name}")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// Its name as it was asked for.
        name: String,
    },
    /// It exists already.
    #[error("the {what} {name} exists already")]
    Exists {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The change would break a rule of the store; the text says which and what to do.
    #[error("{0}")]
    Refused(String),
    /// The account has no room (RFC 3463 X.2.2).
    #[error("the account is over its quota")]
    OverQuota,
    /// A named limit is reached.
    #[error("{what} are limited to {limit}")]
    Limit {
        /// What is limited.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

impl StoreError {
    /// Shorthand for [`StoreError::Missing`].
    pub fn missing(what: &'static str, name: impl ToString) -> Self {
        StoreError::Missing { what, name: name.to_string() }
    }
    /// Shorthand for [`StoreError::Exists`].
    pub fn exists(what: &'static str, name: impl ToString) -> Self {
        StoreError::Exists { what, name: name.to_string() }
    }
}
