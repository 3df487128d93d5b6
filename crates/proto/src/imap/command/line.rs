//! A whole command as the client wrote it: tag, name, arguments.

use super::{Append, Request};
use std::fmt;
use zeroize::Zeroizing;

/// A command's tag (RFC 3501 2.2.1): 1 to `limits::IMAP_TAG_BYTES_MAX` octets of `ASTRING-CHAR`
/// without `+`.
#[derive(Clone, PartialEq, Eq)]
pub struct Tag(pub(crate) Box<str>);

impl Tag {
    /// As the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

/// A command.
#[derive(PartialEq)]
pub(crate) enum Command {
    /// CAPABILITY.
    Capability,
    /// LOGOUT.
    Logout,
    /// ID (RFC 2971): fields and values, as far as they are worth logging; `None` for NIL.
    Id(Vec<(String, Option<String>)>),
    /// STARTTLS.
    StartTls,
    /// AUTHENTICATE: the mechanism's name, and the initial response in base64 (RFC 4959).
    Authenticate { mechanism: Box<str>, initial: Option<Box<[u8]>> },
    /// LOGIN.
    Login { name: Box<[u8]>, password: Zeroizing<Vec<u8>> },
    /// ENABLE: names as written, in capitals.
    Enable(Vec<Box<str>>),
    /// IDLE.
    Idle,
    /// COMPRESS: the name of the mechanism, in capitals.
    Compress(Box<str>),
    /// APPEND with its message; comes from [`super::append_head`] only.
    Append(Append),
    /// A command that the driver carries out.
    Request(Request),
}

/// In which states a command is taken (RFC 3501 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Any.
    Nothing,
    /// Before the login only.
    NoLogin,
    /// After the login.
    Login,
    /// While a mailbox is selected.
    Selected,
}
