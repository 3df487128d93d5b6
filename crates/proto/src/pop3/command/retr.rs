//! `RETR msg` (RFC 1939 5).

use super::{Args, Refused, Transaction, TransactionStep};
use crate::pop3::event::{Event, Part};
use crate::pop3::outgoing::Outgoing;

/// The whole message.
pub(super) fn retr(args: Args<'_>, state: &Transaction) -> Result<TransactionStep, Refused> {
    let [number] = args.numbers("usage: RETR number")?;
    retrieve(number, Part::Whole, state)
}

pub(super) fn retrieve(
    number: u64,
    part: Part,
    state: &Transaction,
) -> Result<TransactionStep, Refused> {
    let (index, octets) = state.message(number)?;
    let messages = state.maildrop.len();
    let uid = state.maildrop.uid(index).ok_or(Refused::NoSuchMessage { messages })?;
    Ok(TransactionStep::Retrieve(Outgoing::new(octets, part), Event::Retrieve { uid, part }))
}
