//! SELECT and EXAMINE (RFC 3501 6.3.1 and 6.3.2), with CONDSTORE and QRESYNC (RFC 7162 3.1.8 and
//! 3.2.5).

use super::super::context::Fault;
use super::super::recent::Recent;
use super::super::{Context, Output, Selected, sync, untagged};
use super::vanished;
use posthorn_base::{Flags, ModSeq, Uid};
use posthorn_proto::imap::command::{Qresync, Select};
use posthorn_proto::imap::value::{SequenceNumber, SequenceSet};
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::StoreError;
use posthorn_store::view::View;
use std::num::NonZeroU32;
use std::sync::Arc;

/// SELECT and EXAMINE.
pub(super) async fn select(
    select: Select,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    if context.selected.take().is_some() {
        // RFC 7162 3.2.11: the border between what belongs to the old and to the new mailbox. Also
        // when there will be no new one: RFC 3501 6.3.1 leaves none selected then.
        untagged::ok(output.bytes(), Code::Closed, "The mailbox that was selected is left");
    }
    context.enabled.condstore |= select.condstore || select.qresync.is_some();
    match open(&select, context, output).await {
        Ok(completion) => Ok(completion.selecting(true)),
        Err(Fault::Refused(completion)) => Ok(completion.selecting(false)),
        Err(Fault::Store(error)) => Ok(super::super::reply::failed(&error).selecting(false)),
        Err(Fault::Close(reason)) => Err(Fault::Close(reason)),
    }
}

async fn open(
    select: &Select,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let mailbox = context.mailbox(&select.mailbox, Code::NonExistent).await?;
    let (account, engine) = (context.account, &context.node.engine);
    let view = context.node.views.open(engine, account, mailbox.id).await?;
    let marks = &context.shared.marks;
    let recent = if select.read_only {
        // RFC 3501 6.3.2: EXAMINE must not take \Recent from anybody.
        Recent::from(marks.known(account, view.mailbox()))
    } else {
        let mut recent = Recent::default();
        if let Some(claimed) = marks.claim(engine, account, view.mailbox()).await? {
            recent.add(claimed);
        }
        recent
    };
    context.begin_dictionary().await?;
    let selected = Selected::new(Arc::clone(&view), select.read_only, recent);
    describe(&selected, context, output);
    context.selected = Some(selected);
    if let Some(qresync) = &select.qresync {
        resync(qresync, &view, context, output).await?;
    }
    Ok(match select.read_only {
        true => Completion::ok("EXAMINE completed").with(Code::ReadOnly),
        false => Completion::ok("SELECT completed").with(Code::ReadWrite),
    })
}

/// The responses that say what there is.
fn describe(selected: &Selected, context: &Context, output: &mut Output<'_>) {
    let view = &selected.view;
    let mailbox = view.mailbox();
    let bytes = output.bytes();
    selected.tell_flags(context.dictionary(), bytes);
    untagged::exists(bytes, view.len());
    untagged::recent(bytes, selected.recent_told);
    if let Some(number) = first_unseen(view) {
        untagged::ok(bytes, Code::Unseen(number), "The first unread message");
    }
    untagged::ok(bytes, Code::UidValidity(mailbox.uidvalidity), "UIDs are valid");
    untagged::ok(bytes, Code::UidNext(mailbox.uidnext), "The next UID, or a later one");
    selected.tell_highest_modseq(bytes);
    untagged::ok(bytes, Code::MailboxId(mailbox.id), "Its id, which RENAME keeps");
}

fn first_unseen(view: &View) -> Option<u32> {
    if view.mailbox().counts.unseen == 0 {
        return None;
    }
    let position = view.messages().position(|entry| !entry.flags.contains(Flags::SEEN))?;
    u32::try_from(position).ok()?.checked_add(1)
}

/// What the client has missed since it was last here (RFC 7162 3.2.5).
async fn resync(
    qresync: &Qresync,
    view: &View,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let mailbox = view.mailbox();
    if qresync.uidvalidity != mailbox.uidvalidity {
        // RFC 7162 3.2.5: the rest is ignored; the client sees that the UIDVALIDITY is another.
        return Ok(());
    }
    let greatest = NonZeroU32::new(mailbox.uidnext.get() - 1).unwrap_or(NonZeroU32::MIN);
    let known = match &qresync.known_uids {
        Some(set) => set.resolve(greatest),
        None => vec![(1, greatest.get())],
    };
    if qresync.mod_seq < mailbox.highest_modseq {
        let from = in_step_until(qresync.matches.as_ref(), view);
        let asked = above(&known, from);
        tell_vanished(view, qresync.mod_seq, &asked, context, output).await?;
    }
    for (from, to) in known {
        let find = |uid| Uid::new(uid).map_or(0, |uid| view.find(uid).unwrap_or_else(|at| at));
        for position in find(from)..view.len() {
            let Some(entry) = view.get(position).filter(|entry| entry.uid.get() <= to) else {
                break;
            };
            if entry.modseq > qresync.mod_seq {
                sync::tell_message(context, view, position, true, output).await?;
            }
        }
    }
    Ok(())
}

async fn tell_vanished(
    view: &View,
    since: ModSeq,
    asked: &[(u32, u32)],
    context: &Context,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let gone = match vanished::since(context, view.mailbox().id, view, since, asked).await {
        // Deleted this moment: the next command finds out.
        Err(StoreError::Missing { .. }) => return Ok(()),
        gone => gone?,
    };
    Ok(untagged::tell_vanished(true, &gone, output).await?)
}

/// The parts of the ranges above a number.
fn above(ranges: &[(u32, u32)], number: u32) -> Vec<(u32, u32)> {
    let first = number.saturating_add(1);
    let cut = |(from, to): &(u32, u32)| ((*from).max(first), *to);
    ranges.iter().map(cut).filter(|(from, to)| from <= to).collect()
}

/// The greatest UID up to which the client's sequence numbers are those of the view
/// (RFC 7162 3.2.5.2): it knows of every expunge below.
fn in_step_until(matches: Option<&(SequenceSet, SequenceSet)>, view: &View) -> u32 {
    let Some((numbers, uids)) = matches else { return 0 };
    let len = u32::try_from(view.len()).unwrap_or(u32::MAX);
    // RFC 7162 7: both sets rise. Where they don't they say nothing more, and cost nothing more.
    let mut before = (0, 0);
    let rises = |pair: &(u32, u32)| {
        let (number, uid) = std::mem::replace(&mut before, *pair);
        number < pair.0 && uid < pair.1 && pair.0 <= len
    };
    let pairs = each(numbers).zip(each(uids)).take_while(rises);
    let is_so = |(number, uid): &(u32, u32)| {
        let entry = number.checked_sub(1).and_then(|at| view.get(at as usize));
        entry.is_some_and(|entry| entry.uid.get() == *uid)
    };
    pairs.filter(is_so).map(|(_, uid)| uid).max().unwrap_or(0)
}

/// The numbers of a set in the order in which it is written; the grammar lets no `*` come here.
fn each(set: &SequenceSet) -> impl Iterator<Item = u32> + '_ {
    let number = |number| match number {
        SequenceNumber::Number(number) => number.get(),
        SequenceNumber::Star => u32::MAX,
    };
    set.ranges.iter().flat_map(move |range| {
        let (a, b) = (number(range.from), number(range.to));
        a.min(b)..=a.max(b)
    })
}
