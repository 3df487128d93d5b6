//! STORE (RFC 3501 6.4.6, RFC 7162 3.1.3).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Fault, Parse};
use crate::imap::value::{FlagList, MessageSet};
use posthorn_base::ModSeq;

/// STORE or UID STORE.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// Which messages.
    pub set: MessageSet,
    /// Whether the set has UIDs.
    pub by_uid: bool,
    /// How.
    pub action: StoreAction,
    /// .SILENT: the client doesn't want to be told what it did itself.
    pub silent: bool,
    /// The flags.
    pub flags: FlagList,
    /// UNCHANGEDSINCE.
    pub unchanged_since: Option<ModSeq>,
}

/// How flags change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreAction {
    /// FLAGS.
    Replace,
    /// +FLAGS.
    Add,
    /// -FLAGS.
    Remove,
}

/// Reads STORE's arguments.
pub(super) fn parse(cursor: &mut Cursor<'_>, by_uid: bool) -> Parse<Command> {
    cursor.space()?;
    let set = MessageSet::parse(cursor)?;
    cursor.space()?;
    let mut unchanged_since = None;
    if cursor.peek() == Some(b'(') {
        cursor.list(1, |cursor| {
            if !cursor.eat_word("UNCHANGEDSINCE") {
                return Err(Fault::new("a modifier is not known"));
            }
            cursor.space()?;
            unchanged_since = Some(cursor.mod_seq()?);
            Ok(())
        })?;
        if unchanged_since.is_none() {
            return Err(Fault::new("a modifier is missing"));
        }
        cursor.space()?;
    }
    let action = match (cursor.eat(b'+'), cursor.eat(b'-')) {
        (true, false) => StoreAction::Add,
        (false, true) => StoreAction::Remove,
        (false, false) => StoreAction::Replace,
        (true, true) => return Err(Fault::new(UNKNOWN)),
    };
    let silent = match cursor.word(UNKNOWN)?.as_str() {
        "FLAGS" => false,
        "FLAGS.SILENT" => true,
        _ => return Err(Fault::new(UNKNOWN)),
    };
    cursor.space()?;
    let flags = FlagList::parse_for_store(cursor)?;
    let store = Store { set, by_uid, action, silent, flags, unchanged_since };
    Ok(Command::Request(Request::Store(store)))
}

const UNKNOWN: &str = "what is stored is FLAGS, +FLAGS or -FLAGS, or these with .SILENT";

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_base::Flags;

    fn store(text: &str) -> Option<Store> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parse(&mut cursor, false).ok()?;
        cursor.end().ok()?;
        match command {
            Command::Request(Request::Store(store)) => Some(store),
            _ => None,
        }
    }

    #[test]
    fn flags() {
        #[track_caller]
        fn check(text: &str, action: StoreAction, silent: bool, flags: Flags) {
            let store = store(text).unwrap();
            assert_eq!((store.action, store.silent, store.flags.flags), (action, silent, flags));
        }
        // RFC 3501 6.4.6
        check(" 2:4 +FLAGS (\\Deleted)", StoreAction::Add, false, Flags::DELETED);
        let both = Flags::SEEN.with(Flags::DRAFT);
        check(" 1 -flags.silent \\seen \\DRAFT", StoreAction::Remove, true, both);
        check(" 1 FLAGS ()", StoreAction::Replace, false, Flags::NONE);
        let since = |text| store(text).map(|store| store.unchanged_since.map(|m| m.get()));
        assert_eq!(
            since(" 7,5,9 (UNCHANGEDSINCE 320162338) FLAGS.SILENT x"),
            Some(Some(320_162_338))
        );
        assert_eq!(since(" 7 (UNCHANGEDSINCE 0) +FLAGS (x)"), Some(Some(0)));
        for wrong in [
            "",
            " 1",
            " 1 FLAGS",
            " 1 FLAGS ",
            " 1 FLAGS () x",
            " 1 FLAGS (\\Recent)",
            " 1 FLAGS \\Seen ",
            " 1 +-FLAGS (x)",
            " 1 + FLAGS (x)",
            " 1 FLAGS.LOUD (x)",
            " 1 () FLAGS (x)",
            " 1 (UNCHANGEDSINCE) FLAGS (x)",
            " 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) FLAGS (x)",
            " 1 (FOO 1) FLAGS (x)",
        ] {
            assert_eq!(store(wrong), None, "{wrong}");
        }
    }
}
