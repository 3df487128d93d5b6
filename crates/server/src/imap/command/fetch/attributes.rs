//! Writes the items that are no octets of the message (RFC 3501 7.4.2).

use super::{Fetching, Message, Unreadable};
use posthorn_base::time::MONTHS;
use posthorn_base::{Keyword, ZonedTime};
use posthorn_message::structure::imap_text::{write_body_structure, write_envelope, write_number};
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
        out.extend_from_slice(b"FLAGS (");
        let mut space: &[u8] = b"";
        let mut write = |name: &str| {
            out.extend_from_slice(space);
            out.extend_from_slice(name.as_bytes());
            space = b" ";
        };
        message.entry.flags.names().for_each(&mut write);
        if is_recent {
            write("\\Recent");
        }
        let spelt = keywords.iter().filter_map(|number| dictionary.name(number));
        spelt.map(Keyword::as_str).for_each(write);
        out.push(b')');
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

/// RFC 8474 7: an `objectid`; our ids are letters and digits.
fn id(out: &mut Vec<u8>, before: &[u8], id: impl std::fmt::Display) {
    out.extend_from_slice(before);
    // Writing to a Vec cannot fail.
    drop(write!(out, "{id})"));
}

/// RFC 3501 9, `date-time`.
fn write_date_time(out: &mut Vec<u8>, at: ZonedTime) {
    let civil = at.civil();
    let month = MONTHS.get(usize::from(civil.month).wrapping_sub(1)).copied().unwrap_or("Jan");
    let sign = if at.offset_minutes < 0 { '-' } else { '+' };
    let (hours, minutes) =
        (at.offset_minutes.unsigned_abs() / 60, at.offset_minutes.unsigned_abs() % 60);
    drop(write!(
        out,
        "\"{:2}-{month}-{:04} {:02}:{:02}:{:02} {sign}{hours:02}{minutes:02}\"",
        civil.day,
        civil.year.clamp(0, 9999),
        civil.hour,
        civil.minute,
        civil.second,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_base::Time;

    #[test]
    fn dates() {
        #[track_caller]
        fn check(seconds: i64, offset_minutes: i16, want: &str) {
            let mut out = Vec::new();
            write_date_time(
                &mut out,
                ZonedTime { time: Time::from_seconds(seconds), offset_minutes },
            );
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
        check(0, 0, "\" 1-Jan-1970 00:00:00 +0000\"");
        check(1_795_425_540, 60, "\"23-Nov-2026 11:19:00 +0100\"");
        check(0, -570, "\"31-Dec-1969 14:30:00 -0930\"");
    }
}
