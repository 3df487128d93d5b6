//! Writes the items that are no octets of the message (RFC 3501 7.4.2).

use super::{Fetching, Message, Unreadable};
use posthorn_base::object_id::{Object, ObjectId};
use posthorn_base::{Keyword, ZonedTime};
use posthorn_message::structure::imap_text::{write_body_structure, write_envelope, write_number};
use posthorn_proto::imap::response::{write_date_time, write_flags};
use posthorn_proto::imap::value::FetchItem;
use posthorn_store::mail::Summary;
use std::io::Write;

/// Begins the response about the message with this number.
pub(super) fn begin(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(b"* ");
    write_number(out, number as u64);
    out.extend_from_slice(b" FETCH (");
}

/// Ends it.
pub(super) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b")\r\n");
}

impl Fetching<'_> {
    /// Writes an item's name and value. Sections are not for here.
    pub(super) fn write_item(
        &self,
        item: &FetchItem,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let entry = message.entry;
        let summary = || message.summary.ok_or(Unreadable::Gone);
        match item {
            FetchItem::Flags => self.write_flags(message, out),
            FetchItem::Uid => number(out, b"UID ", u64::from(entry.uid.get()), b""),
            FetchItem::Rfc822Size => number(out, b"RFC822.SIZE ", u64::from(entry.size), b""),
            FetchItem::ModSeq => {
                number(out, b"MODSEQ (", entry.modseq.get().unsigned_abs(), b")");
            }
            FetchItem::EmailId => id(out, b"EMAILID (", entry.email),
            FetchItem::ThreadId => id(out, b"THREADID (", summary()?.thread),
            FetchItem::InternalDate => {
                out.extend_from_slice(b"INTERNALDATE ");
                write_date_time(out, summary()?.received);
            }
            FetchItem::SaveDate => {
                out.extend_from_slice(b"SAVEDATE ");
                match message.saved_at {
                    Some(time) => write_date_time(out, ZonedTime { time, offset_minutes: 0 }),
                    // RFC 8514 4.2: not known, because the message has left the mailbox.
                    None => out.extend_from_slice(b"NIL"),
                }
            }
            FetchItem::Envelope => {
                out.extend_from_slice(b"ENVELOPE ");
                write_envelope(out, stored(summary()?, |summary| summary.envelope.as_deref())?)?;
            }
            FetchItem::Body | FetchItem::BodyStructure => {
                let extended = *item == FetchItem::BodyStructure;
                out.extend_from_slice(if extended { b"BODYSTRUCTURE " } else { b"BODY " });
                let map = stored(summary()?, |summary| summary.part_map.as_deref())?;
                write_body_structure(out, map, extended)?;
            }
            FetchItem::Section(_) => {}
        }
        Ok(())
    }

    fn write_flags(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        let keywords = self.view.keywords(message.entry);
        let selected = self.context.selected.as_ref();
        let is_recent = selected.is_some_and(|selected| selected.is_recent(message.entry.uid));
        let dictionary = self.context.dictionary();
        let spelt = keywords.iter().filter_map(|number| dictionary.name(number));
        write_flags(out, message.entry.flags, is_recent, spelt.map(Keyword::as_str));
    }
}

/// What was asked for is there: what is too large to be read with others has been read alone.
fn stored<'a>(
    summary: &'a Summary,
    column: impl Fn(&'a Summary) -> Option<&'a [u8]>,
) -> Result<&'a [u8], Unreadable> {
    column(summary).ok_or(Unreadable::Gone)
}

fn number(out: &mut Vec<u8>, before: &[u8], number: u64, after: &[u8]) {
    out.extend_from_slice(before);
    write_number(out, number);
    out.extend_from_slice(after);
}

/// RFC 8474 7: an `objectid`.
fn id(out: &mut Vec<u8>, before: &[u8], id: impl Object) {
    out.extend_from_slice(before);
    // Writing to a Vec cannot fail.
    drop(write!(out, "{})", ObjectId(id)));
}
