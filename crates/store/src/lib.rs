//! The mail store: accounts, mailboxes, messages, bodies, queue rows, the change log and stories,
//! in one relational schema on two engines.
//!
//! ```text
//!   server, posthorn
//!        |  domain operations: accept, fetch, store flags, expunge, changes since, claim due ...
//!      Store ---- views in memory
//!        |  Operation::run(tx): written once, in SQL that both engines accept
//!      seam      Tx::run(batch of statements) -> rows
//!        |                       |
//!      sqlite                 postgres
//!   one writer thread,      a pool of connections,
//!   group commit            one transaction each
//! ```
//!
//! Invariants
//! * What an operation answered with success is on stable storage: [`Engine::write`] answers after
//!   the commit.
//! * An operation may run several times before it commits: it has no effect but on its [`Tx`].
//! * Changes are published after the commit, in commit order, never before.
//! * The store knows no protocol: no reply codes, no wire formats.

pub mod backup;
pub mod bodies;
pub mod check;
pub mod directory;
pub mod engine;
pub mod error;
pub mod mail;
pub mod meta;
pub mod postgres;
pub mod queue;
pub mod reference;
pub mod schema;
pub mod seam;
pub mod sqlite;
pub mod story;
pub mod view;

pub use engine::{Birth, Engine, Host};
pub use error::{EngineError, StoreError};
pub use seam::{Batch, Change, Operation, Rows, Statement, Tx, Value};
