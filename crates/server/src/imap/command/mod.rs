//! The commands on the store, one file each.

use super::context::Fault;
use super::{Context, Output};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Request;

/// Carries a command out: untagged responses go to `output`, the completion comes back.
pub(super) async fn run(
    request: Request,
    _context: &mut Context,
    _output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    match request {
        // Arms are added as the commands land.
        _ => Ok(Completion::bad("this command is not known")),
    }
}
