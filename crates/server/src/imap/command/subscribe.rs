//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.6 and 6.3.7).

use super::super::Context;
use super::super::context::Fault;
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Subscribe;
use posthorn_store::mail::SetSubscribed;

/// Carries both out. There need not be a mailbox of the name, and doing it twice is no error.
pub(super) async fn run(subscribe: Subscribe, context: &mut Context) -> Result<Completion, Fault> {
    let name = context.name(&subscribe.mailbox)?.clone();
    let subscribed = subscribe.subscribe;
    let set = SetSubscribed { account: context.account, name, subscribed };
    context.node.engine.write(set).await?;
    let text = if subscribed { "SUBSCRIBE completed" } else { "UNSUBSCRIBE completed" };
    Ok(Completion::ok(text))
}
