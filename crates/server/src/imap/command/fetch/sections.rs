//! Octets of messages: which of them a section has, and how they get to the client.
//!
//! A message is our trace fields, then the octets as they came. The part map counts from the first
//! of the latter; our fields belong to the message's header.

use super::{Fetching, Message, Unreadable, attributes};
use crate::body::{ReadError, Source};
use crate::conn::CloseReason;
use crate::imap::context::Fault;
use crate::imap::{Context, Output};
use crate::memory::Permit;
use posthorn_base::limits;
use posthorn_message::WireError;
use posthorn_message::header::Header;
use posthorn_message::part::{PartMap, Section, SectionText};
use posthorn_message::structure::imap_text::write_number;
use posthorn_proto::imap::value::{BodySection, FetchItem, Partial, SectionSpec};
use std::ops::Range;

/// What a section has.
enum Octets {
    /// The message has no such section.
    Nil,
    /// These of the message, our fields included.
    Range(Range<u64>),
    /// Some fields of a header, and the memory for them.
    Fields(Vec<u8>, Option<Permit>),
}

/// A message whose octets are written.
struct Opened<'a> {
    source: Source,
    /// Octets that may wait in the output, beside what always may.
    covered: usize,
    /// Its part map, read when it is first needed.
    map: Option<PartMap>,
    stored_map: Option<&'a [u8]>,
}

impl Fetching<'_> {
    /// Writes a message of which octets are asked for. `covered`: octets that may wait in the
    /// output, beside what always may. The inner error leaves it out; nothing of it was written
    /// then.
    pub(super) async fn write_with_octets(
        &self,
        message: &Message<'_>,
        source: Source,
        covered: usize,
        output: &mut Output<'_>,
    ) -> Result<Result<(), Unreadable>, Fault> {
        let context = &*self.context;
        let stored_map = message.summary.and_then(|summary| summary.part_map.as_deref());
        let mut opened = Opened { source, covered, map: None, stored_map };
        // Where the response begins, as long as nothing of it was sent.
        let mut begins_at = Some(output.bytes().len());
        attributes::begin(output.bytes(), message.number);
        for (n, label) in self.labels.iter().enumerate() {
            if n > 0 {
                output.bytes().push(b' ');
            }
            let written = match label.item {
                FetchItem::Section(section) => {
                    output.bytes().extend_from_slice(&label.words);
                    opened.write(section, context, output, &mut begins_at).await?
                }
                item => self.write_item(item, message, output.bytes()),
            };
            if let Err(error) = written {
                return give_up(error, begins_at, output);
            }
        }
        attributes::end(output.bytes());
        Ok(Ok(()))
    }
}

/// Takes back what was written of a message, or cuts the connection when some of it was sent.
fn give_up(
    error: Unreadable,
    begins_at: Option<usize>,
    output: &mut Output<'_>,
) -> Result<Result<(), Unreadable>, Fault> {
    match begins_at {
        Some(begins_at) => {
            output.bytes().truncate(begins_at);
            Ok(Err(error))
        }
        None => {
            tracing::error!(?error, "a message cannot be read to its end");
            Err(Fault::Close(CloseReason::CutShort("a message cannot be read to its end")))
        }
    }
}

