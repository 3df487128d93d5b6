//! What STATUS asks for (RFC 3501 6.3.10 and extensions).

use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse};

/// One item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusItem {
    /// MESSAGES.
    Messages,
    /// RECENT.
    Recent,
    /// UIDNEXT.
    UidNext,
    /// UIDVALIDITY.
    UidValidity,
    /// UNSEEN: how many.
    Unseen,
    /// HIGHESTMODSEQ (RFC 7162 3.1.7).
    HighestModSeq,
    /// SIZE (RFC 8438).
    Size,
    /// DELETED: how many (RFC 9208 4.1.4, RFC 9051 6.3.11).
    Deleted,
    /// DELETED-STORAGE: octets of these (RFC 9208 5).
    DeletedStorage,
    /// APPENDLIMIT (RFC 7889).
    AppendLimit,
    /// MAILBOXID (RFC 8474 4.3).
    MailboxId,
}

impl StatusItem {
    /// Every item, with its name on the wire.
    pub const NAMED: &'static [(StatusItem, &'static str)] = &[
        (StatusItem::Messages, "MESSAGES"),
        (StatusItem::Recent, "RECENT"),
        (StatusItem::UidNext, "UIDNEXT"),
        (StatusItem::UidValidity, "UIDVALIDITY"),
        (StatusItem::Unseen, "UNSEEN"),
        (StatusItem::HighestModSeq, "HIGHESTMODSEQ"),
        (StatusItem::Size, "SIZE"),
        (StatusItem::Deleted, "DELETED"),
        (StatusItem::DeletedStorage, "DELETED-STORAGE"),
        (StatusItem::AppendLimit, "APPENDLIMIT"),
        (StatusItem::MailboxId, "MAILBOXID"),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(item, _)| *item == self).map_or("", |(_, name)| name)
    }

    /// The items in parentheses, each once.
    pub(crate) fn parse_list(cursor: &mut Cursor<'_>) -> Parse<Vec<StatusItem>> {
        let mut items = Vec::new();
        cursor.list(Self::NAMED.len() * 2, |cursor| {
            let word = cursor.word("an item of STATUS is missing")?;
            let known = Self::NAMED.iter().find(|(_, name)| *name == word);
            let (item, _) = known.ok_or(Fault::new("an item of STATUS is not known"))?;
            if !items.contains(item) {
                items.push(*item);
            }
            Ok(())
        })?;
        if items.is_empty() {
            return Err(Fault::new("STATUS wants at least one item").with(Code::ClientBug));
        }
        Ok(items)
    }
}
