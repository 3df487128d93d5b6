//! Drives IMAP sessions: sockets, TLS, deadlines and throttling around the session of
//! [`posthorn_proto::imap`], which knows the protocol, and the commands on the store that it asks
//! for.
//!
//! ```text
//!   driver/     the loop: reads, writes, logs in, waits (IDLE), closes
//!     |  Event::Run(request)
//!   command/    one file a command: reads and writes the store, writes untagged responses
//!     |
//!   sync        afterwards: tells what changed, as far as it may be told
//!     |
//!   context     the account, what is selected, what is enabled
//!   selected    the view that the client knows
//!   recent      which messages it is the first to hear of
//!   pinned      what silent sessions hold of mailboxes that have moved on
//!   keywords    the names of keywords
//!   reply       what a client is told when the store does not do what it asked
//!   output      untagged responses on their way to a client that may be slow
//! ```
//!
//! Invariants
//! * What a client was told of its mailbox is one [`View`](posthorn_store::view::View); it moves on
//!   only when the difference is written to the client, and messages leave it only when EXPUNGE or
//!   VANISHED is written (RFC 3501 5.2, 5.5 and 7.4.1).
//! * Between two writes to a client nothing of the store is held: no transaction, no connection.
//! * Output waits in `limits::IMAP_OUTPUT_BYTES_MAX`; message octets in memory are covered by the
//!   node's budget. A client that does not read is cut, with a reason in the log.

mod command;
mod context;
mod driver;
mod keywords;
mod output;
mod pinned;
mod recent;
mod reply;
mod selected;
mod sync;
mod untagged;

pub(crate) use context::Context;
pub use context::Shared;
pub use driver::{Setup, drive};
pub(crate) use output::Output;
pub(crate) use selected::Selected;
