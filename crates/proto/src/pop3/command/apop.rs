//! `APOP name digest` (RFC 1939 7).

use super::{AuthorizationStep, Refused};
use crate::pop3::response::Refusal;

/// Always refused: it needs the password in clear text on the server, and rests on MD5. The
/// greeting holds no timestamp, so no client should try.
pub(super) fn apop() -> Result<AuthorizationStep, Refused> {
    Err(Refused::Answer(Refusal::plain("APOP is not supported, use AUTH SCRAM-SHA-256")))
}
