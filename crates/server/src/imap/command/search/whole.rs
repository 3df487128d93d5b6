//! Messages whose kept text does not say enough: it was cut, is of another version or damaged. They
//! are read and looked through as they are.

use super::scan::{Candidate, Scan, broken, busy};
use crate::imap::context::Fault;
use crate::intake::LargeMessages;
use posthorn_message::parse;
use posthorn_message::part::Range;
use posthorn_message::text::search_text;
use posthorn_store::bodies::{BodyFiles, BodyReader};
use posthorn_store::mail::{Body, ReadBody, UnpackedText};
use posthorn_store::{Engine, EngineError};
use std::borrow::Cow;
use std::sync::Arc;

/// Folded text of one message, which has no bound but that of messages.
const BYTES_MAX: usize = u32::MAX as usize;

pub(super) struct WholeMessages<'a> {
    pub(super) engine: &'a Engine,
    pub(super) files: &'a BodyFiles,
    pub(super) large: &'a LargeMessages,
}

impl WholeMessages<'_> {
    /// Whether the message meets the criterion of the scan. One that is gone does not.
    pub(super) async fn meets(&self, scan: &Scan<'_>, candidate: Candidate) -> Result<bool, Fault> {
        // The message, a text decoded from it, and folded.
        let octets = u64::from(candidate.entry.size).saturating_mul(2);
        let turn = self.large.turn(scan.account, octets).await.map_err(|_| busy())?;
        let read = ReadBody { account: scan.account, email: candidate.entry.email };
        let Some(body) = self.engine.read(&read).await? else { return Ok(false) };
        let (view, criterion) = (Arc::clone(&scan.view), Arc::clone(&scan.criterion));
        let files = self.files.clone();
        let work = move || {
            let _turn = turn;
            let text = text_of(&body, &files)?;
            Ok::<_, EngineError>(candidate.ask(&view, &criterion, Some(text.get())))
        };
        let answer = self.large.run(work).await.map_err(|_| broken())??;
        // Nothing is open any more.
        Ok(answer.unwrap_or(false))
    }
}

/// The texts of a message behind each other.
struct Text {
    all: String,
    header: usize,
    parts: usize,
}

impl Text {
    fn get(&self) -> UnpackedText<'_> {
        let all = self.all.as_bytes();
        let (header, rest) = all.split_at_checked(self.header).unwrap_or((all, &[]));
        let (parts, body) = rest.split_at_checked(self.parts).unwrap_or((rest, &[]));
        UnpackedText { all, header, parts, body, is_cut: false }
    }
}

fn text_of(body: &Body, files: &BodyFiles) -> Result<Text, EngineError> {
    let octets = BodyReader::open(body, files)?.read_all()?;
    let parsed = parse(&octets);
    let read = |range: Range| range.of(&octets).map(Cow::Borrowed);
    let found = search_text(&body.prefix, parsed.map(), BYTES_MAX, read);
    let (header, parts) = (found.header.len(), found.parts.len());
    let mut all = found.header;
    all.push_str(&found.parts);
    all.push_str(&found.body);
    Ok(Text { all, header, parts })
}
