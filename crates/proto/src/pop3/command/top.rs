//! `TOP msg n` (RFC 1939 7).

use super::retr::retrieve;
use super::{Args, Refused, Transaction, TransactionStep};
use crate::pop3::event::Part;

/// The header, the empty line, and n lines of the body.
pub(super) fn top(args: Args<'_>, state: &Transaction) -> Result<TransactionStep, Refused> {
    let [number, lines] = args.numbers("usage: TOP number lines")?;
    retrieve(number, Part::Top { lines }, state)
}
