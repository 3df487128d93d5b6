//! ID (RFC 2971): who the client is.

use super::line::Command;
use crate::imap::grammar::{Cursor, Parse};
use posthorn_base::limits;

/// Reads ID's argument. What goes beyond RFC 2971 3.3 is dropped, not refused: a client that boasts
/// may work all the same.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    if cursor.eat_word("NIL") {
        return Ok(Command::Id(Vec::new()));
    }
    let mut fields = Vec::new();
    cursor.list(limits::IMAP_COMMAND_BYTES_MAX, |cursor| {
        let name = cursor.astring()?;
        cursor.space()?;
        let value = cursor.nstring()?;
        let is_short = name.len() <= limits::IMAP_ID_NAME_BYTES_MAX
            && value.as_ref().is_none_or(|value| value.len() <= limits::IMAP_ID_VALUE_BYTES_MAX);
        if is_short && fields.len() < limits::IMAP_ID_FIELDS_MAX {
            let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
            fields.push((text(&name), value.as_deref().map(text)));
        }
        Ok(())
    })?;
    Ok(Command::Id(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Option<Vec<(String, Option<String>)>> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parse(&mut cursor).ok()?;
        cursor.end().ok()?;
        match command {
            Command::Id(fields) => Some(fields),
            _ => None,
        }
    }

    #[test]
    fn clients() {
        assert_eq!(fields(" NIL"), Some(vec![]));
        assert_eq!(fields(" ()"), Some(vec![]));
        let field = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            fields(" (\"name\" \"mutt\" \"os\" NIL {3}\r\nenv {2}\r\nü)"),
            Some(vec![field("name", Some("mutt")), field("os", None), field("env", Some("ü")),])
        );
        for wrong in ["", " ", " x", " (\"name\")", " (\"name\" \"a\" \"b\")", " NIL x", " (a b)"] {
            assert_eq!(fields(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_goes_too_far_is_dropped() {
        let many = |n| format!(" ({})", vec!["\"a\" \"b\""; n].join(" "));
        let count = |text: &str| fields(text).unwrap().len();
        assert_eq!(count(&many(limits::IMAP_ID_FIELDS_MAX)), limits::IMAP_ID_FIELDS_MAX);
        assert_eq!(count(&many(limits::IMAP_ID_FIELDS_MAX + 1)), limits::IMAP_ID_FIELDS_MAX);
        let one = |name: usize, value: usize| {
            count(&format!(" (\"{}\" \"{}\")", "n".repeat(name), "v".repeat(value)))
        };
        let (name, value) = (limits::IMAP_ID_NAME_BYTES_MAX, limits::IMAP_ID_VALUE_BYTES_MAX);
        assert_eq!((one(name, value), one(name + 1, value), one(name, value + 1)), (1, 0, 0));
    }
}
