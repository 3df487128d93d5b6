//! COPY (RFC 3501 6.4.7) and MOVE (RFC 6851).

use crate::imap::value::{MailboxArgument, MessageSet};

/// COPY, UID COPY, MOVE or UID MOVE.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// Which messages.
    pub set: MessageSet,
    /// Whether the set has UIDs.
    pub by_uid: bool,
    /// Where to.
    pub to: MailboxArgument,
    /// Whether the source goes.
    pub is_move: bool,
}
