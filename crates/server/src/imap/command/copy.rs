//! COPY (RFC 3501 6.4.7) and MOVE (RFC 6851).
//!
//! COPY copies all or nothing. MOVE moves each message whole; when it fails midway, the client
//! hears where those went that were moved, and that they are gone from here.

use super::super::context::Fault;
use super::super::{Context, Output, reply, untagged};
use super::expunge;
use posthorn_base::{MailboxId, Uid, limits};
use posthorn_proto::imap::command::Copy;
use posthorn_proto::imap::{Code, Completion, Status};
use posthorn_store::StoreError;
use posthorn_store::mail::{Copied, CopyMessages, CopyMode, bulk};

/// COPY, MOVE and their UID forms.
pub(super) async fn copy(
    copy: Copy,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let selected = if copy.is_move { context.writable()? } else { context.selected()? };
    let from = selected.mailbox;
    let (uids, some_are_gone) = selected.live(&copy.set, copy.by_uid)?;
    // RFC 3501 6.4.7: the client is told that CREATE would help, where it would.
    context.name(&copy.to)?;
    let to = context.mailbox(&copy.to, Code::TryCreate).await?.id;
    if some_are_gone && !copy.by_uid {
        // RFC 3501 6.4.7: all or nothing, and all there is not any more.
        let gone = "Some of these messages are gone; nothing was copied";
        return Ok(Completion::no(gone).with(Code::ExpungeIssued));
    }
    if uids.is_empty() {
        return Ok(Completion::ok("No such messages"));
    }
    match copy.is_move {
        true => {
            let moved = move_all(context, from, to, uids, output).await?;
            match moved.status {
                Status::Ok => expunge::told(moved, copy.by_uid, context, output).await,
                // What was moved is told behind.
                Status::No | Status::Bad => Ok(moved),
            }
        }
        false => copy_all(context, from, to, uids).await,
    }
}

async fn copy_all(
    context: &Context,
    from: MailboxId,
    to: MailboxId,
    uids: Vec<Uid>,
) -> Result<Completion, Fault> {
    let (account, now) = (context.account, context.now());
    let wanted = uids.len();
    let copy = CopyMessages { account, from, to, uids, mode: CopyMode::Copy, now };
    let copied = match bulk::copy(&context.node.engine, copy).await {
        // The only rule of the store's that a COPY can break.
        Err(StoreError::Refused(_)) => {
            let busy = "Another large COPY is going on, try again later";
            return Ok(Completion::no(busy).with(Code::InUse));
        }
        copied => copied?,
    };
    let text = if copied.uids.len() < wanted {
        "COPY completed; some messages were gone"
    } else {
        "COPY completed"
    };
    Ok(match copied.uids.is_empty() {
        true => Completion::ok(text),
        false => Completion::ok(text).with(Code::CopyUid(copied.uidvalidity, copied.uids)),
    })
}

/// RFC 6851 4.3: COPYUID comes in an untagged OK, before the messages are told to be gone.
async fn move_all(
    context: &Context,
    from: MailboxId,
    to: MailboxId,
    uids: Vec<Uid>,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let (account, now) = (context.account, context.now());
    let mut moved: Option<Copied> = None;
    let mut failure = None;
    for step in uids.chunks(limits::BULK_STEP_MESSAGES) {
        let uids = step.to_vec();
        let step = CopyMessages { account, from, to, uids, mode: CopyMode::Move, now };
        match (context.node.engine.write(step).await, &mut moved) {
            (Ok(step), None) => moved = Some(step),
            (Ok(step), Some(moved)) => moved.uids.extend(step.uids),
            (Err(error), _) => {
                failure = Some(error);
                break;
            }
        }
    }
    if let Some(moved) = moved.filter(|moved| !moved.uids.is_empty()) {
        let code = Code::CopyUid(moved.uidvalidity, moved.uids);
        untagged::ok(output.bytes(), code, "Moved");
    }
    match failure {
        None => Ok(Completion::ok("MOVE completed")),
        Some(error) => Ok(reply::failed(&error)),
    }
}
