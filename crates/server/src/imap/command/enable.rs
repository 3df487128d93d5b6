//! ENABLE (RFC 5161): CONDSTORE and QRESYNC.

use super::super::{Context, Output};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Enabled;

/// The session has answered with ENABLED; from here on the client is told in the new way.
pub(super) fn enable(
    enabled: Enabled,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Completion {
    // RFC 7162 3.2.3: QRESYNC includes CONDSTORE.
    if enabled.condstore || enabled.qresync {
        context.enable_condstore(output);
    }
    context.enabled.qresync |= enabled.qresync;
    Completion::ok("ENABLE completed")
}
