//! COPY (RFC 3501 6.4.7) and MOVE (RFC 6851).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};
use crate::imap::value::{MailboxArgument, MessageSet};

/// COPY, UID COPY, MOVE or UID MOVE.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// Which messages.
    pub set: MessageSet,
    /// Whether the set has UIDs.
    pub by_uid: bool,
    /// Where to.
    pub to: MailboxArgument,
    /// Whether the source goes.
    pub is_move: bool,
}

/// Reads the arguments of all four.
pub(super) fn parse(cursor: &mut Cursor<'_>, by_uid: bool, is_move: bool) -> Parse<Command> {
    cursor.space()?;
    let set = MessageSet::parse(cursor)?;
    cursor.space()?;
    let to = MailboxArgument::parse(cursor)?;
    Ok(Command::Request(Request::Copy(Copy { set, by_uid, to, is_move })))
}
