//! STATUS (RFC 3501 6.3.10).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};
use crate::imap::value::{MailboxArgument, StatusItem};

/// STATUS.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Of which mailbox.
    pub mailbox: MailboxArgument,
    /// What, each once, in the client's order.
    pub items: Vec<StatusItem>,
}

/// Reads STATUS's arguments.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse(cursor)?;
    cursor.space()?;
    let items = StatusItem::parse_list(cursor)?;
    Ok(Command::Request(Request::Status(Status { mailbox, items })))
}
