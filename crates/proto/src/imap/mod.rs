//! IMAP4rev1 (RFC 3501) and its extensions, the server's side.
//!
//! ```text
//! bytes -> framing -> grammar -> Command -> session -> Event::Run(Request)   -> driver, store
//!          lines and   one file             states,    Event::Append...         |
//!          literals    a command            login, TLS                          v
//! bytes <------------------------------------------------ response encoders, Completion
//! ```
//!
//! The session knows who may say what when, and what a command looks like. What a mailbox holds it
//! does not know: commands on mailboxes and messages are questions to the driver, which writes
//! untagged responses with the encoders of [`response`] and ends with one [`Completion`].
//!
//! Invariants
//! * Framing comes before grammar: where a command ends is known from its lines and literals alone,
//!   so that no octet of a literal, taken or refused, is ever read as a command.
//! * Each command gets exactly one tagged response; commands of a client that pipelines are worked
//!   on one after the other, so none of them can be ambiguous (RFC 3501 5.5).
//! * What a command may say and hold is bounded: `limits::IMAP_*`.
//! * What CAPABILITY says, and the documentation, come from one table ([`capability`]); replies and
//!   their codes from another ([`response`]).

pub mod capability;
pub mod command;
mod config;
mod event;
mod framing;
mod grammar;
pub mod response;
mod session;
pub mod value;

pub use crate::tls::TlsInfo;
pub use config::Config;
pub use event::{CloseReason, Event};
pub use response::{Code, Completion, Status};
pub use session::Session;
