//! EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1).

use crate::imap::value::MessageSet;

/// EXPUNGE.
#[derive(Clone, Debug, PartialEq)]
pub struct Expunge {
    /// UID EXPUNGE: only these UIDs.
    pub uids: Option<MessageSet>,
}
