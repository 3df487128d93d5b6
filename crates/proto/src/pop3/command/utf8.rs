//! `UTF8` (RFC 6856 2.1).

use super::{Args, Authorization, AuthorizationStep, Refused};
use crate::pop3::response;

/// Enters UTF-8 mode.
///
/// It changes nothing for us, since messages are sent as they are in both modes. RFC 6856 2.1 wants
/// a surrogate or an error for a message with UTF-8 in its header while the mode is off. We
/// deviate: a surrogate is no longer the message that was signed, its size is not the listed one,
/// and a client that deletes after downloading has lost the original for ever; an error makes the
/// client fail at this message each time. The bytes themselves are what POP3 clients have always
/// been given, and those that don't know RFC 6532 show some odd characters.
pub(super) fn utf8(
    args: Args<'_>,
    state: &mut Authorization<'_>,
    out: &mut Vec<u8>,
) -> Result<AuthorizationStep, Refused> {
    args.none()?;
    *state.is_utf8 = true;
    response::ok(out, format_args!("UTF-8 from now on"));
    Ok(AuthorizationStep::Replied)
}
