//! IMAP against the whole server, over TCP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests: a panic is how they fail"
)]

mod changes;
mod compress;
mod cost;
mod fetch;
mod log;
mod model;
mod pinned;
mod revoked;
mod server;
mod stuck;
#[path = "../support/mod.rs"]
mod support;
mod transcripts;
