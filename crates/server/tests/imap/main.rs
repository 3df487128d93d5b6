//! IMAP against the whole server, over TCP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a panic is how they fail"
)]

mod cost;
mod fetch;
mod model;
mod revoked;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod transcripts;
