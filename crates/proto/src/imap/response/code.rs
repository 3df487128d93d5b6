//! Response codes (RFC 3501 7.1, RFC 5530 and the extensions).

use super::sequence;
use crate::imap::value::SequenceSet;
use posthorn_base::{MailboxId, ModSeq, ObjectId, Uid, UidValidity};
use posthorn_message::structure::imap_text::write_number;
use std::io::Write;

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
    /// CAPABILITY: the capabilities, with spaces between them.
    Capability(Box<str>),
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

impl Code {
    /// Writes it, without the brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        let word = |out: &mut Vec<u8>, word: &str| out.extend_from_slice(word.as_bytes());
        let number = |out: &mut Vec<u8>, name: &str, value: u64| {
            word(out, name);
            write_number(out, value);
        };
        match self {
            Code::BadCharset => word(out, "BADCHARSET (US-ASCII UTF-8)"),
            Code::Capability(names) => {
                word(out, "CAPABILITY ");
                word(out, names);
            }
            Code::PermanentFlags(flags) => {
                word(out, "PERMANENTFLAGS ");
                out.extend_from_slice(flags);
            }
            Code::AppendUid(validity, uid) => {
                number(out, "APPENDUID ", validity.get().into());
                number(out, " ", uid.get().into());
            }
            Code::CopyUid(validity, uids) => {
                number(out, "COPYUID ", validity.get().into());
                out.push(b' ');
                sequence::write(out, uids.iter().map(|(from, _)| from.get()));
                out.push(b' ');
                sequence::write(out, uids.iter().map(|(_, to)| to.get()));
            }
            Code::HighestModSeq(mod_seq) => {
                number(out, "HIGHESTMODSEQ ", mod_seq.get().unsigned_abs());
            }
            Code::MailboxId(id) => {
                // Writing to a vector cannot fail.
                let _ = write!(out, "MAILBOXID ({})", ObjectId(*id));
            }
            Code::Modified(set) => {
                word(out, "MODIFIED ");
                sequence::write_set(out, set);
            }
            Code::UidNext(uid) => number(out, "UIDNEXT ", uid.get().into()),
            Code::UidValidity(validity) => number(out, "UIDVALIDITY ", validity.get().into()),
            Code::Unseen(sequence) => number(out, "UNSEEN ", (*sequence).into()),
            _ => word(out, self.name()),
        }
    }

    /// The atom it begins with.
    const fn name(&self) -> &'static str {
        match self {
            Code::Alert => "ALERT",
            Code::AlreadyExists => "ALREADYEXISTS",
            Code::AppendUid(..) => "APPENDUID",
            Code::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Code::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Code::BadCharset => "BADCHARSET",
            Code::Cannot => "CANNOT",
            Code::Capability(_) => "CAPABILITY",
            Code::ClientBug => "CLIENTBUG",
            Code::Closed => "CLOSED",
            Code::CompressionActive => "COMPRESSIONACTIVE",
            Code::CopyUid(..) => "COPYUID",
            Code::ExpungeIssued => "EXPUNGEISSUED",
            Code::HighestModSeq(_) => "HIGHESTMODSEQ",
            Code::InUse => "INUSE",
            Code::Limit => "LIMIT",
            Code::MailboxId(_) => "MAILBOXID",
            Code::Modified(_) => "MODIFIED",
            Code::NoModSeq => "NOMODSEQ",
            Code::NonExistent => "NONEXISTENT",
            Code::NoPerm => "NOPERM",
            Code::NotSaved => "NOTSAVED",
            Code::OverQuota => "OVERQUOTA",
            Code::PermanentFlags(_) => "PERMANENTFLAGS",
            Code::PrivacyRequired => "PRIVACYREQUIRED",
            Code::ReadOnly => "READ-ONLY",
            Code::ReadWrite => "READ-WRITE",
            Code::ServerBug => "SERVERBUG",
            Code::TooBig => "TOOBIG",
            Code::TryCreate => "TRYCREATE",
            Code::UidNext(_) => "UIDNEXT",
            Code::UidValidity(_) => "UIDVALIDITY",
            Code::Unavailable => "UNAVAILABLE",
            Code::Unseen(_) => "UNSEEN",
            Code::UseAttr => "USEATTR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        #[track_caller]
        fn check(code: Code, want: &str) {
            let mut out = Vec::new();
            code.write(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), want);
            assert!(want.starts_with(code.name()));
        }
        let uid = |n| Uid::new(n).unwrap();
        let validity = UidValidity::new(38_505).unwrap();
        check(Code::ReadOnly, "READ-ONLY");
        check(Code::BadCharset, "BADCHARSET (US-ASCII UTF-8)");
        // RFC 4315 3
        check(Code::AppendUid(validity, uid(3955)), "APPENDUID 38505 3955");
        let copied = [(304, 3956), (319, 3957), (320, 3958)].map(|(a, b)| (uid(a), uid(b)));
        check(Code::CopyUid(validity, copied.into()), "COPYUID 38505 304,319:320 3956:3958");
        check(
            Code::HighestModSeq(ModSeq::new(i64::MAX).unwrap()),
            &format!("HIGHESTMODSEQ {}", i64::MAX),
        );
        check(Code::PermanentFlags((*b"(\\Seen \\*)").into()), "PERMANENTFLAGS (\\Seen \\*)");
        check(Code::UidNext(uid(7)), "UIDNEXT 7");
        check(Code::UidValidity(validity), "UIDVALIDITY 38505");
        check(Code::Unseen(12), "UNSEEN 12");
        check(Code::Capability("IMAP4rev1 IDLE".into()), "CAPABILITY IMAP4rev1 IDLE");
        check(Code::MailboxId(MailboxId::new(1).unwrap()), "MAILBOXID (f0000000000001)");
    }
}
