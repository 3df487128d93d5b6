//! `RSET` (RFC 1939 5).

use super::{Args, Refused, Transaction, TransactionStep};
use crate::pop3::maildrop::Deletions;
use crate::pop3::response;

/// Takes all marks back.
pub(super) fn rset(
    args: Args<'_>,
    state: &mut Transaction,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    args.none()?;
    state.deletions = Deletions::none();
    let messages = response::messages(state.messages());
    response::ok(out, format_args!("maildrop has {messages} ({} octets)", state.octets()));
    Ok(TransactionStep::Replied)
}
