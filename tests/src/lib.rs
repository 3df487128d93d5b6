//! What the integration tests in `tests/` share.
//!
//! Everything here is test code: a panic is how it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code: a panic is how it fails"
)]

pub mod durability;
