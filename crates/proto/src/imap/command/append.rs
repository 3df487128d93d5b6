//! APPEND (RFC 3501 6.3.11): a message that the client puts into a mailbox.

use crate::imap::value::{FlagList, MailboxArgument};
use posthorn_base::ZonedTime;

/// APPEND, without the message.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// Where.
    pub mailbox: MailboxArgument,
    /// Flags and keywords.
    pub flags: FlagList,
    /// INTERNALDATE; `None`: now.
    pub received: Option<ZonedTime>,
    /// Octets of the message.
    pub size: u64,
}
