//! CLOSE (RFC 3501 6.4.2) and UNSELECT (RFC 3691).

use super::super::Context;
use super::super::context::Fault;
use super::expunge;
use posthorn_proto::imap::Completion;

/// CLOSE: expunges without telling, and deselects. RFC 7162 3.2.8: without HIGHESTMODSEQ, for the
/// client was not told what went.
pub(super) async fn close(context: &mut Context) -> Result<Completion, Fault> {
    // RFC 3501 6.4.2: after EXAMINE nothing is expunged, and that is no error.
    let closed = match context.selected()?.read_only {
        true => Ok(()),
        false => expunge::deleted(context, None).await.map(drop),
    };
    context.selected = None;
    match closed {
        Ok(()) => Ok(Completion::ok("CLOSE completed").selecting(false)),
        // The mailbox is left whatever became of its messages: the session has no other way out.
        Err(Fault::Store(error)) => Ok(super::super::reply::failed(&error).selecting(false)),
        Err(fault) => Err(fault),
    }
}

/// UNSELECT: deselects.
pub(super) fn unselect(context: &mut Context) -> Completion {
    context.selected = None;
    Completion::ok("UNSELECT completed").selecting(false)
}
