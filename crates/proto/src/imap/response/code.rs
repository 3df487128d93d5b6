//! Response codes (RFC 3501 7.1, RFC 5530 and the extensions).

use super::super::value::SequenceSet;
use posthorn_base::{MailboxId, ModSeq, Uid, UidValidity};

/// The word in brackets behind a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// ALERT: the text must be shown to the user.
    Alert,
    /// ALREADYEXISTS (RFC 5530).
    AlreadyExists,
    /// APPENDUID (RFC 4315).
    AppendUid(UidValidity, Uid),
    /// AUTHENTICATIONFAILED (RFC 5530).
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED (RFC 5530).
    AuthorizationFailed,
    /// BADCHARSET; we know US-ASCII and UTF-8.
    BadCharset,
    /// CANNOT (RFC 5530): will never work.
    Cannot,
    /// CLIENTBUG (RFC 5530).
    ClientBug,
    /// CLOSED (RFC 7162 3.2.11): the mailbox that was selected is no more.
    Closed,
    /// COMPRESSIONACTIVE (RFC 4978).
    CompressionActive,
    /// COPYUID (RFC 4315): UIDs in the source and in the target, in the same order, rising.
    CopyUid(UidValidity, Vec<(Uid, Uid)>),
    /// EXPUNGEISSUED (RFC 5530).
    ExpungeIssued,
    /// HIGHESTMODSEQ (RFC 7162 3.1.2.1).
    HighestModSeq(ModSeq),
    /// INUSE (RFC 5530).
    InUse,
    /// LIMIT (RFC 5530).
    Limit,
    /// MAILBOXID (RFC 8474 4).
    MailboxId(MailboxId),
    /// MODIFIED (RFC 7162 3.1.3).
    Modified(SequenceSet),
    /// NOMODSEQ (RFC 7162 3.1.2.2).
    NoModSeq,
    /// NONEXISTENT (RFC 5530).
    NonExistent,
    /// NOPERM (RFC 5530).
    NoPerm,
    /// NOTSAVED (RFC 5182).
    NotSaved,
    /// OVERQUOTA (RFC 5530).
    OverQuota,
    /// PERMANENTFLAGS, written out in parentheses.
    PermanentFlags(Box<[u8]>),
    /// PRIVACYREQUIRED (RFC 5530).
    PrivacyRequired,
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// SERVERBUG (RFC 5530).
    ServerBug,
    /// TOOBIG (RFC 7888 4).
    TooBig,
    /// TRYCREATE.
    TryCreate,
    /// UIDNEXT.
    UidNext(Uid),
    /// UIDNOTSTICKY has no use here; UIDVALIDITY.
    UidValidity(UidValidity),
    /// UNAVAILABLE (RFC 5530): later it may work.
    Unavailable,
    /// UNSEEN: the sequence number of the first message without \Seen.
    Unseen(u32),
    /// USEATTR (RFC 6154 3): this use cannot be given.
    UseAttr,
}
