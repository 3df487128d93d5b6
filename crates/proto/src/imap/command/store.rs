//! STORE (RFC 3501 6.4.6, RFC 7162 3.1.3).

use crate::imap::value::{FlagList, MessageSet};
use posthorn_base::ModSeq;

/// STORE or UID STORE.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Which messages.
    pub set: MessageSet,
    /// Whether the set has UIDs.
    pub by_uid: bool,
    /// How.
    pub action: StoreAction,
    /// .SILENT: the client doesn't want to be told what it did itself.
    pub silent: bool,
    /// The flags.
    pub flags: FlagList,
    /// UNCHANGEDSINCE.
    pub unchanged_since: Option<ModSeq>,
}

/// How flags change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAction {
    /// FLAGS.
    Replace,
    /// +FLAGS.
    Add,
    /// -FLAGS.
    Remove,
}
