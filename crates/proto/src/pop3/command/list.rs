//! `LIST [msg]` (RFC 1939 5), and the listings that UIDL shares.

use super::{Args, Refused, Transaction, TransactionStep};
use crate::pop3::response;
use posthorn_base::limits;

/// What a listing says of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// LIST.
    Octets,
    /// UIDL.
    UniqueId,
}

/// A listing that is under way: made as the client takes it.
#[derive(Debug)]
pub(in crate::pop3) struct Listing {
    column: Column,
    next: usize,
}

/// The size of one message, or of all.
pub(super) fn list(
    args: Args<'_>,
    state: &Transaction,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    one_or_all(Column::Octets, args, state, "usage: LIST [number]", out)
}

pub(super) fn one_or_all(
    column: Column,
    args: Args<'_>,
    state: &Transaction,
    usage: &'static str,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    if args.words().next().is_none() {
        let messages = response::messages(state.messages());
        response::ok(out, format_args!("{messages} ({} octets)", state.octets()));
        return Ok(TransactionStep::List(Listing { column, next: 0 }));
    }
    let [number] = args.numbers(usage)?;
    let (index, _) = state.message(number)?;
    out.extend_from_slice(b"+OK ");
    column.write(index, state, out);
    Ok(TransactionStep::Replied)
}

impl Column {
    fn write(self, index: usize, state: &Transaction, out: &mut Vec<u8>) {
        let number = index + 1;
        match self {
            Column::Octets => {
                let octets = state.maildrop.octets(index).unwrap_or(0);
                response::line(out, format_args!("{number} {octets}"));
            }
            Column::UniqueId => {
                if let Some(id) = state.maildrop.unique_id(index) {
                    response::line(out, format_args!("{number} {id}"));
                }
            }
        }
    }
}

impl Listing {
    /// Goes on until the output is full or the listing ends; true at its end.
    pub(in crate::pop3) fn write(&mut self, state: &Transaction, out: &mut Vec<u8>) -> bool {
        while self.next < state.maildrop.len() {
            if out.len() >= limits::POP3_OUTPUT_BYTES_MAX {
                return false;
            }
            // RFC 1939 5: what is marked as deleted is not listed; the others keep their numbers.
            if !state.deletions.contains(self.next) {
                self.column.write(self.next, state, out);
            }
            self.next += 1;
        }
        response::end(out);
        true
    }
}
