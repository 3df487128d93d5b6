//! What STATUS asks for (RFC 3501 6.3.10 and extensions).

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
    /// HIGHESTMODSEQ (RFC 7162 3.1.2.2... as a status item: 3.1.7).
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
