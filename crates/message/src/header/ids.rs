//! Message identifiers (RFC 5322 3.6.4), as Message-ID, In-Reply-To and References hold them.

use memchr::memchr;

/// The message identifiers in an unfolded value, each without its angle brackets and without the
/// white space that broken software puts into long ones.
///
/// RFC 5322 4.5.4: the obsolete In-Reply-To and References have phrases between the identifiers;
/// they are passed over. A value with no angle bracket at all, one word with an `@` in it, is taken
/// whole: such a Message-ID is wrong but it is what replies will refer to.
pub fn message_ids(value: &[u8]) -> MessageIds<'_> {
    let bare = value.trim_ascii();
    let is_bare = !bare.contains(&b'<') && bare.contains(&b'@');
    let is_word = !bare.iter().any(u8::is_ascii_whitespace);
    MessageIds { rest: value, bare: (is_bare && is_word).then_some(bare) }
}

/// See [`message_ids`].
#[derive(Clone, Debug)]
pub struct MessageIds<'a> {
    rest: &'a [u8],
    bare: Option<&'a [u8]>,
}

impl Iterator for MessageIds<'_> {
    type Item = Box<[u8]>;

    fn next(&mut self) -> Option<Box<[u8]>> {
        if let Some(bare) = self.bare.take() {
            self.rest = &[];
            return Some(bare.into());
        }
        loop {
            let open = memchr(b'<', self.rest)?;
            let inside = self.rest.get(open + 1..)?;
            let end = end_of_id(inside)?;
            let (id, rest) = inside.split_at_checked(end)?;
            self.rest = rest;
            // `<` within an identifier: the first one was no bracket. Go on at the second.
            let id = id.rsplit(|&b| b == b'<').next().unwrap_or_default();
            let id: Box<[u8]> = id.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            if !id.is_empty() {
                return Some(id);
            }
        }
    }
}

/// Where the closing bracket stands. RFC 5322 4.5.4: the left side may be a quoted string, which
/// may hold a `>`; a quote that is never closed is an ordinary character.
fn end_of_id(inside: &[u8]) -> Option<usize> {
    if inside.starts_with(b"\"") {
        let mut escaped = false;
        for (at, &b) in inside.iter().enumerate().skip(1) {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Some(at + memchr(b'>', inside.get(at..)?)?),
                _ => {}
            }
        }
    }
    memchr(b'>', inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        #[track_caller]
        fn check(value: &str, want: &[&str]) {
            let got: Vec<_> = message_ids(value.as_bytes())
                .map(|id| String::from_utf8(id.into()).unwrap())
                .collect();
            assert_eq!(got, want, "{value}");
        }
        check("<a@b>", &["a@b"]);
        check(" <a@b>  <c@d>\t<e@f>", &["a@b", "c@d", "e@f"]);
        check("<a@b><c@d>", &["a@b", "c@d"]);
        check("Your message of Monday <a@b> (\"hello\")", &["a@b"]);
        check("a@b", &["a@b"]);
        check("a@b c", &[]);
        check("hello", &[]);
        check("", &[]);
        check("<>", &[]);
        check("<a@b", &[]);
        check("<a <b@c>", &["b@c"]);
        check("<a@ b\t.c>", &["a@b.c"]);
        check("<\"x>y\"@z>", &["\"x>y\"@z"]);
        check("<\"x>", &["\"x"]);
    }

    #[test]
    fn open_quotes_cost_no_quadratic_time() {
        let value = "<\"".repeat(100_000);
        assert_eq!(message_ids(value.as_bytes()).count(), 0);
    }
}
