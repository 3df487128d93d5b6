//! The checks that the tests run with random input, for libFuzzer.
//!
//! Invariants
//! * Nothing is checked here that the tests do not check as well.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/proto/tests/imap/checks.rs"]
mod checks;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/proto/tests/imap/driver.rs"]
mod driver;

/// Literals full of commands.
pub fn framing(bytes: &[u8]) {
    checks::framing(bytes);
}

/// One line.
pub fn grammar(bytes: &[u8]) {
    checks::grammar(bytes);
}

/// A dialogue, whole and in pieces.
pub fn session(bytes: &[u8]) {
    checks::session(bytes);
}
