//! Ids as mail clients see them: EMAILID, THREADID and MAILBOXID of IMAP (RFC 8474), `Id` of JMAP.
//!
//! Clients keep them for years, so their form is for ever: a small letter that says of what kind
//! the thing is, and our id behind it. RFC 8474 8.1 and RFC 8620 1.2 warn of ids that begin with a
//! digit or a dash, have digits only, differ by case only, or read NIL: with the letter none does,
//! and all letters are small. It also keeps EMAILID and THREADID apart, as RFC 8474 5.2 wants.

use crate::{EmailId, MailboxId, ThreadId};
use std::fmt;
use std::str::FromStr;

/// A kind of thing that clients have ids of.
pub trait Object: Copy + fmt::Display + FromStr {
    /// The letter in front of its ids.
    const LETTER: char;
}

impl Object for MailboxId {
    const LETTER: char = 'f';
}
impl Object for EmailId {
    const LETTER: char = 'm';
}
impl Object for ThreadId {
    const LETTER: char = 't';
}

/// An id in the form that clients see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectId<T>(pub T);

impl<T: Object> ObjectId<T> {
    /// The id that a client names; `None` when it is none of ours. RFC 8474 7: case matters.
    pub fn parse(text: &str) -> Option<T> {
        let id = text.strip_prefix(T::LETTER)?;
        let is_ours = !id.contains(|c: char| c.is_ascii_uppercase());
        id.parse().ok().filter(|_| is_ours)
    }
}

impl<T: Object> fmt::Display for ObjectId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", T::LETTER, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_letter_and_only_its_own_is_taken() {
        let email = EmailId::new(1).unwrap();
        assert_eq!(ObjectId(email).to_string(), "m0000000000001");
        assert_eq!(ObjectId(ThreadId::new(32).unwrap()).to_string(), "t0000000000010");
        assert_eq!(ObjectId(MailboxId::new(i64::MAX).unwrap()).to_string(), "f7zzzzzzzzzzzz");
        assert_eq!(ObjectId::<EmailId>::parse("m0000000000001"), Some(email));
        for other in ["0000000000001", "t0000000000001", "M0000000000001", "m000000000000A", "m"] {
            assert_eq!(ObjectId::<EmailId>::parse(other), None, "{other}");
        }
    }
}
