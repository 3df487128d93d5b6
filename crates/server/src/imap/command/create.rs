//! CREATE (RFC 3501 6.3.3), with USE (RFC 6154 3) and MAILBOXID (RFC 8474 4.1).

use super::super::Context;
use super::super::context::Fault;
use posthorn_base::{MailboxName, Role};
use posthorn_proto::imap::command::Create;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::StoreError;
use posthorn_store::mail::{CreateMailbox, FindMailbox};

/// Carries CREATE out.
pub(super) async fn run(create: Create, context: &mut Context) -> Result<Completion, Fault> {
    let name = context.name(&create.mailbox)?;
    let new = new_mailbox(context, name, create.role);
    match context.node.engine.write(new).await {
        Ok(mailbox) => Ok(Completion::ok("CREATE completed").with(Code::MailboxId(mailbox.id))),
        // RFC 6154 3: one mailbox for each use, as long as nobody shares any.
        Err(StoreError::Exists { .. }) if !exists(context, name).await? => {
            let text = "another mailbox has this use already";
            Ok(Completion::no(text).with(Code::UseAttr))
        }
        Err(error) => Err(error.into()),
    }
}

/// A mailbox to be made, with those above it.
pub(super) fn new_mailbox(
    context: &Context,
    name: &MailboxName,
    role: Option<Role>,
) -> CreateMailbox {
    CreateMailbox {
        account: context.account,
        name: name.clone(),
        role,
        ids: name.as_str().split(MailboxName::SEPARATOR).map(|_| context.node.next_id()).collect(),
        subscribe: false,
        now: context.now(),
    }
}

async fn exists(context: &Context, name: &MailboxName) -> Result<bool, Fault> {
    let find = FindMailbox::Name(context.account, name.clone());
    Ok(context.node.engine.read(&find).await?.is_some())
}
