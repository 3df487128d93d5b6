//! The commands on the store, one file each.

mod search;

use super::context::Fault;
use super::{Context, Output};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Request;

/// Carries a command out: untagged responses go to `output`, the completion comes back.
pub(super) async fn run(
    request: Request,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    match request {
        Request::Search(request) => search::run(request, context, output).await,
        // Arms are added as the commands land.
        _ => Ok(Completion::bad("this command is not known")),
    }
}
