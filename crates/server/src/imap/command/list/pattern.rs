//! Patterns of LIST and LSUB (RFC 3501 6.3.8).
//!
//! A pattern is matched by following all of its places at once, so the time is bounded by the
//! length of the pattern times that of the name, whatever wildcards it has.

use posthorn_base::{MailboxName, limits};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `%`: anything within a level.
    Level,
    /// `*`: anything.
    Any,
}

/// A reference and a pattern behind each other.
#[derive(Clone, Debug)]
pub(in super::super) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// `None` when no name can match: it is longer than names are.
    pub(in super::super) fn new(reference: &str, pattern: &str) -> Option<Self> {
        let text = MailboxName::compose(&format!("{reference}{pattern}")).into_owned();
        let mut tokens: Vec<Token> = Vec::with_capacity(text.len().min(1024));
        let mut letters = 0;
        for byte in text.bytes() {
            let token = match byte {
                b'%' => Token::Level,
                b'*' => Token::Any,
                byte => Token::Byte(byte),
            };
            // Wildcards side by side are one: the stronger.
            match (tokens.last_mut(), token) {
                (Some(Token::Any), Token::Any | Token::Level)
                | (Some(Token::Level), Token::Level) => {}
                (Some(last @ Token::Level), Token::Any) => *last = Token::Any,
                _ => {
                    letters += usize::from(matches!(token, Token::Byte(_)));
                    tokens.push(token);
                }
            }
            if letters > limits::MAILBOX_NAME_BYTES_MAX {
                return None;
            }
        }
        Some(Pattern { tokens })
    }

    /// True when the last wildcard is a `%` at the end: levels of hierarchy that are no mailboxes
    /// are told, too (RFC 3501 6.3.8).
    pub(in super::super) fn ends_with_level(&self) -> bool {
        self.tokens.last() == Some(&Token::Level)
    }

    /// True when the name matches. RFC 3501 5.1: INBOX does in any case of its letters.
    pub(in super::super) fn matches(&self, name: &str) -> bool {
        let separator = MailboxName::SEPARATOR as u8;
        let is_inbox = name.split(MailboxName::SEPARATOR).next() == Some("INBOX");
        let inbox = if is_inbox { "INBOX".len() } else { 0 };
        let mut places = Places::new(self.tokens.len());
        let mut next = Places::new(self.tokens.len());
        self.reach(0, &mut places);
        for (at, byte) in name.bytes().enumerate() {
            next.clear();
            for &place in &places.list {
                match self.tokens.get(place) {
                    Some(Token::Byte(wanted)) => {
                        let is_same =
                            *wanted == byte || (at < inbox && wanted.eq_ignore_ascii_case(&byte));
                        if is_same {
                            self.reach(place + 1, &mut next);
                        }
                    }
                    Some(Token::Level) if byte == separator => {}
                    Some(Token::Level | Token::Any) => self.reach(place, &mut next),
                    None => {}
                }
            }
            if next.list.is_empty() {
                return false;
            }
            std::mem::swap(&mut places, &mut next);
        }
        places.list.contains(&self.tokens.len())
    }

    /// Notes a place, and the one behind it where a wildcard may stand for nothing. Two wildcards
    /// never follow each other.
    fn reach(&self, place: usize, places: &mut Places) {
        places.add(place);
        if matches!(self.tokens.get(place), Some(Token::Level | Token::Any)) {
            places.add(place + 1);
        }
    }
}

/// Places in a pattern, each once.
struct Places {
    list: Vec<usize>,
    is_in: Vec<bool>,
}

impl Places {
    fn new(tokens: usize) -> Self {
        Places { list: Vec::new(), is_in: vec![false; tokens + 1] }
    }
    fn add(&mut self, place: usize) {
        if let Some(is_in) = self.is_in.get_mut(place)
            && !std::mem::replace(is_in, true)
        {
            self.list.push(place);
        }
    }
    fn clear(&mut self) {
        for place in self.list.drain(..) {
            if let Some(is_in) = self.is_in.get_mut(place) {
                *is_in = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        #[track_caller]
        fn check(reference: &str, pattern: &str, name: &str, want: bool) {
            let got = Pattern::new(reference, pattern).is_some_and(|p| p.matches(name));
            assert_eq!(got, want, "{reference:?} {pattern:?} {name:?}");
        }
        check("", "*", "a/b/c", true);
        check("", "%", "a", true);
        check("", "%", "a/b", false);
        check("", "%/%", "a/b", true);
        check("", "a/%", "a/b/c", false);
        check("", "a*c", "a/b/c", true);
        check("", "a%c", "a/b/c", false);
        check("a/", "%", "a/b", true);
        check("a", "b", "ab", true);
        check("", "", "a", false);
        check("", "inbox", "INBOX", true);
        check("", "iN%", "INBOX", true);
        check("", "inbox/%", "INBOX/sub", true);
        check("", "inbox/SUB", "INBOX/sub", false);
        check("", "inboxes", "INBOXES", false);
        check("", "A", "a", false);
        check("", "*%*%", "a/b", true);
        check("", "%*", "a/b", true);
        check("", "%b%/*d", "abc/xd", true);
        check("", "%b%/*d", "a/bc/xd", false);
        check("", "*/b%", "a/a/bb", true);
        check("", "e\u{301}%", "\u{e9}t\u{e9}", true);
        check("", &format!("%{}", "a".repeat(2000)), "a", false);
        assert!(Pattern::new("", "a/%").is_some_and(|p| p.ends_with_level()));
        assert!(!Pattern::new("", "%a").is_some_and(|p| p.ends_with_level()));
    }

    #[test]
    fn wildcards_cost_no_more_than_their_number() {
        let pattern = Pattern::new("", &"*a".repeat(900)).unwrap();
        assert!(!pattern.matches(&"a".repeat(899)));
        assert!(pattern.matches(&"a".repeat(900)));
    }
}
