//! SEARCH and UID SEARCH (RFC 3501 6.4.4), with ESEARCH (RFC 4731), SEARCHRES (RFC 5182), MODSEQ
//! (RFC 7162 3.1.5), OBJECTID (RFC 8474 6) and SAVEDATE (RFC 8514 4.3).
//!
//! What a text key finds, exactly:
//!
//! * Query and text are folded (`posthorn_message::text::fold_for_search`): case, compatibility
//!   forms and runs of white space make no difference; then the query is looked for as a substring.
//! * BCC, CC, FROM, SUBJECT, TO and HEADER look at the message's own header, our trace fields in
//!   front included, as FETCH shows it: at every field of the name, each by itself, its value
//!   unfolded and decoded (RFC 2047), addresses as they are written.
//! * BODY looks at the texts of the message (`posthorn_message::text::search_text` says which),
//!   each by itself: those of attachments and of messages within are among them, no header field is
//!   (RFC 9051 6.4.4).
//! * TEXT looks at the same texts, and at all header fields, `name: value`, those of parts and of
//!   messages within included.
//!
//! The texts were folded when the message came and are kept beside it; the message itself is read
//! only where they were too long to be kept whole.

mod answer;
mod criteria;
mod scan;
mod text;
mod whole;

#[cfg(test)]
mod tests;

use super::super::context::Fault;
use super::super::{Context, Output};
use answer::Answer;
use criteria::Criterion;
use posthorn_base::{AccountId, Keyword};
use posthorn_proto::imap::command::{Search, SearchReturn};
use posthorn_proto::imap::value::SearchKey;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::ListKeywords;
use posthorn_store::{Engine, StoreError};
use scan::{IsThere, Scan, Wanted};
use std::sync::Arc;

/// Carries out SEARCH and UID SEARCH.
pub(super) async fn run(
    search: Search,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    let saves = search.returns.is_some_and(|returns| returns.save);
    let done = find_and_answer(search, context, output).await;
    // RFC 5182 2.1: NO to a SEARCH that was to save empties what was saved, be it for BADCHARSET;
    // BAD, and a SEARCH that was not to save, leave it.
    if saves
        && done.as_ref().is_err_and(|fault| !fault.is_bad())
        && let Some(selected) = context.selected.as_mut()
    {
        selected.saved = Vec::new();
    }
    done
}

async fn find_and_answer(
    search: Search,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    if !search.charset_is_known {
        let unknown = Completion::no("the charset is not known").with(Code::BadCharset);
        return Err(unknown.into());
    }
    let has_mod_seq = search.key.has_mod_seq();
    let (node, account) = (Arc::clone(&context.node), context.account);
    let selected = context.selected()?;
    let keywords = keywords(&search.key, &node.engine, account).await?;
    let criterion = Arc::new(Criterion::new(search.key, selected, &keywords)?);
    let scan = Scan {
        engine: &node.engine,
        files: &node.files,
        large: &node.large,
        budget: &node.budget,
        account,
        view: Arc::clone(&selected.view),
        criterion,
    };
    let returns = search.returns;
    let found = find(&scan, returns, &|| output.is_open()).await?;
    if returns.is_some_and(|returns| returns.save) {
        // RFC 5182 2.4: with MIN and MAX alone these are saved, and nothing else was looked for.
        let uids = found.iter().filter_map(|at| scan.view.get(*at)).map(|entry| entry.uid);
        selected.saved = uids.collect();
    }
    let answer = Answer { tag: &search.tag, by_uid: search.by_uid, has_mod_seq };
    answer.write(&scan.view, returns, &found, output).await?;
    Ok(Completion::ok("SEARCH completed"))
}

/// The account's dictionary, when a key asks for a keyword that has no bit.
async fn keywords(
    key: &SearchKey,
    engine: &Engine,
    account: AccountId,
) -> Result<Vec<(u32, Keyword)>, StoreError> {
    fn asks(key: &SearchKey) -> bool {
        match key {
            SearchKey::Keyword(_) => true,
            SearchKey::Not(key) => asks(key),
            SearchKey::Or(a, b) => asks(a) || asks(b),
            SearchKey::And(keys) => keys.iter().any(asks),
            _ => false,
        }
    }
    if asks(key) { engine.read(&ListKeywords(account)).await } else { Ok(Vec::new()) }
}

/// The positions that are found, rising; when only the ends are asked for, only these.
async fn find(
    scan: &Scan<'_>,
    returns: Option<SearchReturn>,
    is_there: &IsThere<'_>,
) -> Result<Vec<usize>, Fault> {
    match returns {
        Some(SearchReturn { min, max, all: false, count: false, .. }) if min || max => {
            let first = match min {
                true => scan.run(Wanted::First, is_there).await?,
                false => Vec::new(),
            };
            if !max || (min && first.is_empty()) {
                return Ok(first);
            }
            let mut ends = first;
            ends.extend(scan.run(Wanted::Last, is_there).await?);
            ends.dedup();
            Ok(ends)
        }
        _ => scan.run(Wanted::All, is_there).await,
    }
}
