//! Flags as clients write them (RFC 3501 9, `flag`).

use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse};
use posthorn_base::{Flags, Keyword, limits};

/// Some flags and keywords. `\Recent` is never among them: clients cannot set it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagList {
    /// Those that have a bit.
    pub flags: Flags,
    /// The others, each once.
    pub keywords: Vec<Keyword>,
}

impl FlagList {
    /// `flag-list`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parse<FlagList> {
        let mut list = FlagList::default();
        cursor.list(limits::KEYWORDS_PER_ACCOUNT_MAX, |cursor| list.add(cursor))?;
        Ok(list)
    }

    /// `store-att-flags`: with parentheses, or without.
    pub(crate) fn parse_for_store(cursor: &mut Cursor<'_>) -> Parse<FlagList> {
        if cursor.peek() == Some(b'(') {
            return FlagList::parse(cursor);
        }
        let mut list = FlagList::default();
        loop {
            list.add(cursor)?;
            if !cursor.eat(b' ') {
                return Ok(list);
            }
        }
    }

    /// `flag`.
    fn add(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        let is_system = cursor.eat(b'\\');
        let atom = cursor.atom("a flag is missing")?;
        let name = String::from_utf8_lossy(atom);
        if is_system {
            // RFC 3501 2.3.2: no client may set \Recent, and names with a backslash are for
            // revisions of the standard: there is none that we could keep.
            let flag = Flags::named(&format!("\\{name}"));
            let flag =
                flag.ok_or(Fault::new("a flag with a backslash is not known, or not for you"))?;
            self.flags = self.flags.with(flag);
        } else if let Some(flag) = Flags::named(&name) {
            self.flags = self.flags.with(flag);
        } else {
            let keyword = Keyword::parse(&name).map_err(|error| Fault::new(error.to_string()))?;
            let is_it = |known: &Keyword| known.as_str().eq_ignore_ascii_case(&name);
            if !self.keywords.iter().any(is_it) {
                // Each is compared with all others: this bounds it.
                if self.keywords.len() >= limits::KEYWORDS_PER_ACCOUNT_MAX {
                    return Err(Fault::new("there are too many keywords").with(Code::Limit));
                }
                self.keywords.push(keyword);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags() {
        let parse = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            let list = FlagList::parse_for_store(&mut cursor).ok()?;
            cursor.end().ok().map(|()| (list.flags, list.keywords.len()))
        };
        let seen = Flags::SEEN;
        assert_eq!(parse("()"), Some((Flags::NONE, 0)));
        assert_eq!(parse("(\\Seen \\sEEN)"), Some((seen, 0)));
        assert_eq!(parse("\\Seen $Forwarded"), Some((seen.with(Flags::FORWARDED), 0)));
        assert_eq!(parse("(Todo todo work)"), Some((Flags::NONE, 2)));
        for wrong in
            ["", "(", "\\Recent", "(\\Foo)", "(\\)", "(\\Seen", "\\Seen ", "(a]b)", "(\\*)"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let long = "k".repeat(limits::KEYWORD_BYTES_MAX + 1);
        assert_eq!(parse(&long), None);
    }
}
