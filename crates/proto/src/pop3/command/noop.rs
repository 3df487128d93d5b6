//! `NOOP` (RFC 1939 5).

use super::{Args, Refused, TransactionStep};
use crate::pop3::response;

/// Does nothing, but counts as activity.
pub(super) fn noop(args: Args<'_>, out: &mut Vec<u8>) -> Result<TransactionStep, Refused> {
    args.none()?;
    response::ok(out, format_args!("nothing done"));
    Ok(TransactionStep::Replied)
}
