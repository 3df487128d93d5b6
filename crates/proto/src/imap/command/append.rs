//! APPEND (RFC 3501 6.3.11): a message that the client puts into a mailbox.

use super::line::Command;
use crate::imap::grammar::{Cursor, Parse, date_time};
use crate::imap::value::{FlagList, MailboxArgument};
use posthorn_base::ZonedTime;

/// APPEND, without the message.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Where.
    pub mailbox: MailboxArgument,
    /// Flags and keywords.
    pub flags: FlagList,
    /// INTERNALDATE; `None`: now.
    pub received: Option<ZonedTime>,
    /// Octets of the message.
    pub size: u64,
}

/// Reads what follows the name, up to and with the announcement of the message.
pub(super) fn parse_head(cursor: &mut Cursor<'_>) -> Parse<Append> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse(cursor)?;
    cursor.space()?;
    let mut flags = FlagList::default();
    if cursor.peek() == Some(b'(') {
        flags = FlagList::parse(cursor)?;
        cursor.space()?;
    }
    let mut received = None;
    if cursor.peek() == Some(b'"') {
        received = Some(date_time(cursor)?);
        cursor.space()?;
    }
    Ok(Append { mailbox, flags, received, size: cursor.announcement()? })
}

/// True when the literal that is announced at the end of the text is the name of the mailbox.
pub(super) fn announces_name(cursor: &Cursor<'_>) -> bool {
    let mut cursor = *cursor;
    cursor.eat(b' ') && cursor.announcement().is_ok()
}

/// Says what is wrong with an APPEND that [`parse_head`] does not take.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Command> {
    parse_head(cursor).map(Command::Append)
}

#[cfg(test)]
mod tests {
    use super::super::append_head;
    use super::*;
    use posthorn_base::Flags;

    fn head(text: &str) -> Option<Append> {
        append_head(text.as_bytes()).and_then(|(tag, append)| {
            assert_eq!(tag.as_str(), "A1");
            append.ok()
        })
    }

    #[test]
    fn heads() {
        // RFC 3501 6.3.11
        let append = head("A1 APPEND saved-messages (\\Seen) {310}").unwrap();
        assert_eq!(append.mailbox, MailboxArgument::of("saved-messages"));
        assert_eq!((append.flags.flags, append.size), (Flags::SEEN, 310));
        assert_eq!(append.received, None);

        let append = head("A1 append {4}\r\nä\"( \" 1-Jan-2026 00:00:00 +0000\" {0+}\r\n");
        let append = append.unwrap();
        assert_eq!(append.mailbox, MailboxArgument::of("ä\"("));
        assert!(append.received.is_some() && append.flags == FlagList::default());

        let append =
            head("A1 APPEND INBOX () \"01-Jan-2026 00:00:00 +0000\" {9223372036854775807}");
        assert_eq!(append.unwrap().size, i64::MAX.unsigned_abs());
    }

    #[test]
    fn what_is_no_head() {
        for text in [
            "A1 NOOP {3}",
            "A1 APPEND {5}",
            "A1 APPENDIX INBOX {5}",
            "A1 APPEND INBOX (\\Recent) {5}",
            "A1 APPEND INBOX (\\Seen)",
            "A1 APPEND INBOX {9223372036854775808}",
            "A1 APPEND INBOX {5}x",
            "A1 APPEND INBOX  {5}",
            "A1 APPEND INBOX \"\" {5}",
            "A1 APPEND INBOX UTF8 (~{5}",
            "A1 APPEND INBOX ~{5}",
            "APPEND INBOX {5}",
            "",
        ] {
            assert_eq!(head(text), None, "{text}");
        }
    }
}
