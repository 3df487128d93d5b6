//! PLAIN (RFC 4616): one message, `[authzid] NUL authcid NUL passwd`.

use super::prepare::prepare_bytes;
use super::server::{Failure, Question};
use super::{Secret, external};

pub(super) fn parse(message: &[u8]) -> Result<Question, Failure> {
    let mut fields = message.split(|&b| b == 0);
    let (Some(authzid), Some(authcid), Some(password), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Failure::Syntax);
    };
    let authcid: Box<str> = prepare_bytes(authcid)?.into();
    let authzid = external::authzid(authzid)?.filter(|authzid| *authzid != authcid);
    let password = Secret::new(prepare_bytes(password)?);
    Ok(Question::Password { authcid, authzid, password })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::prepare::PrepareError;
    use posthorn_base::limits;

    #[test]
    fn messages() {
        #[track_caller]
        fn check(message: &[u8], want: Result<(Option<&str>, &str, &str), Failure>) {
            let want = want.map(|(authzid, authcid, password)| Question::Password {
                authcid: authcid.into(),
                authzid: authzid.map(Into::into),
                password: Secret::new(password.into()),
            });
            assert_eq!(parse(message), want, "{}", message.escape_ascii());
        }
        // RFC 4616 4, the examples.
        check(b"\0tim\0tanstaaftanstaaf", Ok((None, "tim", "tanstaaftanstaaf")));
        check(b"Ursel\0Kurt\0xipj3plmq", Ok((Some("Ursel"), "Kurt", "xipj3plmq")));
        // The same name twice asks for nothing special; many clients write it so.
        check(b"tim\0tim\0x", Ok((None, "tim", "x")));
        check("\0j\u{f6}rg\0p\u{ad}w".as_bytes(), Ok((None, "jörg", "pw")));
        check(b"\0tim\0a b", Ok((None, "tim", "a b")));
        check(b"", Err(Failure::Syntax));
        check(b"tim\0x", Err(Failure::Syntax));
        check(b"\0tim\0x\0", Err(Failure::Syntax));
        check(b"\0\0x", Err(Failure::Prepare(PrepareError::Empty)));
        check(b"\0tim\0", Err(Failure::Prepare(PrepareError::Empty)));
        check(b"\0tim\0\xff", Err(Failure::Prepare(PrepareError::Encoding)));
        check(b"\0tim\0a\tb", Err(Failure::Prepare(PrepareError::Prohibited)));
        let long = "x".repeat(limits::CREDENTIAL_BYTES_MAX);
        check(format!("\0tim\0{long}").as_bytes(), Ok((None, "tim", &long)));
        let longer = format!("\0tim\0{long}x");
        check(longer.as_bytes(), Err(Failure::Prepare(PrepareError::TooLong)));
    }
}
