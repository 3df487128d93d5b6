//! `AUTH mechanism [initial-response]` (RFC 5034 4).

use super::user::NEEDS_TLS;
use super::{Args, Authorization, AuthorizationStep, Refused};
use crate::pop3::response::{self, Refusal};
use crate::sasl::{Exchange, SelectError};

/// Starts a SASL exchange. The initial response may make the line longer than RFC 5034 4's 255
/// octets.
///
/// Without arguments it lists the mechanisms: some clients ask so, from the time before CAPA.
pub(super) fn auth(
    args: Args<'_>,
    state: &mut Authorization<'_>,
    out: &mut Vec<u8>,
) -> Result<AuthorizationStep, Refused> {
    *state.name = None;
    if args.is_empty() {
        response::ok(out, format_args!("mechanisms follow"));
        for mechanism in state.offer.mechanisms().iter() {
            response::line(out, format_args!("{mechanism}"));
        }
        response::end(out);
        return Ok(AuthorizationStep::Replied);
    }
    let mut words = args.0.splitn(2, |b| *b == b' ');
    let mechanism = state.offer.select(words.next().unwrap_or_default()).map_err(|error| {
        Refused::Answer(match error {
            SelectError::NeedsEncryption => NEEDS_TLS,
            SelectError::NotOffered => Refusal::plain("this mechanism is not offered, see CAPA"),
        })
    })?;
    let (exchange, progress) = Exchange::start(mechanism, state.offer, words.next());
    Ok(AuthorizationStep::Sasl(Box::new(exchange), progress))
}
