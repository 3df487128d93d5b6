//! What a session asks of its driver.

use super::command::{Append, Request};
use crate::sasl::{Failure, Identity, LoginMethod, Question};
use std::time::Duration;

/// What the driver has to do next. Replies are no events: they are appended to the output buffer,
/// and the driver writes it out whenever it is about to wait.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// All input is used up, or what is left is an unfinished line. Write the output, then read
    /// more, until [`deadline`](super::Session::deadline).
    Read,
    /// The output is full enough, or must not wait (a continuation): write it before calling again.
    Flush,
    /// A question is open; answer it before calling again.
    Wait,
    /// Hold the output back for this long before writing it.
    Delay(Duration),

    /// Question: who is this? Answer: [`auth_answered`](super::Session::auth_answered).
    Authenticate(Question),
    /// The client has logged in; the session has told it so.
    LoggedIn(Identity, LoginMethod),
    /// A login failed, perhaps by the mechanism's own checks after the driver had answered: count
    /// it against the network and the account.
    LoginFailed(Failure),

    /// The client has said what it is (RFC 2971): fields and values for the log, bounded.
    ClientId(Vec<(String, Option<String>)>),

    /// Question: carry this command out. The driver appends untagged responses to the output, as
    /// many as it likes and writing them out in between, and ends with
    /// [`completed`](super::Session::completed).
    Run(Request),

    /// Question: may this message come (does the mailbox exist, is there room)? Its octets follow
    /// when the answer is yes. Answer: [`append_checked`](super::Session::append_checked).
    AppendBegin(Append),
    /// The next octets of the message: a piece of the input, not a copy.
    AppendData(&'a [u8]),
    /// Question: the message is complete; put it into the mailbox. Answer:
    /// [`completed`](super::Session::completed).
    AppendEnd,
    /// The message of an APPEND is given up: forget its octets. The session has replied.
    AppendAbandon,

    /// IDLE has begun (RFC 2177): until [`Event::IdleEnd`] the driver tells of changes as they
    /// happen, while it waits for input as after [`Event::Read`].
    IdleBegin,
    /// The client said DONE; tell of what is left, then answer with
    /// [`completed`](super::Session::completed).
    IdleEnd,

    /// Write the output, then do the TLS handshake and call
    /// [`tls_started`](super::Session::tls_started). All input that is already there was discarded,
    /// and so must be anything else that the driver has read.
    StartTls {
        /// Bytes that were discarded. More than 0 is an attack or a broken client (CVE-2011-0411).
        discarded: usize,
    },
    /// Write the output, then compress in both directions (RFC 4978). Input behind the command is
    /// compressed already: the driver hands what is left of it to the decompressor.
    Compress,
    /// Write the output and close the connection.
    Close(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// LOGOUT.
    #[error("the client said goodbye")]
    Logout,
    /// Nothing came for too long, or the login took too long (RFC 3501 5.4).
    #[error("the client took too long")]
    Timeout,
    /// The server stops.
    #[error("the server is stopping")]
    Shutdown,
    /// Too many errors.
    #[error("too many errors")]
    Errors,
    /// Too many failed logins.
    #[error("too many failed logins")]
    Logins,
    /// A web browser or a request smuggled through one.
    #[error("the client speaks HTTP")]
    Http,
    /// A TLS handshake where none was agreed.
    #[error("the client began TLS without STARTTLS")]
    UnexpectedTls,
    /// A line that a bare LF ended: where commands begin is no longer sure.
    #[error("a line ended in a bare LF")]
    BareLf,
    /// A command or a literal that is too long to be skipped.
    #[error("a command was too long")]
    TooLong,
    /// The account was removed, disabled, or its password changed.
    #[error("the login is valid no more")]
    Revoked,
    /// The driver cannot go on with what it has said: the client must connect again.
    #[error("the session cannot go on")]
    Broken,
}
