//! POP3 sessions driven in memory, through the public interface only.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

#[path = "../common/mod.rs"]
mod common;
mod driver;
mod limits;
mod properties;
mod transcripts;
