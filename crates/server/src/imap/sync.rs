//! Telling a session what changed in its mailbox: the only place where what a client knows moves
//! on.
//!
//! After each command the session's view moves to the newest one, and the difference is written:
//! EXPUNGE or VANISHED for what is gone, FETCH for what has other flags, EXISTS and RECENT for what
//! is new. Where expunges may not be told, what is gone stays in the view until they may.
//!
//! Invariants
//! * Expunges are told neither between commands nor by FETCH, STORE and SEARCH (RFC 3501 7.4.1,
//!   RFC 7162 3.2.10).
//! * They come first: the numbers in what follows are those after them.
//! * What a command has told itself ([`Selected::was_told`]) is not told again.
//! * A message is in a VANISHED only if the client was told that it exists (RFC 7162 3.2.10.2).

use super::context::Fault;
use super::{Context, Output, Selected, untagged};
use crate::conn::CloseReason;
use posthorn_base::{ModSeq, Uid};
use posthorn_proto::imap::command::Request;
use posthorn_proto::imap::value::SearchKey;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::StoreError;
use posthorn_store::view::{Difference, View};
use std::sync::Arc;

/// What may be told after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct After {
    /// Anything at all. False where a mailbox has just been selected or left.
    pub(super) tells: bool,
    /// That messages are gone.
    pub(super) expunges: bool,
    /// UIDs go with everything: the command was of those (RFC 3501 6.4.8).
    pub(super) by_uid: bool,
    /// The command deletes mailboxes: when the selected one is gone, its client did that itself.
    pub(super) deletes: bool,
}

impl After {
    /// After a command that has nothing to do with sequence numbers.
    pub(super) const EVERYTHING: After =
        After { tells: true, expunges: true, by_uid: false, deletes: false };
    const NOTHING: After = After { tells: false, ..After::EVERYTHING };

    /// After this command.
    pub(super) fn of(request: &Request) -> After {
        let numbers = |by_uid| After { expunges: by_uid, by_uid, ..After::EVERYTHING };
        match request {
            Request::Fetch(fetch) => numbers(fetch.by_uid),
            Request::Store(store) => numbers(store.by_uid),
            // RFC 7162 3.2.10: UID SEARCH counts as SEARCH when it names sequence numbers.
            Request::Search(search) => {
                let by_uid = search.by_uid;
                After { expunges: by_uid && !has_numbers(&search.key), ..numbers(by_uid) }
            }
            Request::Copy(copy) => After { by_uid: copy.by_uid, ..After::EVERYTHING },
            Request::Expunge(expunge) => {
                After { by_uid: expunge.uids.is_some(), ..After::EVERYTHING }
            }
            Request::Select(_) | Request::Close | Request::Unselect => After::NOTHING,
            Request::Delete(_) => After { deletes: true, ..After::EVERYTHING },
            Request::Noop
            | Request::Check
            | Request::Create(_)
            | Request::Rename(_)
            | Request::Subscribe(_)
            | Request::List(_)
            | Request::Lsub(_)
            | Request::Namespace
            | Request::Status(_)
            | Request::GetQuota(_)
            | Request::GetQuotaRoot(_)
            | Request::SetQuota(_)
            | Request::Enable(_) => After::EVERYTHING,
        }
    }
}

fn has_numbers(key: &SearchKey) -> bool {
    match key {
        SearchKey::Messages(_) => true,
        SearchKey::Not(key) => has_numbers(key),
        SearchKey::Or(a, b) => has_numbers(a) || has_numbers(b),
        SearchKey::And(keys) => keys.iter().any(has_numbers),
        _ => false,
    }
}

/// How a session stands with its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As good as before.
    Good,
    /// Somebody else deleted it.
    Gone,
}

/// Tells what may be told after a command, and finishes its completion.
///
/// # Errors
/// When the connection ends. A store that cannot be read now is told of later: the command itself
/// is done.
pub(super) async fn after(
    context: &mut Context,
    after: After,
    completion: Completion,
    output: &mut Output<'_>,
) -> Result<(Completion, Standing), CloseReason> {
    match sync(context, after, output).await {
        Ok(Standing::Good) => Ok((completion, Standing::Good)),
        Ok(Standing::Gone) if after.deletes => {
            context.selected = None;
            // RFC 7162 3.2.11: what follows is not of that mailbox any more.
            untagged::ok(output.bytes(), Code::Closed, "You deleted the selected mailbox");
            Ok((completion.selecting(false), Standing::Good))
        }
        Ok(Standing::Gone) => {
            context.selected = None;
            Ok((completion.selecting(false), Standing::Gone))
        }
        Err(Fault::Close(reason)) => Err(reason),
        Err(Fault::Refused(_)) => Ok((completion, Standing::Good)),
        Err(Fault::Store(error)) => {
            tracing::warn!(%error, "changes of a mailbox cannot be told now");
            Ok((completion, Standing::Good))
        }
    }
}

