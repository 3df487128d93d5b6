//! ENABLE (RFC 5161 3.1) and COMPRESS (RFC 4978 3): commands that take names.

use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};

/// Reads ENABLE's arguments: capabilities, known or not.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Command> {
    let mut names: Vec<Box<str>> = Vec::new();
    while names.is_empty() || !cursor.rest().is_empty() {
        cursor.space()?;
        names.push(cursor.word("a capability is missing")?.into());
    }
    Ok(Command::Enable(names))
}

/// Reads COMPRESS's argument.
pub(super) fn parse_compress(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    Ok(Command::Compress(cursor.word("a mechanism is missing")?.into()))
}
