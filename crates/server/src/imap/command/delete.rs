//! DELETE (RFC 3501 6.3.4).

use super::super::Context;
use super::super::context::Fault;
use posthorn_proto::imap::command::Delete;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::{DeleteMailbox, bulk};
use std::sync::Arc;

/// Carries DELETE out. Mailboxes below it stay, and its name stands above them; so does its
/// subscription. Its messages can be restored for a while.
pub(super) async fn run(delete: Delete, context: &mut Context) -> Result<Completion, Fault> {
    let mailbox = context.mailbox(&delete.mailbox, Code::NonExistent).await?;
    if mailbox.name.is_inbox() {
        return Ok(Completion::no("INBOX cannot be deleted").with(Code::Cannot));
    }
    let (account, now) = (context.account, context.now());
    let delete = DeleteMailbox { account, mailbox: mailbox.id, now };
    context.node.engine.write(delete).await?;
    let engine = Arc::clone(&context.node.engine);
    // Out of sight it is; its messages take as long as they take. What a crash leaves, the next
    // round of maintenance does.
    tokio::spawn(async move {
        if let Err(error) = bulk::end_deleted(&engine, now).await {
            tracing::warn!(%error, "the messages of a deleted mailbox are ended later");
        }
    });
    Ok(Completion::ok("DELETE completed"))
}
