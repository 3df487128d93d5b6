//! Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3).

use posthorn_base::{MailboxName, MailboxNameError};

/// The mailbox that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxArgument {
    /// A name that a mailbox can have.
    Name(MailboxName),
    /// A name that none can have: the mailbox does not exist and cannot be made.
    Impossible(MailboxNameError),
}
