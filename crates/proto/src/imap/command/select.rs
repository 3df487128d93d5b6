//! SELECT and EXAMINE (RFC 3501 6.3.1 and 6.3.2, RFC 7162 3.1.8 and 3.2.5).

use crate::imap::value::{MailboxArgument, SequenceSet};
use posthorn_base::{ModSeq, UidValidity};

/// SELECT or EXAMINE.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Which.
    pub mailbox: MailboxArgument,
    /// EXAMINE.
    pub read_only: bool,
    /// (CONDSTORE).
    pub condstore: bool,
    /// (QRESYNC ...); the session has checked that it is enabled.
    pub qresync: Option<Qresync>,
}

/// What the client knows of the mailbox (RFC 7162 3.2.5).
#[derive(Clone, Debug, PartialEq)]
pub struct Qresync {
    /// The UIDVALIDITY it knew.
    pub uidvalidity: UidValidity,
    /// Up to which change it knows.
    pub mod_seq: ModSeq,
    /// The UIDs it knows; `None`: all below UIDNEXT. Without `*`.
    pub known_uids: Option<SequenceSet>,
    /// Sequence numbers and the UIDs they had: from where on the client is in step.
    pub matches: Option<(SequenceSet, SequenceSet)>,
}
