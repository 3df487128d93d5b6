//! STATUS (RFC 3501 6.3.10).

use crate::imap::value::{MailboxArgument, StatusItem};

/// STATUS.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Of which mailbox.
    pub mailbox: MailboxArgument,
    /// What, each once, in the client's order.
    pub items: Vec<StatusItem>,
}
