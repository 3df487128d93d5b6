//! How a command's text becomes a [`Command`]: the tag, the name, and the table of names.

use super::line::{Command, ParseError, Tag};
use super::{Append, append, copy, enable, expunge, fetch, id, list, login, mailbox, plain};
use super::{Request, quota, search, select, status, store};
use crate::imap::grammar::{Cursor, Fault, Parse};

/// Reads what follows a command's name, from the space on, to the end.
type Arguments = fn(&mut Cursor<'_>, &Tag) -> Parse<Command>;

/// The commands. To add one, write its file and name it here.
const COMMANDS: &[(&str, Arguments)] = &[
    ("FETCH", |c, _| fetch::parse(c, false)),
    ("STORE", |c, _| store::parse(c, false)),
    ("NOOP", |c, _| plain::request(c, Request::Noop)),
    ("IDLE", |c, _| plain::plain(c, Command::Idle)),
    ("SELECT", |c, _| select::parse(c, false)),
    ("EXAMINE", |c, _| select::parse(c, true)),
    ("STATUS", |c, _| status::parse(c)),
    ("LIST", |c, _| list::parse(c)),
    ("LSUB", |c, _| list::parse_lsub(c)),
    ("SEARCH", |c, tag| search::parse(c, tag, false)),
    ("COPY", |c, _| copy::parse(c, false, false)),
    ("MOVE", |c, _| copy::parse(c, false, true)),
    ("EXPUNGE", |c, _| plain::request(c, Request::Expunge(super::Expunge { uids: None }))),
    ("CLOSE", |c, _| plain::request(c, Request::Close)),
    ("UNSELECT", |c, _| plain::request(c, Request::Unselect)),
    ("CHECK", |c, _| plain::request(c, Request::Check)),
    ("APPEND", |c, _| append::parse(c)),
    ("CREATE", |c, _| mailbox::parse_create(c)),
    ("DELETE", |c, _| mailbox::parse_delete(c)),
    ("RENAME", |c, _| mailbox::parse_rename(c)),
    ("SUBSCRIBE", |c, _| mailbox::parse_subscribe(c, true)),
    ("UNSUBSCRIBE", |c, _| mailbox::parse_subscribe(c, false)),
    ("NAMESPACE", |c, _| plain::request(c, Request::Namespace)),
    ("GETQUOTA", |c, _| quota::parse_get(c)),
    ("GETQUOTAROOT", |c, _| quota::parse_get_root(c)),
    ("SETQUOTA", |c, _| quota::parse_set(c)),
    ("CAPABILITY", |c, _| plain::plain(c, Command::Capability)),
    ("LOGIN", |c, _| login::parse(c)),
    ("AUTHENTICATE", |c, _| login::parse_authenticate(c)),
    ("STARTTLS", |c, _| plain::plain(c, Command::StartTls)),
    ("ENABLE", |c, _| enable::parse(c)),
    ("ID", |c, _| id::parse(c)),
    ("COMPRESS", |c, _| enable::parse_compress(c)),
    ("LOGOUT", |c, _| plain::plain(c, Command::Logout)),
];

/// Those that come behind `UID`.
const UID_COMMANDS: &[(&str, Arguments)] = &[
    ("FETCH", |c, _| fetch::parse(c, true)),
    ("STORE", |c, _| store::parse(c, true)),
    ("SEARCH", |c, tag| search::parse(c, tag, true)),
    ("COPY", |c, _| copy::parse(c, true, false)),
    ("MOVE", |c, _| copy::parse(c, true, true)),
    ("EXPUNGE", |c, _| expunge::parse_uid(c)),
];

/// Reads one whole command: `text` has its literals in place, and not the CRLF at its end.
pub(crate) fn parse(text: &[u8]) -> Result<(Tag, Command), ParseError> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).map_err(|fault| ParseError::new(None, fault))?;
    match command(&mut cursor, &tag) {
        Ok(command) => Ok((tag, command)),
        Err(fault) => Err(ParseError::new(Some(tag), fault)),
    }
}

/// Reads the command whose message is about to come: `text` ends with the literal's announcement.
/// `None` when it is no APPEND, or when the literal is its mailbox name. An error when what stands
/// before the announcement is not well written: whatever the literal holds, it has no use.
pub(crate) fn append_head(text: &[u8]) -> Option<(Tag, Result<Append, ParseError>)> {
    let mut cursor = Cursor::new(text);
    let tag = tag(&mut cursor).ok()?;
    if !cursor.eat(b' ') || !cursor.eat_word("APPEND") || append::announces_name(&cursor) {
        return None;
    }
    let append = append::parse_head(&mut cursor).map_err(|fault| {
        ParseError::new(
            Some(tag.clone()),
            Fault { text: format!("APPEND: {}", fault.text).into(), ..fault },
        )
    });
    Some((tag, append))
}

/// The tag of what need be no command: of the front of one that is too long, say.
pub(crate) fn tag_of(text: &[u8]) -> Option<Tag> {
    let mut cursor = Cursor::new(text);
    tag(&mut cursor).ok().filter(|_| cursor.eat(b' '))
}

fn tag(cursor: &mut Cursor<'_>) -> Parse<Tag> {
    let tag = cursor.tag()?;
    // `a+b` and the like: the front of it is no tag, and an answer to it would answer nothing.
    match cursor.peek() {
        None | Some(b' ') => Ok(Tag(tag.into())),
        Some(_) => Err(Fault::new("a command begins with a tag")),
    }
}

/// The name, and what it takes.
fn command(cursor: &mut Cursor<'_>, tag: &Tag) -> Parse<Command> {
    const MISSING: &str = "a command is missing behind the tag";
    cursor.expect(b' ', MISSING)?;
    let by_uid = cursor.eat_word("UID");
    if by_uid {
        cursor.space()?;
    }
    let name = cursor.atom(MISSING)?;
    let table = if by_uid { UID_COMMANDS } else { COMMANDS };
    let known = table.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    let Some((name, arguments)) = known else {
        return Err(Fault::new("the command is not known"));
    };
    // No command's arguments are worth less than to be told which command it was: programs send
    // many at once.
    arguments(cursor, tag)
        .and_then(|command| cursor.end().map(|()| command))
        .map_err(|fault| Fault { text: format!("{name}: {}", fault.text).into(), ..fault })
}
