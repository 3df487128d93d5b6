//! What the store keeps of a message beside its bytes, computed once when it arrives.

use posthorn_base::limits;
use posthorn_message::Parsed;
use posthorn_message::part::{PART_MAP_VERSION, Range};
use posthorn_message::text::{SEARCH_TEXT_VERSION, search_text};
use posthorn_store::EngineError;
use posthorn_store::mail::{EmailFacts, SearchText, ThreadKeys};
use std::borrow::Cow;

/// The facts of a message with our trace fields, `prefix`, in front. Offsets in the part map count
/// from the message's own first octet; searched are our fields, too. Decodes and folds every text
/// of the message: for large ones, on a thread that may take its time.
///
/// # Errors
/// When the text cannot be compressed, for want of memory.
pub fn email_facts(
    parsed: &Parsed,
    prefix: &[u8],
    message: &[u8],
) -> Result<EmailFacts, EngineError> {
    let header = parsed.header();
    let read = |range: Range| range.of(message).map(Cow::Borrowed);
    let text = search_text(prefix, parsed.map(), limits::SEARCH_TEXT_BYTES_MAX, read);
    let texts = [text.header.as_str(), &text.parts, &text.body];
    let keys = parsed.thread_keys();
    let parents = keys.parents().iter().rev().map(|id| id.as_ref());
    Ok(EmailFacts {
        map_version: i64::from(PART_MAP_VERSION),
        part_map: parsed.map().to_bytes().into(),
        envelope: parsed.envelope().to_bytes().into(),
        sent: header
            .first("Date")
            .and_then(|field| posthorn_message::date::parse(&field.unfolded())),
        text: SearchText::pack(SEARCH_TEXT_VERSION, texts, text.truncated)?,
        thread: ThreadKeys::of(keys.message_id.as_deref(), parents, &keys.subject.text),
    })
}
