//! `CAPA` (RFC 2449 5).

use super::{Args, Authorization, Refused};
use crate::pop3::response;
use crate::sasl::Offer;

/// Where the session is.
pub(super) enum Stage<'a, 'b> {
    Authorization(&'a Authorization<'b>),
    Transaction(&'a Offer),
}

/// Lists what we can do. RFC 2449 5: what is announced before the login is announced after it, too,
/// save STLS, which says that it is permitted now (RFC 2595 4).
pub(super) fn capa(
    args: Args<'_>,
    stage: &Stage<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    args.none()?;
    let offer = match stage {
        Stage::Authorization(state) => state.offer,
        Stage::Transaction(offer) => offer,
    };
    response::ok(out, format_args!("capabilities follow"));
    let mut announce = |capability: &str| response::line(out, format_args!("{capability}"));
    announce("TOP");
    announce("UIDL");
    if offer.takes_passwords() {
        announce("USER");
    }
    if !offer.mechanisms().is_empty() {
        announce(&format!("SASL {}", offer.mechanisms()));
    }
    announce("PIPELINING");
    announce("RESP-CODES");
    announce("AUTH-RESP-CODE");
    // RFC 6856 2.2: names and passwords may be UTF-8.
    announce("UTF8 USER");
    announce("LANG");
    // RFC 2449 6.7: we delete nothing that the client did not.
    announce("EXPIRE NEVER");
    match stage {
        Stage::Authorization(state) if state.config.starttls && !state.is_tls => announce("STLS"),
        Stage::Authorization(_) => {}
        // RFC 2449 6.9 allows it after the login only: strangers need not know our version.
        Stage::Transaction(_) => {
            announce(concat!("IMPLEMENTATION Posthorn-", env!("CARGO_PKG_VERSION")));
        }
    }
    response::end(out);
    Ok(())
}
