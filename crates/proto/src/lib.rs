//! The wire protocols as pure logic: values, parsers, encoders and session machines.
//!
//! Invariants
//! * Nothing here does I/O. A session is fed bytes, answers and the time; it gives bytes, questions
//!   and effects. Sockets, clocks, DNS and the store are the driver's, in `server`.
//! * Nothing a peer sends panics, and nothing it sends makes a session hold more than its limits.

mod confusion;
#[allow(dead_code, reason = "the parser and the session come next")]
pub mod imap;
pub mod pop3;
pub mod sasl;
pub mod smtp;
pub mod tls;
