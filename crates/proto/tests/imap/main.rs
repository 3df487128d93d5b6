//! IMAP sessions driven in memory, through the public interface only.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod driver;
mod fuzz;
mod limits;
mod properties;
mod smuggling;
mod transcripts;
