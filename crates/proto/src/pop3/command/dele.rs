//! `DELE msg` (RFC 1939 5).

use super::{Args, Refused, Transaction, TransactionStep};
use crate::pop3::response;

/// Marks a message; QUIT deletes it.
pub(super) fn dele(
    args: Args<'_>,
    state: &mut Transaction,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    let [number] = args.numbers("usage: DELE number")?;
    let (index, octets) = state.message(number)?;
    state.deletions.add(index, octets);
    response::ok(out, format_args!("message {number} deleted"));
    Ok(TransactionStep::Replied)
}
