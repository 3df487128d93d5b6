//! `STLS` (RFC 2595 4).

use super::{Args, Authorization, AuthorizationStep, Refused};
use crate::pop3::response::{self, Refusal};

/// Goes over to TLS. The session then begins anew; whatever the client sent after the command was
/// not protected and is thrown away.
pub(super) fn stls(
    args: Args<'_>,
    state: &Authorization<'_>,
    out: &mut Vec<u8>,
) -> Result<AuthorizationStep, Refused> {
    args.none()?;
    if state.is_tls {
        return Err(Refused::Mistake("TLS is active already"));
    }
    if !state.config.starttls {
        return Err(Refused::Answer(Refusal::plain("TLS is not available")));
    }
    // RFC 6856 2.1: not after UTF8.
    if *state.is_utf8 {
        return Err(Refused::Mistake("STLS comes before UTF8"));
    }
    response::ok(out, format_args!("begin TLS"));
    Ok(AuthorizationStep::StartTls)
}
