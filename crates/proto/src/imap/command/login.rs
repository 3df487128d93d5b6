//! LOGIN (RFC 3501 6.2.3) and AUTHENTICATE (6.2.2, RFC 4959).

use super::line::{Command, Hidden};
use crate::imap::grammar::{Cursor, Fault, Parse};

/// Reads LOGIN's arguments.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let name = cursor.astring()?.as_ref().into();
    cursor.space()?;
    let password = Hidden::new(cursor.astring()?);
    Ok(Command::Login { name, password })
}

/// Reads AUTHENTICATE's arguments. Whether the initial response is base64, the exchange finds out.
pub(super) fn parse_authenticate(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mechanism = cursor.word("a mechanism is missing")?.into();
    let initial = match cursor.has_more()? {
        true => {
            let text = cursor.take_while(|octet| octet.is_ascii_graphic());
            if text.is_empty() {
                return Err(Fault::new("the initial response is missing behind the space"));
            }
            Some(Hidden::new(text))
        }
        false => None,
    };
    Ok(Command::Authenticate { mechanism, initial })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(parse: fn(&mut Cursor<'_>) -> Parse<Command>, text: &[u8]) -> Option<Command> {
        let mut cursor = Cursor::new(text);
        let command = parse(&mut cursor).ok()?;
        cursor.end().ok().map(|()| command)
    }

    #[test]
    fn logins() {
        #[track_caller]
        fn check(text: &str, name: &str, password: &str) {
            let want =
                Command::Login { name: name.as_bytes().into(), password: Hidden::new(password) };
            assert_eq!(whole(parse, text.as_bytes()), Some(want), "{text}");
        }
        check(" alice secret", "alice", "secret");
        check(" \"alice\" \"sec\\\\r\\\"et\"", "alice", "sec\\r\"et");
        check(" {5}\r\nalice {6+}\r\nsec et", "alice", "sec et");
        check(" alice ]", "alice", "]");
        check(" \"\" \"ü\"", "", "ü");
        for wrong in ["", " ", " alice", " alice ", " alice a b", " alice (", "  alice secret"] {
            assert_eq!(whole(parse, wrong.as_bytes()), None, "{wrong}");
        }
        assert!(!format!("{:?}", whole(parse, b" alice secret")).contains("secret"));
    }

    #[test]
    fn exchanges() {
        let initial = |text: &str| {
            let Command::Authenticate { mechanism, initial } =
                whole(parse_authenticate, text.as_bytes())?
            else {
                return None;
            };
            assert_eq!(&*mechanism, "PLAIN");
            assert!(!format!("{initial:?}").contains("AGE"), "a password");
            Some(initial.map(|initial| initial.to_vec()))
        };
        assert_eq!(initial(" plain"), Some(None));
        assert_eq!(initial(" PLAIN ="), Some(Some(b"=".to_vec())));
        assert_eq!(initial(" PLAIN AGEAYg=="), Some(Some(b"AGEAYg==".to_vec())));
        for wrong in ["", " ", " PLAIN ", " PLAIN a b", " \"PLAIN\""] {
            assert_eq!(initial(wrong), None, "{wrong}");
        }
    }
}
