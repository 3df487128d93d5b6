//! What a session asks of its driver.

use super::envelope::{Envelope, Mail, Recipient};
use crate::sasl::{Failure, Question, Success};
use std::time::Duration;

/// What the driver has to do next. Replies are no events: they are appended to the output buffer,
/// and the driver writes it out whenever it is about to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// All input is used up, or what is left is an unfinished line. Write the output, then read
    /// more, until [`deadline`](super::Session::deadline).
    Read,
    /// Write the output before calling again. Either it is full enough (so a client that sends
    /// commands but reads no replies cannot make us keep them), or its last reply must not wait for
    /// more (RFC 2920 3.2).
    Flush,
    /// A question is open; answer it before calling again.
    Wait,
    /// The client spoke before the greeting. Reported once; whether it is refused is in the
    /// configuration.
    EarlyTalk,
    /// Hold the output back for this long before writing it.
    Delay(Duration),

    /// Question: may this sender send? Begins a transaction. Answer:
    /// [`sender_checked`](super::Session::sender_checked).
    CheckSender(Mail),
    /// Question: do we take mail for this recipient? Answer:
    /// [`recipient_checked`](super::Session::recipient_checked).
    CheckRecipient(Recipient),
    /// Question: can the message come? Data follows when the answer is yes. Answer:
    /// [`data_checked`](super::Session::data_checked).
    DataBegin(Envelope),
    /// The next bytes of the message, without dot-stuffing: a piece of the input, not a copy.
    Data(&'a [u8]),
    /// The message is refused, whatever else of it may come: forget its bytes. The session reads it
    /// to its end and replies then.
    DataRefused(DataFault),
    /// Question: the message is complete; what becomes of it? Answer:
    /// [`delivered`](super::Session::delivered) or [`refused`](super::Session::refused).
    DataEnd {
        /// Its size in bytes.
        size: u64,
    },
    /// The open transaction is given up by the client (RSET, EHLO, or QUIT, before its data was
    /// complete): forget its recipients and its bytes.
    Abandon,

    /// Question: who is this? Answer: [`auth_answered`](super::Session::auth_answered).
    Authenticate(Question),
    /// The client has logged in.
    LoggedIn(Success),
    /// A login failed, perhaps by the mechanism's own checks (a wrong SCRAM proof) after the driver
    /// had answered: count it against the network and the account.
    LoginFailed(Failure),

    /// Write the output, then do the TLS handshake and call
    /// [`tls_started`](super::Session::tls_started). All input that is already there was discarded,
    /// and so must be anything else that the driver has read.
    StartTls {
        /// Bytes that were discarded. More than 0 is an attack or a broken client (CVE-2011-0411).
        discarded: usize,
    },
    /// Write the output and close the connection. A message that is not complete is given up.
    Close(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// QUIT.
    #[error("the client said goodbye")]
    Quit,
    /// Nothing came for too long, or the connection lasted too long.
    #[error("the client took too long")]
    Timeout,
    /// The driver refused the connection with a 421.
    #[error("refused")]
    Refused,
    /// The server stops.
    #[error("the server is stopping")]
    Shutdown,
    /// Too many errors.
    #[error("too many errors")]
    Errors,
    /// Too many failed logins.
    #[error("too many failed logins")]
    Logins,
    /// Too many messages.
    #[error("too many messages on one connection")]
    Messages,
    /// A web browser or a request smuggled through one.
    #[error("the client speaks HTTP")]
    Http,
    /// A TLS handshake where none was agreed.
    #[error("the client began TLS without STARTTLS")]
    UnexpectedTls,
    /// A line that a bare LF ended: where commands begin is no longer sure.
    #[error("a line ended in a bare LF")]
    BareLf,
    /// BDAT without a readable size: where commands begin is no longer known.
    #[error("a BDAT command had no readable size")]
    ChunkSize,
}

/// What is wrong with a message's data, found by the session itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataFault {
    /// RFC 5321 2.3.8: CR or LF outside of a CR LF pair.
    #[error("a bare CR or LF")]
    BareCrOrLf,
    /// Larger than [`message_bytes_max`](super::Config::message_bytes_max).
    #[error("larger than the size limit")]
    TooBig,
}
