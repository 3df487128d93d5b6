//! `UIDL [msg]` (RFC 1939 7).

use super::list::{Column, one_or_all};
use super::{Args, Refused, Transaction, TransactionStep};

/// The unique-id of one message, or of all.
pub(super) fn uidl(
    args: Args<'_>,
    state: &Transaction,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    one_or_all(Column::UniqueId, args, state, "usage: UIDL [number]", out)
}
