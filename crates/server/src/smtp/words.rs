//! The same things in the words of the session and in ours.

use crate::conn::CloseReason;
use crate::spool::SpoolError;
use posthorn_proto::smtp::{self, Reply};

/// What a client is told when its message cannot be kept; the cause is logged.
pub(super) fn reply_to(error: &SpoolError) -> Reply {
    tracing::error!(%error, "cannot keep an arriving message");
    match error {
        SpoolError::Full(_) => Reply::NO_STORAGE,
        SpoolError::Io { .. } => Reply::LOCAL_ERROR,
    }
}

/// Why the session closed, as the connection's reason.
pub(super) fn closed(reason: smtp::CloseReason) -> CloseReason {
    match reason {
        smtp::CloseReason::Refused => CloseReason::Refused(reason.to_string()),
        smtp::CloseReason::Quit => CloseReason::Finished,
        smtp::CloseReason::Timeout => CloseReason::IdleTimeout,
        smtp::CloseReason::Shutdown => CloseReason::Draining,
        smtp::CloseReason::Errors => CloseReason::Protocol("too many errors"),
        smtp::CloseReason::Logins => CloseReason::Protocol("too many failed logins"),
        smtp::CloseReason::Messages => CloseReason::Protocol("too many messages"),
        smtp::CloseReason::Http => CloseReason::Protocol("HTTP"),
        smtp::CloseReason::UnexpectedTls => CloseReason::Protocol("TLS without STARTTLS"),
        smtp::CloseReason::BareLf => CloseReason::Protocol("a bare LF"),
        smtp::CloseReason::ChunkSize => CloseReason::Protocol("BDAT without a size"),
    }
}
