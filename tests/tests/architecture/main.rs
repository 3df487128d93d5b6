//! What may depend on what: the arrows between our crates, and what may stand below them.
//!
//! Invariants
//! * Arrows run downwards only. Words know nothing, logic knows words, the store knows no protocol
//!   and no protocol knows the store.
//! * Everything that is linked, or that runs while building or testing, may be used under a
//!   permissive licence.
//! * One implementation of cryptography and one SQLite.

#![expect(clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

mod arrows;
mod graph;
mod licence;
