//! CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.3 to 6.3.7).

use crate::imap::value::MailboxArgument;
use posthorn_base::Role;

/// CREATE. A trailing separator is taken off by the parser: it only says that children will follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// Its name.
    pub mailbox: MailboxArgument,
    /// What it is for (RFC 6154 3).
    pub role: Option<Role>,
}

/// DELETE.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// Which.
    pub mailbox: MailboxArgument,
}

/// RENAME.
#[derive(Clone, Debug, PartialEq)]
pub struct Rename {
    /// Which.
    pub from: MailboxArgument,
    /// Its new name.
    pub to: MailboxArgument,
}

/// SUBSCRIBE or UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// The name; a mailbox need not exist.
    pub mailbox: MailboxArgument,
    /// False for UNSUBSCRIBE.
    pub subscribe: bool,
}
