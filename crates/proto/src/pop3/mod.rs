//! POP3 (RFC 1939, 2449, 2595, 3206, 5034, 6856), the server's side.
//!
//! A [`Session`] is fed the client's bytes and the driver's answers; it appends replies to an
//! output buffer and says by [`Event`]s what it needs: a login checked, a maildrop opened, a
//! message read, deletions committed.
//!
//! ```text
//! AUTHORIZATION --login, maildrop opened--> TRANSACTION --QUIT--> UPDATE (commit) --> closed
//!       ^ refused: back to the beginning          | any other end: nothing is deleted
//! ```
//!
//! Invariants
//! * Messages are deleted by QUIT alone (RFC 1939 6): every other end forgets the marks.
//! * A maildrop is a snapshot: message numbers, sizes and unique-ids don't change in a session,
//!   whatever other protocols do to the mailbox.
//! * Each command gets exactly one reply, in order, so clients may pipeline (RFC 2449 6.6).
//! * Output is made only while less than `limits::POP3_OUTPUT_BYTES_MAX` waits: a listing of a
//!   hundred thousand messages is made as the client takes it.
//! * A multi-line reply that cannot be finished ends with the connection, never with a dot: a
//!   client must not take half a message for a whole one and delete it.

mod command;
mod config;
mod event;
mod input;
mod maildrop;
mod outgoing;
mod response;
mod session;
mod stuffing;

pub use crate::tls::TlsInfo;
pub use config::Config;
pub use event::{CloseReason, Event, Feed, OpenError, Part, RetrieveError};
pub use maildrop::{Maildrop, UniqueId, UniqueIdError};
pub use session::Session;
pub use stuffing::OctetCounter;
