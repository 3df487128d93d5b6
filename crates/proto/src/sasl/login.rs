//! LOGIN: never standardised (draft-murchison-sasl-login), and what textbooks and old clients
//! speak. Two prompts, two answers, no authorization identity.

use super::Secret;
use super::prepare::{PrepareError, prepare_bytes};

/// Clients compare the prompts' text; these two are the ones that all of them know.
pub(super) const NAME_PROMPT: &[u8] = b"Username:";
pub(super) const PASSWORD_PROMPT: &[u8] = b"Password:";

pub(super) fn name(response: &[u8]) -> Result<Box<str>, PrepareError> {
    prepare_bytes(response).map(Into::into)
}

pub(super) fn password(response: &[u8]) -> Result<Secret, PrepareError> {
    prepare_bytes(response).map(Secret::new)
}
