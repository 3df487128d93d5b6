//! Why a connection ended.

use posthorn_base::shown::Shown;
use std::fmt;
use std::io;

/// Why a connection ended: for the log, the story and the counters. Nothing of it is shown to the
/// peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The session came to its end (QUIT, or our 421).
    Finished,
    /// The peer closed its side.
    PeerClosed,
    /// The peer's system reset the connection.
    PeerReset,
    /// The peer said nothing in the time its session has.
    IdleTimeout,
    /// The peer did not take what we sent.
    WriteTimeout,
    /// The TLS handshake took too long.
    HandshakeTimeout,
    /// The TLS handshake failed.
    HandshakeFailed(String),
    /// TLS was asked for inside TLS; the session should not have come to that.
    TlsTwice,
    /// More was read ahead than is allowed, because nothing understood it.
    InputFull,
    /// A reply could not be finished: closed without a goodbye, so that the peer sees that
    /// something is missing.
    CutShort(&'static str),
    /// The peer broke the protocol in a way that only hanging up answers.
    Protocol(&'static str),
    /// The peer is blocked or over a limit.
    Refused(String),
    /// The server is stopping.
    Draining,
    /// The connection's whole life is over.
    LifeOver,
    /// What the session held went to another one, because its peer was silent.
    TakenOver,
    /// Something failed on our side.
    Internal(String),
    /// Another error of the network.
    Io(String),
}

impl CloseReason {
    /// The reason that an error of reading or writing means.
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind;
        match error.kind() {
            // TLS without close_notify: our protocols mark their own ends, so nothing is cut
            // unseen.
            ErrorKind::UnexpectedEof => CloseReason::PeerClosed,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected => CloseReason::PeerReset,
            _ => CloseReason::Io(error.to_string()),
        }
    }

    /// The reason that an error of the handshake means.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => CloseReason::HandshakeFailed(tls.to_string()),
            None => match Self::of_io(error) {
                CloseReason::PeerClosed => {
                    CloseReason::HandshakeFailed("the peer closed the connection".into())
                }
                reason => reason,
            },
        }
    }

    /// True when nothing can be said to the peer any more, or must not be: the connection is reset.
    pub fn is_without_goodbye(&self) -> bool {
        match self {
            CloseReason::PeerReset
            | CloseReason::WriteTimeout
            | CloseReason::HandshakeTimeout
            | CloseReason::HandshakeFailed(_)
            | CloseReason::CutShort(_)
            | CloseReason::TakenOver
            | CloseReason::Io(_) => true,
            CloseReason::Finished
            | CloseReason::PeerClosed
            | CloseReason::IdleTimeout
            | CloseReason::TlsTwice
            | CloseReason::InputFull
            | CloseReason::Protocol(_)
            | CloseReason::Refused(_)
            | CloseReason::Draining
            | CloseReason::LifeOver
            | CloseReason::Internal(_) => false,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Finished => f.write_str("finished"),
            CloseReason::PeerClosed => f.write_str("closed by the peer"),
            CloseReason::PeerReset => f.write_str("reset by the peer"),
            CloseReason::IdleTimeout => f.write_str("the peer was silent for too long"),
            CloseReason::WriteTimeout => f.write_str("the peer read too slowly"),
            CloseReason::HandshakeTimeout => f.write_str("the TLS handshake took too long"),
            CloseReason::HandshakeFailed(why) => {
                write!(f, "the TLS handshake failed: {}", Shown::text(why))
            }
            CloseReason::TlsTwice => f.write_str("TLS inside TLS"),
            CloseReason::InputFull => f.write_str("too much input at once"),
            CloseReason::CutShort(what) => write!(f, "cut short: {what}"),
            CloseReason::Protocol(what) => write!(f, "broke the protocol: {what}"),
            CloseReason::Refused(why) => write!(f, "refused: {}", Shown::text(why)),
            CloseReason::Draining => f.write_str("the server is stopping"),
            CloseReason::LifeOver => f.write_str("the connection lasted too long"),
            CloseReason::TakenOver => f.write_str(
                "a new login took over, after the peer had been silent; nothing deleted",
            ),
            CloseReason::Internal(why) => write!(f, "internal: {}", Shown::text(why)),
            CloseReason::Io(why) => write!(f, "network: {}", Shown::text(why)),
        }
    }
}
