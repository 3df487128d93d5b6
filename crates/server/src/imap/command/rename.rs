//! RENAME (RFC 3501 6.3.5).

use super::super::Context;
use super::super::context::Fault;
use super::create::new_mailbox;
use posthorn_proto::imap::command::Rename;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::{RenameMailbox, bulk};

/// Carries RENAME out. Sessions that have the mailbox selected keep it; subscriptions stay with the
/// names. Of INBOX the messages move to the new name, and what is below it stays.
pub(super) async fn run(rename: Rename, context: &mut Context) -> Result<Completion, Fault> {
    let mailbox = context.mailbox(&rename.from, Code::NonExistent).await?;
    let to = context.name(&rename.to)?;
    let engine = &context.node.engine;
    let new = new_mailbox(context, to, None);
    if mailbox.name.is_inbox() {
        bulk::rename_inbox(engine, mailbox.id, new).await?;
    } else {
        let (account, now) = (new.account, new.now);
        let (to, ids) = (new.name, new.ids);
        engine.write(RenameMailbox { account, mailbox: mailbox.id, to, ids, now }).await?;
    }
    Ok(Completion::ok("RENAME completed"))
}
