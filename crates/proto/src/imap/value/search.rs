//! What SEARCH looks for (RFC 3501 6.4.4 and extensions).

use super::date::Date;
use super::sequence::MessageSet;
use posthorn_base::{EmailId, Flags, Keyword, ModSeq, ThreadId};

/// A key; keys that stand beside each other are joined by [`SearchKey::And`]. Parentheses, NOT and
/// OR are nested at most `limits::IMAP_SEARCH_DEPTH_MAX` deep, with at most
/// `limits::IMAP_SEARCH_KEYS_MAX` keys in all; UNSEEN, NEW and the like add two levels at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// ALL.
    All,
    /// These sequence numbers, or the saved result.
    Messages(MessageSet),
    /// UID: these UIDs, or the saved result.
    Uids(MessageSet),
    /// ANSWERED, KEYWORD and the like: all of these are set.
    Flag(Flags),
    /// KEYWORD with a keyword that has no bit.
    Keyword(Keyword),
    /// RECENT. NEW, OLD and the UN... keys are made of others.
    Recent,
    /// BCC, BODY, CC, FROM, SUBJECT, TEXT, TO: holds this text, which is UTF-8 already.
    Text(TextField, Box<str>),
    /// HEADER: a field of this name holds this text; with an empty one: exists.
    Header(Box<[u8]>, Box<str>),
    /// BEFORE, SENTBEFORE, SAVEDBEFORE: earlier than that day.
    Before(DateField, Date),
    /// ON, SENTON, SAVEDON: that day.
    On(DateField, Date),
    /// SINCE, SENTSINCE, SAVEDSINCE: that day or later.
    Since(DateField, Date),
    /// SAVEDATESUPPORTED (RFC 8514 4.3): all messages here.
    SaveDateSupported,
    /// LARGER: more octets than this.
    Larger(u64),
    /// SMALLER: fewer octets than this.
    Smaller(u64),
    /// MODSEQ (RFC 7162 3.1.5).
    ModSeq(ModSeqKey),
    /// EMAILID (RFC 8474 6).
    EmailId(Option<EmailId>),
    /// THREADID (RFC 8474 6).
    ThreadId(Option<ThreadId>),
    /// NOT.
    Not(Box<SearchKey>),
    /// OR.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// All of these; never empty.
    And(Vec<SearchKey>),
}

/// MODSEQ: changed at or after this. The entry that a client may name has no meaning here: flags
/// have no modseqs of their own (RFC 7162 3.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModSeqKey {
    /// The least modseq that is found.
    pub at_least: ModSeq,
}

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// The Bcc field.
    Bcc,
    /// The Cc field.
    Cc,
    /// The From field.
    From,
    /// The Subject field.
    Subject,
    /// The To field.
    To,
    /// The body.
    Body,
    /// Header and body.
    Text,
}

/// Which date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateField {
    /// INTERNALDATE.
    Internal,
    /// The Date field.
    Sent,
    /// SAVEDATE (RFC 8514).
    Saved,
}

impl SearchKey {
    /// True when a MODSEQ key is in it: the answer then has the greatest modseq (RFC 7162 3.1.5).
    pub fn has_mod_seq(&self) -> bool {
        match self {
            SearchKey::ModSeq(_) => true,
            SearchKey::Not(key) => key.has_mod_seq(),
            SearchKey::Or(a, b) => a.has_mod_seq() || b.has_mod_seq(),
            SearchKey::And(keys) => keys.iter().any(SearchKey::has_mod_seq),
            _ => false,
        }
    }
}
