//! `QUIT` (RFC 1939 4 and 6).

use super::{Args, AuthorizationStep, Refused, TransactionStep};
use crate::pop3::response;

/// Before the login: goodbye.
pub(super) fn before_login(
    args: Args<'_>,
    out: &mut Vec<u8>,
) -> Result<AuthorizationStep, Refused> {
    args.none()?;
    response::ok(out, format_args!("goodbye"));
    Ok(AuthorizationStep::Quit)
}

/// After it: enters the UPDATE state, which deletes what is marked and replies then.
pub(super) fn after_login(args: Args<'_>) -> Result<TransactionStep, Refused> {
    args.none()?;
    Ok(TransactionStep::Quit)
}