impl Opened<'_> {
    async fn write(
        &mut self,
        section: &BodySection,
        context: &Context,
        output: &mut Output<'_>,
        begins_at: &mut Option<usize>,
    ) -> Result<Result<(), Unreadable>, Fault> {
        let octets = match self.locate(&section.spec, context).await {
            Ok(octets) => octets,
            Err(error) => return Ok(Err(error)),
        };
        match octets {
            Octets::Nil => output.bytes().extend_from_slice(b"NIL"),
            Octets::Fields(octets, memory) => {
                let part = cut(0..octets.len() as u64, section.partial);
                announce(output.bytes(), part.end - part.start);
                let part = slice(&octets, &part).unwrap_or_default();
                output.bytes().extend_from_slice(part);
                self.room(output, begins_at).await?;
                drop(memory);
            }
            Octets::Range(range) => {
                let range = cut(range, section.partial);
                return self.send(range, context, output, begins_at).await;
            }
        }
        Ok(Ok(()))
    }

    /// Octets in front of the body: our trace fields.
    fn prefix_octets(&self) -> u64 {
        self.source.prefix().len() as u64
    }

    async fn locate(
        &mut self,
        spec: &SectionSpec,
        context: &Context,
    ) -> Result<Octets, Unreadable> {
        let range = match spec {
            SectionSpec::Part(section) => self.range(section)?,
            SectionSpec::Fields { part, .. } => {
                self.range(&Section { part: part.clone(), text: SectionText::Header })?
            }
        };
        let Some(range) = range else { return Ok(Octets::Nil) };
        match spec {
            SectionSpec::Part(_) => Ok(Octets::Range(range)),
            SectionSpec::Fields { not, names, .. } => {
                let (section, memory) = self.header(range, context).await?;
                // No field has a name that is not ASCII, or none at all.
                let names = names.iter().filter_map(|name| std::str::from_utf8(name).ok());
                let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
                let fields = Header::new(&section).subset(&names, !*not);
                Ok(Octets::Fields(fields, memory))
            }
        }
    }

    /// Where a section lies in the message; `None` when it has no such section.
    fn range(&mut self, section: &Section) -> Result<Option<Range<u64>>, Unreadable> {
        let prefix = self.prefix_octets();
        let end = prefix.saturating_add(self.source.body_octets());
        if section.part.is_empty() && section.text == SectionText::Whole {
            return Ok(Some(0..end));
        }
        let stored = self.stored_map.ok_or(Unreadable::Gone)?;
        let found = if section.part.is_empty() {
            // The first part says it all.
            let header = PartMap::header_octets(stored)?;
            match section.text {
                SectionText::Header => Some((0, header)),
                SectionText::Text => Some((header, self.source.body_octets())),
                SectionText::Whole | SectionText::Mime => None,
            }
        } else {
            let map = match &mut self.map {
                Some(map) => map,
                None => self.map.insert(PartMap::from_bytes(stored)?),
            };
            map.section(section).map(|range| (range.start, range.end))
        };
        let Some((from, to)) = found else { return Ok(None) };
        // Our fields belong to the header of the message. That is the MIME header of part 1, too,
        // where the message has one part.
        let is_header = matches!(section.text, SectionText::Header | SectionText::Mime);
        let from = if is_header && from == 0 { 0 } else { prefix.saturating_add(from) };
        let to = prefix.saturating_add(to);
        // A map of another message would be worse than none.
        if to > end || from > to { Err(WireError::Damaged.into()) } else { Ok(Some(from..to)) }
    }

    /// A header section, and the memory for it when it does not come with the message.
    async fn header(
        &self,
        range: Range<u64>,
        context: &Context,
    ) -> Result<(Vec<u8>, Option<Permit>), ReadError> {
        let octets = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let memory = if octets > limits::IMAP_OUTPUT_BYTES_MAX || !self.source.is_inline() {
            // The section and the fields of it.
            Some(crate::body::acquire(&context.node, octets.saturating_mul(2)).await?)
        } else {
            None
        };
        let mut out = Vec::with_capacity(octets);
        let (prefix, mut body) = self.split(range);
        out.extend_from_slice(prefix);
        if self.source.is_inline() {
            self.source.append(body, &mut out)?;
        } else {
            while let Some(piece) = self.source.next(&context.node, &mut body).await? {
                out.extend_from_slice(piece.octets());
            }
        }
        Ok((out, memory))
    }

    /// What of a range of the message are our fields, and what of it is of the body.
    fn split(&self, range: Range<u64>) -> (&[u8], Range<u64>) {
        let prefix = self.prefix_octets();
        let fields = range.start.min(prefix)..range.end.min(prefix);
        let fields = slice(self.source.prefix(), &fields).unwrap_or_default();
        (fields, range.start.saturating_sub(prefix)..range.end.saturating_sub(prefix))
    }

    /// Sends octets of the message as a literal.
    async fn send(
        &self,
        range: Range<u64>,
        context: &Context,
        output: &mut Output<'_>,
        begins_at: &mut Option<usize>,
    ) -> Result<Result<(), Unreadable>, Fault> {
        let count = range.end - range.start;
        let (fields, mut body) = self.split(range);
        if self.source.is_inline() {
            announce(output.bytes(), count);
            output.bytes().extend_from_slice(fields);
            let before = output.bytes().len();
            let wanted = usize::try_from(body.end - body.start).unwrap_or(usize::MAX);
            if let Err(error) = self.source.append(body, output.bytes()) {
                return Ok(Err(error.into()));
            }
            if output.bytes().len() - before != wanted {
                return Ok(Err(WireError::Short.into()));
            }
            self.room(output, begins_at).await?;
            return Ok(Ok(()));
        }
        // Read before anything is announced: of a damaged message the client can still be told.
        let mut left = body.end - body.start;
        let mut piece = match self.source.next(&context.node, &mut body).await {
            Ok(piece) => piece,
            Err(error) => return Ok(Err(error.into())),
        };
        announce(output.bytes(), count);
        output.bytes().extend_from_slice(fields);
        while let Some(octets) = piece {
            left = left.saturating_sub(octets.octets().len() as u64);
            *begins_at = None;
            output.send_octets(octets.octets()).await?;
            // Who waits for memory holds none.
            drop(octets);
            piece = match self.source.next(&context.node, &mut body).await {
                Ok(piece) => piece,
                Err(error) => return Ok(Err(error.into())),
            };
        }
        Ok(if left == 0 { Ok(()) } else { Err(WireError::Short.into()) })
    }

    /// Sends what waits when it is much; then it cannot be taken back.
    async fn room(
        &self,
        output: &mut Output<'_>,
        begins_at: &mut Option<usize>,
    ) -> Result<(), CloseReason> {
        if output.room_beside(self.covered).await? {
            *begins_at = None;
        }
        Ok(())
    }
}

/// Writes what stands in front of so many octets: the head of a literal, or an empty string.
fn announce(out: &mut Vec<u8>, octets: u64) {
    if octets == 0 {
        out.extend_from_slice(b"\"\"");
        return;
    }
    out.push(b'{');
    write_number(out, octets);
    out.extend_from_slice(b"}\r\n");
}

/// The part of a range that is asked for. RFC 3501 6.4.5: what begins behind the end is empty, what
/// ends behind it is cut.
fn cut(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(Partial { start, count }) = partial else { return range };
    let from = range.start.saturating_add(start).min(range.end);
    from..from.saturating_add(count).min(range.end)
}

fn slice<'a>(octets: &'a [u8], range: &Range<u64>) -> Option<&'a [u8]> {
    octets.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}
