//! LIST and LSUB (RFC 3501 6.3.8 and 6.3.9), LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154),
//! LIST-STATUS (RFC 5819).

use super::Request;
use super::line::Command;
use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse};
use crate::imap::value::{StatusItem, decode_name};
use posthorn_base::limits;
use unicode_normalization::UnicodeNormalization;

/// LIST.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// What is meant.
    pub selection: ListSelection,
    /// The reference name, decoded.
    pub reference: String,
    /// Patterns, decoded, with `*` and `%`; more than one in the extended form only. None when no
    /// mailbox can have a name that meets them, because they are no modified UTF-7.
    pub patterns: Vec<String>,
    /// What is told of them.
    pub returns: ListReturn,
    /// The extended form was used: attributes are told as RFC 5258 says.
    pub is_extended: bool,
}

/// Selection options (RFC 5258 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSelection {
    /// SUBSCRIBED: names that are subscribed, whether a mailbox exists or not.
    pub subscribed: bool,
    /// REMOTE: no difference, there are none.
    pub remote: bool,
    /// RECURSIVEMATCH: also those whose children match. The parser refuses it alone.
    pub recursive_match: bool,
    /// SPECIAL-USE: mailboxes with a role only (RFC 6154 3).
    pub special_use: bool,
}

/// Return options (RFC 5258 3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListReturn {
    /// SUBSCRIBED.
    pub subscribed: bool,
    /// CHILDREN.
    pub children: bool,
    /// SPECIAL-USE.
    pub special_use: bool,
    /// STATUS with these items (RFC 5819).
    pub status: Vec<StatusItem>,
}

/// LSUB.
#[derive(Clone, Debug, PartialEq)]
pub struct Lsub {
    /// The reference name, decoded.
    pub reference: String,
    /// The pattern, decoded; `None` as in [`List::patterns`].
    pub pattern: Option<String>,
}

/// Options of either list that are looked at; each may be said twice.
const OPTIONS_MAX: usize = 20;

/// Reads LIST's arguments.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mut is_extended = false;
    let mut selection = ListSelection::default();
    if cursor.peek() == Some(b'(') {
        is_extended = true;
        selection = parse_selection(cursor)?;
        cursor.space()?;
    }
    let reference = pattern(&cursor.astring()?);
    cursor.space()?;
    let patterns = match cursor.peek() {
        Some(b'(') => {
            is_extended = true;
            cursor.list(limits::IMAP_LIST_PATTERNS_MAX, |cursor| {
                cursor.list_mailbox().map(|name| pattern(&name))
            })?
        }
        _ => vec![pattern(&cursor.list_mailbox()?)],
    };
    if patterns.is_empty() {
        return Err(Fault::new("a pattern is missing"));
    }
    let patterns = reference.iter().flat_map(|_| patterns.iter().flatten().cloned()).collect();
    let reference = reference.unwrap_or_default();
    let mut returns = ListReturn::default();
    if cursor.has_more()? {
        is_extended = true;
        if !cursor.eat_word("RETURN") {
            return Err(Fault::new("behind the pattern only RETURN may come"));
        }
        cursor.space()?;
        returns = parse_return(cursor)?;
    }
    let list = List { selection, reference, patterns, returns, is_extended };
    Ok(Command::Request(Request::List(list)))
}

fn parse_selection(cursor: &mut Cursor<'_>) -> Parse<ListSelection> {
    let mut selection = ListSelection::default();
    cursor.list(OPTIONS_MAX, |cursor| {
        match cursor.word("a selection option is missing")?.as_str() {
            "SUBSCRIBED" => selection.subscribed = true,
            "REMOTE" => selection.remote = true,
            "RECURSIVEMATCH" => selection.recursive_match = true,
            "SPECIAL-USE" => selection.special_use = true,
            // RFC 5258 3.
            _ => return Err(Fault::new("a selection option is not known")),
        }
        Ok(())
    })?;
    // RFC 5258 3.1, RFC 6154 6: of our options only SUBSCRIBED is one that can be matched below.
    if selection.recursive_match && !selection.subscribed {
        return Err(Fault::new("RECURSIVEMATCH goes with SUBSCRIBED only").with(Code::ClientBug));
    }
    Ok(selection)
}

