//! How a command ended.

use super::Code;
use crate::imap::command::Tag;
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

    /// Writes it as the end of the command with this tag, or as an untagged response.
    pub fn write(&self, tag: Option<&Tag>, out: &mut Vec<u8>) {
        out.extend_from_slice(tag.map_or("*", Tag::as_str).as_bytes());
        out.extend_from_slice(match self.status {
            Status::Ok => b" OK ",
            Status::No => b" NO ",
            Status::Bad => b" BAD ",
        });
        write_text(out, self.code.as_ref(), &self.text);
    }
}

/// `resp-text` (RFC 3501 9) and the end of the line.
pub(super) fn write_text(out: &mut Vec<u8>, code: Option<&Code>, text: &str) {
    if let Some(code) = code {
        out.push(b'[');
        code.write(out);
        out.extend_from_slice(b"] ");
    }
    // Whatever a text was made of: it cannot end the line early, nor is it ever empty.
    let clean = |byte: u8| if matches!(byte, b' '..=b'~') { byte } else { b'?' };
    out.extend(if text.is_empty() { "?" } else { text }.bytes().map(clean));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions() {
        #[track_caller]
        fn check(completion: Completion, tag: Option<&str>, want: &str) {
            let mut out = Vec::new();
            let tag = tag.map(|tag| Tag(tag.into()));
            completion.write(tag.as_ref(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
        check(Completion::ok("Done"), Some("a1"), "a1 OK Done\r\n");
        check(
            Completion::no("No such mailbox").with(Code::NonExistent),
            Some("a1"),
            "a1 NO [NONEXISTENT] No such mailbox\r\n",
        );
        check(Completion::bad("What?"), None, "* BAD What?\r\n");
        check(Completion::ok("a\r\n* BYE ä"), None, "* OK a??* BYE ??\r\n");
        check(Completion::ok(""), None, "* OK ?\r\n");
    }
}
