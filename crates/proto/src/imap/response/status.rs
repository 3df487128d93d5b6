//! STATUS (RFC 3501 7.2.4).

use super::name;
use crate::imap::value::StatusItem;
use posthorn_base::{MailboxId, ObjectId};

/// What STATUS says of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusValue {
    /// A number.
    Number(u64),
    /// The mailbox's id (RFC 8474 4.3).
    Id(MailboxId),
}

/// `* STATUS "INBOX" (MESSAGES 17 UIDNEXT 18)`.
pub fn status(out: &mut Vec<u8>, mailbox: &str, values: &[(StatusItem, StatusValue)]) {
    out.extend_from_slice(b"* STATUS ");
    name::mailbox(out, mailbox);
    out.extend_from_slice(b" (");
    for (at, (item, value)) in values.iter().enumerate() {
        let space = if at > 0 { " " } else { "" };
        let item = item.name();
        let text = match value {
            StatusValue::Number(number) => format!("{space}{item} {number}"),
            StatusValue::Id(id) => format!("{space}{item} ({})", ObjectId(*id)),
        };
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b")\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut out = Vec::new();
        status(&mut out, "INBOX", &[]);
        let id = MailboxId::new(1).unwrap();
        let values = [
            (StatusItem::Messages, StatusValue::Number(17)),
            (StatusItem::MailboxId, StatusValue::Id(id)),
        ];
        status(&mut out, "a&b", &values);
        let want = "* STATUS \"INBOX\" ()\r\n\
            * STATUS \"a&-b\" (MESSAGES 17 MAILBOXID (f0000000000001))\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
