//! How a command ended.

use super::Code;
use std::borrow::Cow;

/// OK, NO or BAD (RFC 3501 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is done.
    Ok,
    /// It cannot be done.
    No,
    /// It is no command.
    Bad,
}

/// The tagged response of a command, without its tag; or the end of an untagged one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// OK, NO or BAD.
    pub status: Status,
    /// The code in brackets.
    pub code: Option<Code>,
    /// Text for people: never empty, without line ends, ASCII.
    pub text: Cow<'static, str>,
    /// Whether a mailbox is selected from now on, if that changes: `Some(false)` after CLOSE, after
    /// a SELECT that failed, and when the selected mailbox is gone.
    pub selected: Option<bool>,
}

impl Completion {
    /// OK with this text.
    pub fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Completion { status: Status::Ok, code: None, text: text.into(), selected: None }
    }
    /// NO with this text.
    pub fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Completion { status: Status::No, code: None, text: text.into(), selected: None }
    }
    /// BAD with this text.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Completion { status: Status::Bad, code: None, text: text.into(), selected: None }
    }
    /// The same with a code.
    #[must_use]
    pub fn with(self, code: Code) -> Self {
        Completion { code: Some(code), ..self }
    }
    /// The same, saying whether a mailbox is selected from now on.
    #[must_use]
    pub fn selecting(self, selected: bool) -> Self {
        Completion { selected: Some(selected), ..self }
    }
}