/// Moves the session's view on to the newest, and tells the difference.
///
/// # Errors
/// When the store cannot be read, or the connection ends.
pub(super) async fn sync(
    context: &mut Context,
    after: After,
    output: &mut Output<'_>,
) -> Result<Standing, Fault> {
    let Some(selected) = context.selected.as_mut().filter(|_| after.tells) else {
        return Ok(Standing::Good);
    };
    let told = selected.take_told();
    let newest = match context.newest().await {
        Ok(newest) => newest,
        Err(Fault::Store(StoreError::Missing { .. })) => return Ok(Standing::Gone),
        Err(fault) => return Err(fault),
    };
    let Some(selected) = context.selected.as_mut() else { return Ok(Standing::Good) };
    let known = Arc::clone(&selected.view);
    if Arc::ptr_eq(&known, &newest) {
        return Ok(Standing::Good);
    }
    let next = if after.expunges {
        tell_expunges(selected, &known, &newest, context.enabled.qresync, output).await?;
        newest
    } else {
        keeping(&known, newest)
    };
    tell_changes(context, &known, &next, &told, after, output).await?;
    move_to(context, &known, next, output).await?;
    Ok(Standing::Good)
}

/// The newest view with what is gone from it still there; the newest itself when nothing is.
fn keeping(known: &View, newest: Arc<View>) -> Arc<View> {
    let kept = known.keeping(&newest);
    if kept.ghosts().is_empty() { newest } else { Arc::new(kept) }
}

/// EXPUNGE or VANISHED for each message of `known` that is not in `newest`.
async fn tell_expunges(
    selected: &Selected,
    known: &View,
    newest: &View,
    as_vanished: bool,
    output: &mut Output<'_>,
) -> Result<(), CloseReason> {
    let gone = known.difference(newest).filter_map(|difference| match difference {
        Difference::Gone { position, entry } => Some((position, entry.uid)),
        Difference::Changed { .. } | Difference::New { .. } => None,
    });
    debug_assert_eq!(known.mailbox().id, selected.mailbox, "views of one mailbox");
    if as_vanished {
        let mut ranges = Vec::new();
        gone.for_each(|(_, uid)| untagged::add_to_ranges(&mut ranges, uid.get()));
        return untagged::tell_vanished(false, &ranges, output).await;
    }
    for (before, (position, _)) in gone.enumerate() {
        // Those before it have left already: each number is one of the moment it is written.
        untagged::expunge(output.bytes(), position - before + 1);
        output.room().await?;
    }
    Ok(())
}

/// FETCH for each message that has changed, unless this command has told so itself.
async fn tell_changes(
    context: &mut Context,
    known: &View,
    next: &View,
    told: &[(Uid, ModSeq)],
    after: After,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let is_told = |uid: Uid, modseq: ModSeq| {
        let at = told.partition_point(|(other, _)| *other < uid);
        told.iter().skip(at).take_while(|(other, _)| *other == uid).any(|(_, to)| *to >= modseq)
    };
    for difference in known.difference(next) {
        let Difference::Changed { old_position: _, position, entry } = difference else { continue };
        if is_told(entry.uid, entry.modseq) {
            continue;
        }
        tell_message(context, next, position, after.by_uid, output).await?;
    }
    Ok(())
}

/// An unsolicited FETCH with the flags of the message at a position of `view`.
pub(super) async fn tell_message(
    context: &mut Context,
    view: &View,
    position: usize,
    by_uid: bool,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let Some(entry) = view.get(position) else { return Ok(()) };
    let keywords = view.keywords(entry);
    context.learn(keywords, output).await?;
    let Some(selected) = &context.selected else { return Ok(()) };
    let condstore = context.enabled.condstore;
    let names = keywords.iter().filter_map(|number| context.dictionary().name(number));
    untagged::fetch_flags(
        output.bytes(),
        position + 1,
        // RFC 7162 3.2.4: who knows modseqs gets UIDs with them.
        (by_uid || condstore).then_some(entry.uid),
        condstore.then_some(entry.modseq),
        Some((entry.flags, names, selected.is_recent(entry.uid))),
    );
    output.room().await?;
    Ok(())
}

/// EXISTS and RECENT when they changed; from here on the client knows `next`.
async fn move_to(
    context: &mut Context,
    known: &View,
    next: Arc<View>,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let Some(selected) = context.selected.as_mut() else { return Ok(()) };
    let is_new = |difference| matches!(difference, Difference::New { .. });
    let has_new =
        next.mailbox().uidnext != known.mailbox().uidnext && known.difference(&next).any(is_new);
    if has_new && !selected.read_only {
        let (marks, engine) = (&context.shared.marks, &context.node.engine);
        if let Some(claimed) = marks.claim(engine, context.account, next.mailbox()).await? {
            selected.recent.add(claimed);
        }
    }
    if let Some(first) = next.get(0) {
        selected.recent.forget_below(first.uid);
    }
    if has_new {
        untagged::exists(output.bytes(), next.len());
    }
    let recent = selected.recent.count(&next);
    if has_new || recent != selected.recent_told {
        untagged::recent(output.bytes(), recent);
        selected.recent_told = recent;
    }
    if next.ghosts().is_empty() {
        selected.synced = next.mailbox().highest_modseq;
    } else if context.enabled.qresync {
        // RFC 7162 3.2: modseqs above that of an expunge that waits are told; the client must not
        // take them for its place in the log.
        selected.tell_highest_modseq(output.bytes());
    }
    selected.view = next;
    Ok(())
}
