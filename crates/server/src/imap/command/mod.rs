//! The commands on the store, one file each.

mod append;
mod close;
mod copy;
mod create;
mod delete;
mod enable;
mod expunge;
mod fetch;
mod list;
mod lsub;
mod namespace;
mod quota;
mod rename;
mod search;
mod select;
mod status;
mod store;
mod subscribe;
mod vanished;

pub(super) use append::Appending;

use super::context::Fault;
use super::{Context, Output};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Request;
use posthorn_proto::imap::value::{FetchItem, StatusItem};

/// Carries a command out: untagged responses go to `output`, the completion comes back. What
/// changed in the selected mailbox is told afterwards, by the caller.
pub(super) async fn run(
    request: Request,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    if implies_condstore(&request) {
        context.enable_condstore(output);
    }
    match request {
        Request::Noop => Ok(Completion::ok("NOOP completed")),
        // RFC 3501 6.4.1: what is committed is safe, so there is nothing to do.
        Request::Check => Ok(Completion::ok("CHECK completed")),
        Request::Select(select) => select::select(select, context, output).await,
        Request::Enable(enabled) => Ok(enable::enable(enabled, context, output)),
        Request::Close => close::close(context).await,
        Request::Unselect => Ok(close::unselect(context)),
        Request::Expunge(expunge) => expunge::expunge(expunge, context, output).await,
        Request::Fetch(fetch) => fetch::fetch(fetch, context, output).await,
        Request::Store(store) => store::store(store, context, output).await,
        Request::Copy(copy) => copy::copy(copy, context, output).await,
        Request::Create(request) => create::run(request, context).await,
        Request::Delete(request) => delete::run(request, context).await,
        Request::Rename(request) => rename::run(request, context).await,
        Request::Subscribe(request) => subscribe::run(request, context).await,
        Request::List(request) => list::run(request, context, output).await,
        Request::Lsub(request) => lsub::run(request, context, output).await,
        Request::Namespace => Ok(namespace::run(output)),
        Request::Status(request) => status::run(request, context, output).await,
        Request::GetQuota(request) => quota::get(request, context, output).await,
        Request::GetQuotaRoot(request) => quota::get_root(request, context, output).await,
        Request::SetQuota(_) => Ok(quota::set()),
        Request::Search(request) => search::run(request, context, output).await,
    }
}

/// RFC 7162 3.1: who uses modseqs wants to hear of them from then on. SELECT and ENABLE see to it
/// themselves.
fn implies_condstore(request: &Request) -> bool {
    match request {
        Request::Fetch(fetch) => {
            fetch.changed_since.is_some() || fetch.items.contains(&FetchItem::ModSeq)
        }
        Request::Store(store) => store.unchanged_since.is_some(),
        Request::Search(search) => search.key.has_mod_seq(),
        Request::Status(status) => status.items.contains(&StatusItem::HighestModSeq),
        _ => false,
    }
}
