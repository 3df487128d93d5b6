//! `STAT` (RFC 1939 5).

use super::{Args, Refused, Transaction, TransactionStep};
use crate::pop3::response;

/// The messages that are not marked, and their octets.
pub(super) fn stat(
    args: Args<'_>,
    state: &Transaction,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    args.none()?;
    response::ok(out, format_args!("{} {}", state.messages(), state.octets()));
    Ok(TransactionStep::Replied)
}
