//! STATUS (RFC 3501 6.3.10), with SIZE (RFC 8438), HIGHESTMODSEQ (RFC 7162 3.1.7), DELETED and
//! DELETED-STORAGE (RFC 9208 4.1.4), APPENDLIMIT (RFC 7889) and MAILBOXID (RFC 8474 4.3).

use super::super::context::Fault;
use super::super::{Context, Output};
use posthorn_proto::imap::command::Status;
use posthorn_proto::imap::response::{self, StatusValue};
use posthorn_proto::imap::value::StatusItem;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::{Mailbox, MailboxSums, SumMailbox};

/// Carries STATUS out. Of the selected mailbox, too: it says how the mailbox is, not what its
/// client was told of it.
pub(super) async fn run(
    status: Status,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let mailbox = context.mailbox(&status.mailbox, Code::NonExistent).await?;
    write(&mailbox, &status.items, context, output).await?;
    Ok(Completion::ok("STATUS completed"))
}

/// Writes the response for a mailbox.
pub(super) async fn write(
    mailbox: &Mailbox,
    items: &[StatusItem],
    context: &Context,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let sums = sums(mailbox, items, context).await?;
    let counts = &mailbox.counts;
    let values: Vec<(StatusItem, StatusValue)> = items
        .iter()
        .map(|item| {
            let number = match item {
                StatusItem::MailboxId => return (*item, StatusValue::Id(mailbox.id)),
                StatusItem::Messages => counts.total,
                StatusItem::Recent => sums.recent,
                StatusItem::UidNext => u64::from(mailbox.uidnext.get()),
                StatusItem::UidValidity => u64::from(mailbox.uidvalidity.get()),
                StatusItem::Unseen => counts.unseen,
                StatusItem::HighestModSeq => mailbox.highest_modseq.get().unsigned_abs(),
                StatusItem::Size => counts.bytes,
                StatusItem::Deleted => counts.deleted,
                StatusItem::DeletedStorage => sums.deleted_bytes,
                StatusItem::AppendLimit => context.shared.message_bytes_max,
            };
            (*item, StatusValue::Number(number))
        })
        .collect();
    response::status(output.bytes(), mailbox.name.as_str(), &values);
    output.room().await?;
    Ok(())
}

/// What the mailbox's row does not know, read only when it is asked for and not zero anyway.
async fn sums(
    mailbox: &Mailbox,
    items: &[StatusItem],
    context: &Context,
) -> Result<MailboxSums, Fault> {
    let may_be_recent =
        items.contains(&StatusItem::Recent) && mailbox.recent_from < mailbox.uidnext;
    let has_deleted = items.contains(&StatusItem::DeletedStorage) && mailbox.counts.deleted > 0;
    if !may_be_recent && !has_deleted {
        return Ok(MailboxSums::default());
    }
    let sum = SumMailbox { account: context.account, mailbox: mailbox.id };
    Ok(context.node.engine.read(&sum).await?)
}
