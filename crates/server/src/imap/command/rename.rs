//! RENAME (RFC 3501 6.3.5).

use super::super::Context;
use super::super::context::Fault;
use super::create::new_mailbox;
use posthorn_proto::imap::command::Rename;
use posthorn_proto::imap::value::MailboxArgument;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::{RenameMailbox, bulk};

/// Carries RENAME out. Sessions that have the mailbox selected keep it; subscriptions stay with the
/// names; those below it move with it, also where the name itself is no mailbox. Of INBOX the
/// messages move to the new name, and what is below it stays.
pub(super) async fn run(rename: Rename, context: &mut Context) -> Result<Completion, Fault> {
    let MailboxArgument::Name(from) = &rename.from else {
        return Err(Completion::no("there is no such mailbox").with(Code::NonExistent).into());
    };
    let new = new_mailbox(context, context.name(&rename.to)?, None);
    let engine = &context.node.engine;
    if from.is_inbox() {
        let inbox = context.mailbox(&rename.from, Code::NonExistent).await?;
        bulk::rename_inbox(engine, inbox.id, new).await?;
    } else {
        let (account, now, from) = (new.account, new.now, from.clone());
        let (to, ids) = (new.name, new.ids);
        engine.write(RenameMailbox { account, from, to, ids, now }).await?;
    }
    Ok(Completion::ok("RENAME completed"))
}
