//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208).

use crate::imap::value::MailboxArgument;

/// GETQUOTA.
#[derive(Clone, Debug, PartialEq)]
pub struct GetQuota {
    /// The name of the quota root, as written.
    pub root: Box<[u8]>,
}

/// GETQUOTAROOT.
#[derive(Clone, Debug, PartialEq)]
pub struct GetQuotaRoot {
    /// Of which mailbox.
    pub mailbox: MailboxArgument,
}

/// SETQUOTA: always refused, for quotas are the operator's.
#[derive(Clone, Debug, PartialEq)]
pub struct SetQuota {
    /// The name of the quota root, as written.
    pub root: Box<[u8]>,
}
