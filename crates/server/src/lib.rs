//! Everything asynchronous: listeners, TLS, connections and the memory they may take together.
//!
//! The logic of the protocols is in `proto` and does no input or output; here are the sockets, the
//! clock and the randomness that it runs on.
//!
//! Invariants
//! * Whatever peers do, memory is bounded: a connection's fixed state by
//!   `limits::CONNECTION_MEMORY_BYTES_MAX`, their number by [`listen::LimitsConfig`], and all
//!   message bytes in memory by one [`memory::Budget`].
//! * Whoever waits for a peer waits with a deadline.
//! * Bytes from a peer reach the log only through [`posthorn_base::shown::Shown`].

pub mod auth;
mod body;
pub mod conn;
pub mod control;
pub mod dialogue;
pub mod directory;
pub mod facts;
pub mod hub;
pub mod imap;
pub mod intake;
pub mod listen;
pub mod log;
pub mod login;
pub mod maintenance;
pub mod memory;
pub mod network;
pub mod node;
pub mod open;
pub mod pop3;
mod removal;
pub mod run;
pub mod shutdown;
pub mod smtp;
pub mod spool;
pub mod system;
#[cfg(test)]
mod test_accounts;
pub mod throttle;
pub mod tls;
mod turns;
