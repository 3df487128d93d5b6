//! Writing replies (RFC 1939 3, RFC 2449 3, 8, RFC 3206).

use std::fmt;
use std::io::Write;

/// An extended response code (RFC 2449 8, RFC 3206 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The maildrop is open in another session.
    InUse,
    /// Something with the credentials, or the policy about them.
    Auth,
    /// Our trouble, gone later.
    SysTemp,
    /// Our trouble, and somebody must act.
    SysPerm,
}

impl Code {
    const fn text(self) -> &'static str {
        match self {
            Code::InUse => "[IN-USE] ",
            Code::Auth => "[AUTH] ",
            Code::SysTemp => "[SYS/TEMP] ",
            Code::SysPerm => "[SYS/PERM] ",
        }
    }
}

/// A refusal that is no sign of trouble with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: Option<Code>,
    text: &'static str,
}

impl Refusal {
    pub(super) const fn new(code: Code, text: &'static str) -> Self {
        Refusal { code: Some(code), text }
    }
    pub(super) const fn plain(text: &'static str) -> Self {
        Refusal { code: None, text }
    }
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let code = self.code.map_or("", Code::text);
        line(out, format_args!("-ERR {code}{}", self.text));
    }
}

/// Writes one line.
pub(super) fn line(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
    out.extend_from_slice(b"\r\n");
}

/// Writes `+OK text`.
pub(super) fn ok(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    line(out, format_args!("+OK {text}"));
}

/// Writes the end of a multi-line reply.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b".\r\n");
}

/// "1 message", "2 messages".
pub(super) fn messages(count: usize) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{count} message{}", if count == 1 { "" } else { "s" }))
}
