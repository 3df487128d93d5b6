//! EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1).

use super::super::context::Fault;
use super::super::sync::{self, After};
use super::super::{Context, Output};
use posthorn_base::{Flags, Uid};
use posthorn_proto::imap::command::Expunge;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::{self, bulk};

/// EXPUNGE and UID EXPUNGE.
pub(super) async fn expunge(
    expunge: Expunge,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let selected = context.writable()?;
    let among = match &expunge.uids {
        Some(set) => Some(selected.live(set, true)?.0),
        None => None,
    };
    let has_expunged = deleted(context, among).await?;
    let done = Completion::ok("EXPUNGE completed");
    match has_expunged {
        true => told(done, expunge.uids.is_some(), context, output).await,
        // What else there is to tell is told behind.
        false => Ok(done),
    }
}

/// Ends a command that has taken messages out of the selected mailbox: tells that they are gone,
/// and those who use modseqs that they know everything up to here (RFC 7162 3.2.7 and 3.2.9,
/// RFC 6851 4.4).
pub(super) async fn told(
    done: Completion,
    by_uid: bool,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let after = After { by_uid, ..After::EVERYTHING };
    let standing = sync::sync(context, after, output).await?;
    match &context.selected {
        Some(selected) if context.enabled.condstore && standing == sync::Standing::Good => {
            Ok(done.with(Code::HighestModSeq(selected.synced)))
        }
        Some(_) | None => Ok(done),
    }
}

/// Expunges what has \Deleted, of `among` or of all the mailbox: also what the client was not told
/// of (RFC 3501 6.4.3: all messages that have it). Answers whether anything went.
pub(super) async fn deleted(context: &mut Context, among: Option<Vec<Uid>>) -> Result<bool, Fault> {
    let uids = match among {
        Some(uids) => uids,
        None => {
            let newest = context.newest().await?;
            match newest.mailbox().counts.deleted {
                0 => Vec::new(),
                _ => {
                    let all = newest.messages();
                    all.filter(|one| one.flags.contains(Flags::DELETED))
                        .map(|one| one.uid)
                        .collect()
                }
            }
        }
    };
    if uids.is_empty() {
        return Ok(false);
    }
    let mailbox = context.selected()?.mailbox;
    let (account, now) = (context.account, context.now());
    let expunge = mail::Expunge { account, mailbox, uids, only_deleted: true, now };
    let expunged = bulk::expunge(&context.node.engine, expunge).await?;
    Ok(!expunged.uids.is_empty())
}
