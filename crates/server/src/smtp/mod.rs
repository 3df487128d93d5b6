//! Drives SMTP sessions: sockets, TLS, deadlines, spooling and throttling around the session of
//! [`posthorn_proto::smtp`], which knows the protocol.
//!
//! Whom to take mail for, who may log in and what becomes of a message is asked of a [`Handler`],
//! one per connection.
//!
//! Invariants
//! * Replies go out before the driver waits for the peer, and not before a delay that the peer
//!   earned.
//! * A message's bytes go from the input straight to the [spool](crate::spool); the driver keeps
//!   none.
//! * A 250 for a message is written only after the handler gave an id for it.
//! * Passwords go to the handler and nowhere else.

mod driver;
mod handler;
mod words;

pub use driver::{Setup, Shared, drive};
pub use handler::{Facts, Handler, Note};
