//! The grammar of commands (RFC 3501 9): a cursor over one whole command, and the primitives that
//! commands are made of.
//!
//! A command is in one piece: its literals stand where the client put them, behind their
//! announcements. Framing has seen to it that they are complete.
//!
//! Invariants
//! * The cursor only moves forward, and never beyond the command.
//! * Nothing recurses but search keys, whose depth is bounded.

mod cursor;
mod date;

pub(crate) use cursor::{Cursor, Fault, Parse};
pub(crate) use date::{date, date_time};
