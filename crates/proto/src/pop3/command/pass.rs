//! `PASS string` (RFC 1939 7).

use super::{Args, Authorization, AuthorizationStep, Refused};
use crate::sasl::prepare::prepare_bytes;
use crate::sasl::{Failure, Question, Secret};

/// Checks the name from USER with this password. Everything after the first space is the password
/// (RFC 1939 7), so it may hold spaces, also at its ends.
///
/// RFC 1939 7 has PASS right after USER. Commands that change nothing may come between; a PASS that
/// fails needs a new USER.
pub(super) fn pass(
    args: Args<'_>,
    state: &mut Authorization<'_>,
) -> Result<AuthorizationStep, Refused> {
    let Some(authcid) = state.name.take() else {
        return Err(Refused::Mistake("USER comes first"));
    };
    Ok(match prepare_bytes(args.0) {
        Ok(password) => {
            let password = Secret::new(password);
            AuthorizationStep::Password(Question::Password { authcid, authzid: None, password })
        }
        // RFC 4616 2, RFC 6856 2.2: what SASLprep refuses is a wrong password.
        Err(error) => AuthorizationStep::Failed(Failure::Prepare(error)),
    })
}
