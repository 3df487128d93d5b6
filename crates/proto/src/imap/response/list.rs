//! LIST and LSUB (RFC 3501 7.2.2 and 7.2.3, RFC 5258, RFC 6154 2).

use super::name;
use posthorn_base::{MailboxName, Role};

/// What LIST says of a mailbox (RFC 3501 7.2.2 and extensions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxAttribute {
    /// It cannot be selected.
    Noselect,
    /// There is no such mailbox (RFC 5258 3).
    NonExistent,
    /// There are mailboxes below it (RFC 3348 3).
    HasChildren,
    /// There are none.
    HasNoChildren,
    /// Its name is subscribed (RFC 5258 3.1).
    Subscribed,
    /// What it is for (RFC 6154 2). Of INBOX nothing is said: its name says it.
    Use(Role),
}

impl MailboxAttribute {
    /// As it is written; `None` when there is nothing to say.
    fn word(self) -> Option<&'static str> {
        Some(match self {
            MailboxAttribute::Noselect => "\\Noselect",
            MailboxAttribute::NonExistent => "\\NonExistent",
            MailboxAttribute::HasChildren => "\\HasChildren",
            MailboxAttribute::HasNoChildren => "\\HasNoChildren",
            MailboxAttribute::Subscribed => "\\Subscribed",
            MailboxAttribute::Use(Role::Inbox) => return None,
            MailboxAttribute::Use(Role::Archive) => "\\Archive",
            MailboxAttribute::Use(Role::Drafts) => "\\Drafts",
            MailboxAttribute::Use(Role::Junk) => "\\Junk",
            MailboxAttribute::Use(Role::Sent) => "\\Sent",
            MailboxAttribute::Use(Role::Trash) => "\\Trash",
        })
    }
}

/// `* LIST (\HasNoChildren) "/" "name" ("CHILDINFO" ("SUBSCRIBED"))`. `child_info`: the selection
/// options that a mailbox below it meets (RFC 5258 3.5); empty: not said.
pub fn list(out: &mut Vec<u8>, name: &str, attributes: &[MailboxAttribute], child_info: &[&str]) {
    line(out, "LIST", name, attributes);
    if !child_info.is_empty() {
        out.extend_from_slice(b" (\"CHILDINFO\" (");
        for (at, option) in child_info.iter().enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            name::quoted(out, option);
        }
        out.extend_from_slice(b"))");
    }
    out.extend_from_slice(b"\r\n");
}

/// `* LSUB () "/" "name"`.
pub fn lsub(out: &mut Vec<u8>, name: &str, attributes: &[MailboxAttribute]) {
    line(out, "LSUB", name, attributes);
    out.extend_from_slice(b"\r\n");
}

fn line(out: &mut Vec<u8>, response: &str, name: &str, attributes: &[MailboxAttribute]) {
    let words: Vec<&str> = attributes.iter().filter_map(|attribute| attribute.word()).collect();
    let (words, separator) = (words.join(" "), MailboxName::SEPARATOR);
    out.extend_from_slice(format!("* {response} ({words}) \"{separator}\" ").as_bytes());
    name::mailbox(out, name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        use MailboxAttribute::{HasChildren, NonExistent, Subscribed, Use};
        #[track_caller]
        fn check(name: &str, attributes: &[MailboxAttribute], child_info: &[&str], want: &str) {
            let mut out = Vec::new();
            list(&mut out, name, attributes, child_info);
            assert_eq!(String::from_utf8(out).unwrap(), format!("* LIST {want}\r\n"));
        }
        check("INBOX", &[Use(Role::Inbox)], &[], "() \"/\" \"INBOX\"");
        check("Sent", &[Subscribed, Use(Role::Sent)], &[], "(\\Subscribed \\Sent) \"/\" \"Sent\"");
        check(
            "Entwürfe/\"a\\b\"",
            &[NonExistent, HasChildren],
            &["SUBSCRIBED"],
            "(\\NonExistent \\HasChildren) \"/\" \"Entw&APw-rfe/\\\"a\\\\b\\\"\" \
             (\"CHILDINFO\" (\"SUBSCRIBED\"))",
        );
        let mut out = Vec::new();
        lsub(&mut out, "a b", &[MailboxAttribute::Noselect]);
        assert_eq!(out, b"* LSUB (\\Noselect) \"/\" \"a b\"\r\n");
    }
}
