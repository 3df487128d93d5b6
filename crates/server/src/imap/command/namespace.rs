//! NAMESPACE (RFC 2342).

use super::super::Output;
use posthorn_proto::imap::{Completion, response};

/// Carries NAMESPACE out: there are no mailboxes but one's own.
pub(super) fn run(output: &mut Output<'_>) -> Completion {
    response::namespace(output.bytes());
    Completion::ok("NAMESPACE completed")
}
