//! CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 6.3.3 to 6.3.7).

use super::Request;
use super::line::Command;
use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse};
use crate::imap::value::MailboxArgument;
use posthorn_base::{Role, limits};

/// CREATE. A trailing separator is taken off by the parser: it only says that children will follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// Its name.
    pub mailbox: MailboxArgument,
    /// What it is for (RFC 6154 3).
    pub role: Option<Role>,
}

/// DELETE.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// Which.
    pub mailbox: MailboxArgument,
}

/// RENAME.
#[derive(Clone, Debug, PartialEq)]
pub struct Rename {
    /// Which.
    pub from: MailboxArgument,
    /// Its new name.
    pub to: MailboxArgument,
}

/// SUBSCRIBE or UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe {
    /// The name; a mailbox need not exist.
    pub mailbox: MailboxArgument,
    /// False for UNSUBSCRIBE.
    pub subscribe: bool,
}

/// The uses that a mailbox can be given (RFC 6154 2). `\All` and `\Flagged` would be views of other
/// mailboxes, which we don't have.
const USES: [(&[u8], Role); 5] = [
    (b"ARCHIVE", Role::Archive),
    (b"DRAFTS", Role::Drafts),
    (b"JUNK", Role::Junk),
    (b"SENT", Role::Sent),
    (b"TRASH", Role::Trash),
];

/// Reads CREATE's arguments.
pub(super) fn parse_create(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse_new(cursor)?;
    let mut uses = None;
    if cursor.has_more()? {
        cursor.list(1, |cursor| {
            // RFC 4466 2.2: BAD for what no extension of ours has.
            if !cursor.eat_word("USE") {
                return Err(Fault::new("a parameter is not known"));
            }
            cursor.space()?;
            let found = cursor.list(limits::IMAP_COMMAND_BYTES_MAX, |cursor| {
                cursor.expect(b'\\', "a use begins with a backslash")?;
                cursor.word("a use is missing")
            })?;
            uses = Some(found);
            Ok(())
        })?;
        if uses.is_none() {
            return Err(Fault::new("a parameter is missing"));
        }
    }
    let role = match uses.unwrap_or_default().as_slice() {
        [] => None,
        [name] => match USES.iter().find(|(known, _)| *known == name.as_bytes()) {
            Some((_, role)) => Some(*role),
            // RFC 6154 3: NO, for the client asks well for what we cannot do.
            None => return Err(Fault::no(Code::UseAttr, "no mailbox can be given this use")),
        },
        [..] => return Err(Fault::no(Code::UseAttr, "a mailbox has one use at most")),
    };
    Ok(Command::Request(Request::Create(Create { mailbox, role })))
}

/// Reads DELETE's argument.
pub(super) fn parse_delete(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse(cursor)?;
    Ok(Command::Request(Request::Delete(Delete { mailbox })))
}

/// Reads RENAME's arguments.
pub(super) fn parse_rename(cursor: &mut Cursor<'_>) -> Parse<Command> {
    cursor.space()?;
    let from = MailboxArgument::parse(cursor)?;
    cursor.space()?;
    let to = MailboxArgument::parse(cursor)?;
    Ok(Command::Request(Request::Rename(Rename { from, to })))
}

/// Reads the argument of SUBSCRIBE and UNSUBSCRIBE.
pub(super) fn parse_subscribe(cursor: &mut Cursor<'_>, subscribe: bool) -> Parse<Command> {
    cursor.space()?;
    let mailbox = MailboxArgument::parse(cursor)?;
    Ok(Command::Request(Request::Subscribe(Subscribe { mailbox, subscribe })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(text: &str) -> Result<Create, (Option<Code>, String)> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parse_create(&mut cursor).and_then(|c| cursor.end().map(|()| c));
        match command.map_err(|fault| (fault.code, fault.text.into_owned()))? {
            Command::Request(Request::Create(create)) => Ok(create),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn new_mailboxes() {
        let plain = |name| Ok(Create { mailbox: MailboxArgument::of(name), role: None });
        assert_eq!(create(" a/b"), plain("a/b"));
        assert_eq!(create(" a/b/"), plain("a/b"), "RFC 3501 6.3.3");
        assert_eq!(create(" inbox/"), plain("INBOX"));
        assert_eq!(create(" \"/\""), plain(""));
        assert_eq!(create(" a//"), plain("a/"));
        assert_eq!(create(" x (USE ())"), plain("x"));
        let of_use = |role| Ok(Create { mailbox: MailboxArgument::of("x"), role: Some(role) });
        assert_eq!(create(" x (USE (\\Sent))"), of_use(Role::Sent));
        assert_eq!(create(" x (use (\\jUNK))"), of_use(Role::Junk));
        for refused in [" x (USE (\\All))", " x (USE (\\Sent \\Drafts))", " x (USE (\\Foo))"] {
            assert_eq!(create(refused).unwrap_err().0, Some(Code::UseAttr), "{refused}");
        }
        for wrong in ["", " ", " x ", " x ()", " x (USE)", " x (USE (Sent))", " x (FOO 1)", " x y"]
        {
            assert!(create(wrong).is_err_and(|(code, _)| code.is_none()), "{wrong}");
        }
    }
}
