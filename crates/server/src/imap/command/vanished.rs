//! Which messages are gone since: VANISHED (EARLIER) of SELECT (RFC 7162 3.2.5) and of UID FETCH
//! (3.2.6).

use super::super::{Context, untagged};
use posthorn_base::{MailboxId, ModSeq, Uid};
use posthorn_store::StoreError;
use posthorn_store::mail::{Cursor, MailboxChanges};
use posthorn_store::view::View;

/// Changes that one read takes.
const PAGE: u32 = 10_000;

/// UIDs of `known` (rising ranges) that are gone from the mailbox since `since` and not in `view`,
/// as rising ranges. When the store has forgotten what vanished that long ago, all UIDs of `known`
/// that are not there (RFC 7162 3.2.6 allows to tell more than was asked).
pub(super) async fn since(
    context: &Context,
    mailbox: MailboxId,
    view: &View,
    since: ModSeq,
    known: &[(u32, u32)],
) -> Result<Vec<(u32, u32)>, StoreError> {
    let account = context.account;
    let mut cursor = Cursor::after(since);
    let mut gone: Vec<Uid> = Vec::new();
    loop {
        let changes = MailboxChanges { account, mailbox, since: cursor, limit: PAGE };
        let page = context.node.engine.read(&changes).await?;
        if !page.vanished_is_complete {
            return Ok(absent(view, known));
        }
        gone.extend(page.vanished);
        match page.next {
            Some(next) => cursor = next,
            None => break,
        }
    }
    gone.sort_unstable();
    let uidnext = view.mailbox().uidnext;
    let mut ranges = Vec::new();
    for uid in gone {
        // What went or came while we looked is told like any other change, later.
        let is_old = uid < uidnext && view.find(uid).is_err();
        if is_old && contains(known, uid.get()) {
            untagged::add_to_ranges(&mut ranges, uid.get());
        }
    }
    Ok(ranges)
}

fn contains(ranges: &[(u32, u32)], number: u32) -> bool {
    let behind = ranges.partition_point(|(from, _)| *from <= number);
    let range = behind.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|(_, to)| number <= *to)
}

/// The UIDs of `known` that no message of the view has and that were given out, as ranges.
fn absent(view: &View, known: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let last = view.mailbox().uidnext.get() - 1;
    let mut absent = Vec::new();
    for (from, to) in known {
        let (mut next, to) = (*from, last.min(*to));
        let first = Uid::new(next).map_or(0, |uid| view.find(uid).unwrap_or_else(|at| at));
        for position in first.. {
            let Some(entry) = view.get(position).filter(|entry| entry.uid.get() <= to) else {
                break;
            };
            if next < entry.uid.get() {
                absent.push((next, entry.uid.get() - 1));
            }
            next = entry.uid.get().saturating_add(1);
        }
        if next <= to {
            absent.push((next, to));
        }
    }
    absent
}
