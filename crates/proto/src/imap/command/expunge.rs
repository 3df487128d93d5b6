//! EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};
use crate::imap::value::MessageSet;

/// EXPUNGE.
#[derive(Clone, Debug, PartialEq)]
pub struct Expunge {
    /// UID EXPUNGE: only these UIDs.
    pub uids: Option<MessageSet>,
}

/// Reads the argument of UID EXPUNGE.
pub(super) fn parse_uid(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let uids = Some(MessageSet::parse(cursor)?);
    Ok(Command::Request(Request::Expunge(Expunge { uids })))
}
