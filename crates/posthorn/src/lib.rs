//! The command line of Posthorn: what an operator types, the configuration file, and the start of
//! the server.
//!
//! Invariants
//! * Only [`output`] writes to standard output and standard error.
//! * Every failure is an [`exit::Explain`]: it has an exit code, and says what to do where it can.
//! * Nothing from a message, a peer or the store reaches the terminal unescaped.

pub mod cli;
pub mod config;
pub mod demo;
pub mod exit;
pub mod output;
pub mod password;
pub mod serving;
pub mod startup;
pub mod transfer;
