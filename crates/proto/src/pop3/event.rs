//! What a session asks of its driver.

use crate::sasl::{Failure, Identity, LoginMethod, Question};
use posthorn_base::Uid;
use std::time::Duration;

/// What the driver has to do next. Replies are no events: they are appended to the output buffer,
/// and the driver writes it out whenever it is about to wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// All input is used up, or what is left is an unfinished line. Write the output, then read
    /// more, until [`deadline`](super::Session::deadline).
    Read,
    /// The output is full enough: write it before calling again.
    Flush,
    /// A question is open; answer it before calling again.
    Wait,
    /// Hold the output back for this long before writing it.
    Delay(Duration),
    /// Question: who is this? Answer: [`auth_answered`](super::Session::auth_answered).
    Authenticate(Question),
    /// A login failed, perhaps by the mechanism's own checks (a wrong SCRAM proof) after the driver
    /// had answered: count it against the network and the account.
    LoginFailed(Failure),
    /// Question: open this account's maildrop, locked against other POP3 sessions until this one
    /// ends. Answer: [`maildrop_opened`](super::Session::maildrop_opened).
    OpenMaildrop(Identity, LoginMethod),
    /// Question: read this message. Answer: [`message`](super::Session::message) for each piece,
    /// then [`message_end`](super::Session::message_end), or
    /// [`message_failed`](super::Session::message_failed).
    Retrieve {
        /// Which.
        uid: Uid,
        /// How much of it will be used.
        part: Part,
    },
    /// Question: delete these messages, all or none, durably. Never empty; rising. Answer:
    /// [`committed`](super::Session::committed).
    Commit(Vec<Uid>),
    /// Write the output, then do the TLS handshake and call
    /// [`tls_started`](super::Session::tls_started). All input that is already there was discarded,
    /// and so must be anything else that the driver has read.
    StartTls {
        /// Bytes that were discarded. More than 0 is an attack or a broken client (CVE-2011-0411).
        discarded: usize,
    },
    /// Write the output and close the connection. For [`CloseReason::Broken`] close without a TLS
    /// close_notify, too: the client must see that something is missing.
    Close(CloseReason),
}

/// How much of a message is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// RETR.
    Whole,
    /// TOP: the header, and this many lines of the body.
    Top {
        /// Lines of the body.
        lines: u64,
    },
}

/// What to do after a piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Give the next piece.
    More,
    /// Write the output before giving the next piece.
    Flush,
    /// No more is needed; the reply is complete. Don't call `message_end`.
    Enough,
}

/// Why a maildrop cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another POP3 session has it (RFC 2449 8.1.2, IN-USE).
    #[error("another POP3 session has the maildrop open")]
    InUse,
    /// It will work later.
    #[error("the maildrop cannot be read now")]
    Temporary,
    /// Somebody must repair something first.
    #[error("the maildrop cannot be read")]
    Permanent,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetrieveError {
    /// Another protocol deleted it for good since the maildrop was opened.
    #[error("the message is gone")]
    Gone,
    /// It will work later.
    #[error("the message cannot be read now")]
    Temporary,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// QUIT.
    #[error("the client said goodbye")]
    Quit,
    /// Nothing came for too long, or the login took too long. Nothing is deleted (RFC 1939 3).
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
    #[error("the client began TLS without STLS")]
    UnexpectedTls,
    /// A message broke off while it was being sent.
    #[error("a message could not be read to its end")]
    Broken,
}
