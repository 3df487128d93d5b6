//! Drives POP3 sessions: sockets, TLS, deadlines and throttling around the session of
//! [`posthorn_proto::pop3`], which knows the protocol, and the maildrops that it shows, which are
//! the INBOXes of the store.
//!
//! ```text
//!  login ok -> Maildrops::open: lock, snapshot -> Session
//!  RETR     -> Source: row -> frame -> pieces  -> Session -> connection
//!  QUIT     -> Maildrop::commit: expunge       -> +OK
//! ```
//!
//! Invariants
//! * An account's maildrop is open in one POP3 session at most. No other protocol is kept waiting
//!   by it.
//! * Between two writes to a client nothing of the store is held: no transaction, no connection.
//! * Messages' bytes in memory are covered by the node's budget, and a session that waits for
//!   memory holds none. Snapshots have a sum of their own, [`limits::POP3_SNAPSHOTS_BYTES_MAX`].
//! * The +OK of a QUIT is written after the deletions are on stable storage and the maildrop is
//!   free.
//! * A message that breaks off ends the connection without a goodbye.

#[cfg(doc)]
use posthorn_base::limits;

mod driver;
mod lock;
mod maildrop;

pub use driver::{Setup, drive};
pub use maildrop::Maildrops;
