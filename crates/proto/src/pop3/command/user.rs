//! `USER name` (RFC 1939 7).

use super::{Args, Authorization, AuthorizationStep, Refused};
use crate::pop3::response::{self, Code, Refusal};
use crate::sasl::prepare::prepare_bytes;

/// What is said where a password would travel in clear text (RFC 2595 2.3). RFC 3206 4: an attempt
/// against policy is an AUTH matter too.
pub(super) const NEEDS_TLS: Refusal =
    Refusal::new(Code::Auth, "passwords are only taken over TLS, use STLS or the TLS port first");
/// Where passwords are switched off altogether.
pub(super) const NO_PASSWORDS: Refusal = Refusal::new(Code::Auth, "use AUTH, see CAPA");

/// Takes the name, and says yes to any: RFC 1939 13 warns of telling which names exist. The rest of
/// the line is the name, spaces included.
pub(super) fn user(
    args: Args<'_>,
    state: &mut Authorization<'_>,
    out: &mut Vec<u8>,
) -> Result<AuthorizationStep, Refused> {
    *state.name = None;
    if !state.offer.takes_passwords() {
        let needs_tls = !state.offer.confidential;
        return Err(Refused::Answer(if needs_tls { NEEDS_TLS } else { NO_PASSWORDS }));
    }
    if args.is_empty() {
        return Err(Refused::Mistake("usage: USER name"));
    }
    // RFC 6856 2.2: SASLprep; what is not UTF-8 is refused.
    let name = prepare_bytes(args.0)
        .map_err(|_| Refused::Answer(Refusal::new(Code::Auth, "this is not a login name")))?;
    *state.name = Some(name.into());
    response::ok(out, format_args!("now the password"));
    Ok(AuthorizationStep::Replied)
}
