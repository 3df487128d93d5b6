//! STORE (RFC 3501 6.4.6, RFC 7162 3.1.3) and UID STORE.
//!
//! Who stores is told what came of it: without .SILENT the flags of every message that was named;
//! with it only what the client cannot know by itself, because another session changed the message,
//! too. Messages that are gone do not stop the others (RFC 7162 3.1.3, the
//! examples).

use super::super::context::Fault;
use super::super::{Context, Output, sync, untagged};
use posthorn_base::{Flags, ModSeq, Uid, limits};
use posthorn_proto::imap::command::{Store, StoreAction};
use posthorn_proto::imap::value::{SequenceNumber, SequenceRange, SequenceSet};
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::StoreError;
use posthorn_store::mail::{FlagAction, KeywordSet, StoreFlags, TOO_MANY_KEYWORDS, Unchanged};
use posthorn_store::view::{Entry, View};
use std::num::NonZeroU32;
use std::sync::Arc;

/// What became of the messages.
#[derive(Default)]
struct Outcome {
    /// Changed now, rising.
    changed: Vec<Uid>,
    /// Left alone because of UNCHANGEDSINCE, rising.
    modified: Vec<Uid>,
}

/// STORE and UID STORE.
pub(super) async fn store(
    store: Store,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let selected = context.writable()?;
    let known = Arc::clone(&selected.view);
    let (uids, some_are_gone) = selected.live(&store.set, store.by_uid)?;
    let outcome = write(&store, &uids, &known, context).await?;
    let newest = context.newest().await?;
    // The numbers are still those that the client knows: it has been told of no expunge.
    let view = known.keeping(&newest);
    for uid in &uids {
        if outcome.modified.binary_search(uid).is_err() && !view.is_ghost(*uid) {
            answer(&store, &outcome, &known, &view, *uid, context, output).await?;
        }
    }
    let some_are_gone = some_are_gone || uids.iter().any(|uid| view.is_ghost(*uid));
    Ok(completion(&store, &outcome, some_are_gone, &known))
}

/// Changes the flags, in steps that let others write in between.
async fn write(
    store: &Store,
    uids: &[Uid],
    known: &View,
    context: &mut Context,
) -> Result<Outcome, Fault> {
    let mailbox = context.selected()?.mailbox;
    let mut outcome = Outcome::default();
    for step in uids.chunks(limits::BULK_STEP_MESSAGES) {
        let step = StoreFlags {
            account: context.account,
            mailbox,
            uids: step.to_vec(),
            action: match store.action {
                StoreAction::Replace => FlagAction::Set,
                StoreAction::Add => FlagAction::Add,
                StoreAction::Remove => FlagAction::Remove,
            },
            flags: store.flags.flags,
            keywords: store.flags.keywords.clone(),
            unchanged_since: store.unchanged_since.map(|since| unchanged(since, step, known)),
        };
        let mut stored = context.node.engine.write(step.clone()).await;
        if matches!(stored, Err(StoreError::Limit { what: TOO_MANY_KEYWORDS, .. }))
            && context.free_keywords().await?
        {
            stored = context.node.engine.write(step).await;
        }
        let stored = stored?;
        context.node.views.follow(context.account, mailbox, &stored).await;
        outcome.changed.extend(stored.changed.into_iter().map(|(uid, _, _)| uid));
        outcome.modified.extend(stored.modified);
    }
    Ok(outcome)
}

/// The condition, with what the client knows of these messages: what it was told at `since` or
/// before is what it means by it (RFC 7162 3.1.12).
fn unchanged(since: ModSeq, uids: &[Uid], known: &View) -> Unchanged {
    let entry = |uid: &Uid| known.get(known.find(*uid).ok()?);
    let entries = uids.iter().filter_map(entry).filter(|entry| entry.modseq <= since);
    let state = |entry: &Entry| (entry.uid, entry.flags, known.keywords(entry).clone());
    Unchanged { since, known: entries.map(state).collect() }
}

/// Tells what became of one message.
async fn answer(
    store: &Store,
    outcome: &Outcome,
    known: &View,
    view: &View,
    uid: Uid,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let Ok(position) = view.find(uid) else { return Ok(()) };
    let Some(entry) = view.get(position) else { return Ok(()) };
    if !store.silent {
        sync::tell_message(context, view, position, store.by_uid, output).await?;
        context.selected()?.was_told(uid, entry.modseq);
        return Ok(());
    }
    let is_changed = outcome.changed.binary_search(&uid).is_ok();
    if is_changed {
        context.learn(view.keywords(entry), output).await?;
        let expected = expected(store, known, uid, context);
        if expected.as_ref() != Some(&(entry.flags, view.keywords(entry).clone())) {
            // Another session had a hand in it: told in full like any other change.
            return Ok(());
        }
        context.selected()?.was_told(uid, entry.modseq);
    }
    // RFC 7162 3.1.3: the modseq is told even so.
    let tells_modseq = store.unchanged_since.is_some() || context.enabled.condstore && is_changed;
    if tells_modseq {
        tell_modseq(position + 1, uid, entry.modseq, output).await?;
    }
    Ok(())
}

async fn tell_modseq(
    number: usize,
    uid: Uid,
    modseq: ModSeq,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    untagged::fetch_modseq(output.bytes(), number, uid, modseq);
    output.room().await?;
    Ok(())
}

/// The flags and keywords that the client takes a message to have now, from what it knew of it.
/// `None` when that cannot be said.
fn expected(
    store: &Store,
    known: &View,
    uid: Uid,
    context: &Context,
) -> Option<(Flags, KeywordSet)> {
    let before = known.get(known.find(uid).ok()?)?;
    let (keywords, all_known) = context.dictionary().numbers(&store.flags.keywords);
    let (flags, has) = (store.flags.flags, known.keywords(before));
    Some(match store.action {
        StoreAction::Replace if all_known => (flags, keywords),
        StoreAction::Add if all_known => (before.flags.with(flags), has.with(&keywords)),
        StoreAction::Replace | StoreAction::Add => return None,
        // What has no number no message has.
        StoreAction::Remove => (before.flags.without(flags), has.without(&keywords)),
    })
}

fn completion(store: &Store, outcome: &Outcome, some_are_gone: bool, known: &View) -> Completion {
    // Our choice: with .SILENT the client sees no difference, and UIDs that are gone are no
    // error (RFC 3501 6.4.8).
    let fails = some_are_gone && !store.by_uid && !store.silent;
    let done = match fails {
        true => Completion::no("Some of these messages are gone; the others are changed"),
        false => Completion::ok("STORE completed"),
    };
    let number = |uid: &Uid| match store.by_uid {
        true => Some(uid.get()),
        false => u32::try_from(known.find(*uid).ok()? + 1).ok(),
    };
    match sequence_set(outcome.modified.iter().filter_map(number)) {
        Some(set) => done.with(Code::Modified(set)),
        None if fails => done.with(Code::ExpungeIssued),
        None => done,
    }
}

/// A set of rising numbers; `None` when there is none.
fn sequence_set(numbers: impl Iterator<Item = u32>) -> Option<SequenceSet> {
    let mut ranges = Vec::new();
    numbers.for_each(|number| untagged::add_to_ranges(&mut ranges, number));
    let number = |number| NonZeroU32::new(number).map(SequenceNumber::Number);
    let range = |(from, to)| Some(SequenceRange { from: number(from)?, to: number(to)? });
    let ranges: Vec<SequenceRange> = ranges.into_iter().filter_map(range).collect();
    (!ranges.is_empty()).then_some(SequenceSet { ranges })
}
