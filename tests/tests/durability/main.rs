//! A crash at any moment loses nothing that was acknowledged.
//!
//! The plain test command runs a few rounds. `POSTHORN_CRASH_ROUNDS` and `POSTHORN_POWER_CUTS` say
//! how many are wanted, `POSTHORN_SEED` repeats one that failed. What needs a C compiler or a mount
//! is ignored and run by `cargo test -p posthorn-tests -- --ignored`.

#![cfg(test)]

mod child;
mod full_disk;
mod kill;
mod memory;
mod powercut;
mod statements;
