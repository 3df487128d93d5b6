//! EXTERNAL (RFC 4422 appendix A): one message, the authorization identity or nothing.

use super::prepare::prepare_bytes;
use super::server::{Failure, Question};

pub(super) fn parse(message: &[u8]) -> Result<Question, Failure> {
    // RFC 4422 A.1: UTF-8 without NUL, which SASLprep prohibits anyway.
    Ok(Question::Certificate { authzid: authzid(message)? })
}

/// An authorization identity, prepared (RFC 5034 4); `None` when it is empty, which means "derive
/// it".
pub(super) fn authzid(bytes: &[u8]) -> Result<Option<Box<str>>, Failure> {
    if bytes.is_empty() { Ok(None) } else { Ok(Some(prepare_bytes(bytes)?.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::prepare::PrepareError;

    #[test]
    fn messages() {
        assert_eq!(parse(b""), Ok(Question::Certificate { authzid: None }));
        let named = Question::Certificate { authzid: Some("fred@example.com".into()) };
        assert_eq!(parse(b"fred@example.com"), Ok(named));
        assert_eq!(parse(b"a\0b"), Err(Failure::Prepare(PrepareError::Prohibited)));
        assert_eq!(parse(b"\xc3"), Err(Failure::Prepare(PrepareError::Encoding)));
    }
}
