//! The mail side's operations, over an engine.

#![cfg(test)]

mod accept;
mod mailboxes;
mod messages;
mod world;
