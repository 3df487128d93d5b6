//! A whole command as the client wrote it: tag, name, arguments.

use super::{Append, Request};
use crate::imap::grammar::Fault;
use crate::imap::response::{Code, Completion, Status};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
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

/// Octets that nobody may see: overwritten when dropped, never shown by `Debug`.
#[derive(PartialEq)]
pub(crate) struct Hidden(Zeroizing<Vec<u8>>);

impl Hidden {
    pub(super) fn new(octets: impl Into<Vec<u8>>) -> Self {
        Hidden(Zeroizing::new(octets.into()))
    }
}
impl Deref for Hidden {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}
impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

/// Why a text is no command that we take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParseError {
    /// Whose command it was; `None` when not even the tag could be read.
    pub(crate) tag: Option<Tag>,
    /// BAD, or NO for what is well written and cannot be done.
    pub(crate) status: Status,
    /// What is wrong. Never repeats what the client sent.
    pub(crate) text: Cow<'static, str>,
    /// The code in brackets.
    pub(crate) code: Option<Code>,
}

impl ParseError {
    pub(super) fn new(tag: Option<Tag>, fault: Fault) -> Self {
        let Fault { status, text, code } = fault;
        ParseError { tag, status, text, code }
    }

    /// What the client is told, and under which tag.
    pub(crate) fn into_completion(self) -> (Option<Tag>, Completion) {
        let ParseError { tag, status, text, code } = self;
        (tag, Completion { status, code, text, selected: None })
    }
}

/// A command.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    /// CAPABILITY.
    Capability,
    /// LOGOUT.
    Logout,
    /// ID (RFC 2971): fields and values, as far as they are worth logging; `None` for NIL.
    Id(Vec<(String, Option<String>)>),
    /// STARTTLS.
    StartTls,
    /// AUTHENTICATE: the mechanism's name, and the initial response in base64 (RFC 4959), with
    /// PLAIN the password.
    Authenticate { mechanism: Box<str>, initial: Option<Hidden> },
    /// LOGIN.
    Login { name: Box<[u8]>, password: Hidden },
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

impl Command {
    /// In which states it is taken.
    pub(crate) fn needs(&self) -> Needs {
        match self {
            Command::Capability | Command::Logout | Command::Id(_) => Needs::Nothing,
            Command::StartTls | Command::Authenticate { .. } | Command::Login { .. } => {
                Needs::NoLogin
            }
            // RFC 5161 3.1: ENABLE also while a mailbox is selected; RFC 4978 4: COMPRESS may also
            // come before the login, which we don't offer: nothing is there yet to be compressed.
            Command::Enable(_) | Command::Idle | Command::Compress(_) | Command::Append(_) => {
                Needs::Login
            }
            Command::Request(request) => request.needs(),
        }
    }
}

impl Request {
    fn needs(&self) -> Needs {
        match self {
            Request::Noop => Needs::Nothing,
            Request::Select(_)
            | Request::Create(_)
            | Request::Delete(_)
            | Request::Rename(_)
            | Request::Subscribe(_)
            | Request::List(_)
            | Request::Lsub(_)
            | Request::Namespace
            | Request::Status(_)
            | Request::GetQuota(_)
            | Request::GetQuotaRoot(_)
            | Request::SetQuota(_)
            | Request::Enable(_) => Needs::Login,
            Request::Check
            | Request::Close
            | Request::Unselect
            | Request::Expunge(_)
            | Request::Search(_)
            | Request::Fetch(_)
            | Request::Store(_)
            | Request::Copy(_) => Needs::Selected,
        }
    }
}
