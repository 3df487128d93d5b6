//! SMTP, the server's side: receiving and submission (RFC 5321, RFC 6409) with their extensions.
//!
//! [`Session`] is one connection's state machine. Bytes, answers and the time go in; replies,
//! questions and effects ([`Event`]) come out. It reads no socket and no clock, so the dialogues
//! run in tests and fuzzers at memory speed, and the driver that does the I/O holds no protocol.
//!
//! | file | what |
//! |---|---|
//! | [`session`] | the states, the loop, deadlines, answers |
//! | `command/` | one command one file: its grammar and what it does |
//! | `transfer` | a message's bytes: end, dots, line endings |
//! | [`path`], [`parameter`], [`envelope`] | the values that MAIL and RCPT carry |
//! | [`reply`] | every reply, with its codes |
//! | [`trace`] | the Received and Return-Path fields |
//!
//! Invariants
//! * A command is a line that CR LF ends. Nothing else is ever taken for a line's end.
//! * While a question is open no input is looked at, so replies come in the order of the commands
//!   (RFC 2920 3.2).
//! * The same bytes lead to the same events and replies, however they were cut.
//! * Memory is bounded: a line, the envelope (by count and by bytes) and the output have limits;
//!   the data of a message is never kept here.

mod command;
pub mod config;
pub mod envelope;
pub mod event;
pub mod parameter;
pub mod path;
pub mod reply;
pub mod session;
pub mod trace;
mod transfer;

pub use crate::tls::TlsInfo;
pub use config::{Config, Service};
pub use envelope::{Body, Envelope, Hello, Mail, Notify, Recipient, Return};
pub use event::{CloseReason, DataFault, Event};
pub use path::{ForwardPath, PathError, ReversePath};
pub use reply::{Enhanced, Reply};
pub use session::Session;
pub use trace::{Peer, Received, return_path};

#[cfg(test)]
mod tests;
