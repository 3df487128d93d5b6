//! ENVELOPE (RFC 3501 7.4.2 and 9).

use super::{undone_if_damaged, write_nstring};
use crate::structure::ENVELOPE_VERSION;
use crate::structure::envelope::read_address;
use crate::wire::{Reader, WireError};

/// Writes the `envelope` that is stored as `stored`, by
/// [`Envelope::to_bytes`](crate::structure::Envelope::to_bytes).
///
/// # Errors
/// When it cannot be read; nothing is written then.
pub fn write_envelope(out: &mut Vec<u8>, stored: &[u8]) -> Result<(), WireError> {
    undone_if_damaged(out, |out| {
        let mut input = Reader::new(stored, ENVELOPE_VERSION)?;
        write_envelope_fields(out, &mut input)?;
        input.end()
    })
}

/// The same without the version in front, as it stands within a part map.
pub(super) fn write_envelope_fields(
    out: &mut Vec<u8>,
    input: &mut Reader<'_>,
) -> Result<(), WireError> {
    let (date, subject) = (input.option()?, input.option()?);
    let (in_reply_to, message_id) = (input.option()?, input.option()?);
    out.push(b'(');
    write_nstring(out, date);
    out.push(b' ');
    write_nstring(out, subject);
    out.push(b' ');
    let from = out.len();
    write_addresses(out, input)?;
    let from = from..out.len();
    // RFC 3501 7.4.2: Sender and Reply-To are From where there is none.
    for _ in ["sender", "reply-to"] {
        out.push(b' ');
        if !write_addresses(out, input)? {
            out.truncate(out.len() - NIL.len());
            out.extend_from_within(from.clone());
        }
    }
    for _ in ["to", "cc", "bcc"] {
        out.push(b' ');
        write_addresses(out, input)?;
    }
    out.push(b' ');
    write_nstring(out, in_reply_to);
    out.push(b' ');
    write_nstring(out, message_id);
    out.push(b')');
    Ok(())
}

const NIL: &[u8] = b"NIL";

/// True when there is an address; without one, NIL is written.
fn write_addresses(out: &mut Vec<u8>, input: &mut Reader<'_>) -> Result<bool, WireError> {
    let count = input.count(usize::MAX)?;
    if count == 0 {
        out.extend_from_slice(NIL);
        return Ok(false);
    }
    out.push(b'(');
    for _ in 0..count {
        let mut before = b'(';
        for text in read_address(input)? {
            out.push(before);
            write_nstring(out, text);
            before = b' ';
        }
        out.push(b')');
    }
    out.push(b')');
    Ok(true)
}