fn parse_return(cursor: &mut Cursor<'_>) -> Parse<ListReturn> {
    let mut returns = ListReturn::default();
    cursor.list(OPTIONS_MAX, |cursor| {
        match cursor.word("a return option is missing")?.as_str() {
            "SUBSCRIBED" => returns.subscribed = true,
            "CHILDREN" => returns.children = true,
            "SPECIAL-USE" => returns.special_use = true,
            "STATUS" => {
                cursor.space()?;
                returns.status = StatusItem::parse_list(cursor)?;
            }
            _ => return Err(Fault::new("a return option is not known")),
        }
        Ok(())
    })?;
    Ok(returns)
}

/// A name with wildcards, decoded. In NFC, as the names are that it is compared with.
fn pattern(wire: &[u8]) -> Option<String> {
    decode_name(wire).map(|name| name.nfc().collect())
}

/// Reads LSUB's arguments.
pub(super) fn parse_lsub(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let reference = pattern(&cursor.astring()?);
    cursor.space()?;
    let pattern = pattern(&cursor.list_mailbox()?).filter(|_| reference.is_some());
    let reference = reference.unwrap_or_default();
    Ok(Command::Request(Request::Lsub(Lsub { reference, pattern })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<List> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parse(&mut cursor).ok()?;
        cursor.end().ok()?;
        match command {
            Command::Request(Request::List(list)) => Some(list),
            _ => None,
        }
    }

    #[test]
    fn plain_and_extended() {
        let plain = list(" \"\" *").unwrap();
        assert_eq!((plain.reference.as_str(), plain.patterns.as_slice()), ("", &["*".into()][..]));
        assert!(!plain.is_extended);
        assert_eq!(list(" \"\" \"\"").unwrap().patterns, [""]);
        assert_eq!(list(" ~/Mail/ %/&AOQ-%").unwrap().patterns, ["%/ä%"]);
        assert_eq!(list(" \"\" \"e\u{301}*\"").unwrap().patterns, ["é*"], "NFC");
        assert_eq!(list(" \"\" (a&b \"*\")").unwrap().patterns, ["*"], "no modified UTF-7");
        assert!(list(" \"a&b\" \"*\"").unwrap().patterns.is_empty());
        // RFC 5258 5, RFC 5819 3, RFC 6154 5
        let extended = list(" (SUBSCRIBED RECURSIVEMATCH) \"\" (\"INBOX\" \"Drafts/%\")").unwrap();
        assert!(extended.is_extended && extended.selection.subscribed);
        assert!(extended.selection.recursive_match && extended.patterns.len() == 2);
        let returning =
            list(" \"\" % RETURN (status (Messages UNSEEN) CHILDREN subscribed SPECIAL-USE)");
        let returns = returning.unwrap().returns;
        assert_eq!(returns.status, [StatusItem::Messages, StatusItem::Unseen]);
        assert!(returns.children && returns.subscribed && returns.special_use);
        assert!(list(" () \"\" %").unwrap().is_extended);
        assert!(list(" \"\" % RETURN ()").unwrap().is_extended);
        assert!(list(" (SPECIAL-USE REMOTE) \"\" %").unwrap().selection.special_use);
        for wrong in [
            "",
            " ",
            " \"\"",
            " \"\" ",
            " \"\" ()",
            " \"\" % RETURN",
            " \"\" % (CHILDREN)",
            " \"\" % RETURN CHILDREN",
            " \"\" % RETURN (FOO)",
            " \"\" % RETURN (STATUS)",
            " \"\" % RETURN (STATUS ())",
            " (RECURSIVEMATCH) \"\" %",
            " (REMOTE RECURSIVEMATCH) \"\" %",
            " (SPECIAL-USE RECURSIVEMATCH) \"\" %",
            " (FOO) \"\" %",
            " * *",
            " \"\" (a) b",
        ] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn patterns_have_a_limit() {
        let patterns = |n: usize| list(&format!(" \"\" ({})", vec!["%"; n].join(" ")));
        assert!(patterns(limits::IMAP_LIST_PATTERNS_MAX).is_some());
        assert!(patterns(limits::IMAP_LIST_PATTERNS_MAX + 1).is_none());
    }
}
