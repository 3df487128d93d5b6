//! Commands without arguments: CAPABILITY, NOOP, LOGOUT, STARTTLS, CHECK, CLOSE, EXPUNGE (RFC 3501
//! 6), IDLE (RFC 2177), NAMESPACE (RFC 2342), UNSELECT (RFC 3691).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};

/// One that the session keeps to itself.
pub(super) fn plain(cursor: &mut Cursor<'_>, command: Command) -> Parse<Command> {
    cursor.end().map(|()| command)
}

/// One for the driver.
pub(super) fn request(cursor: &mut Cursor<'_>, request: Request) -> Parse<Command> {
    plain(cursor, Command::Request(request))
}
