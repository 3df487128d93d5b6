//! FETCH (RFC 3501 6.4.5, RFC 7162 3.1.4 and 3.2.6).

use super::Request;
use super::line::Command;
use crate::imap::grammar::{Cursor, Fault, Parse};
use crate::imap::value::{FetchItem, MessageSet};
use posthorn_base::ModSeq;

/// FETCH or UID FETCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Which messages.
    pub set: MessageSet,
    /// Whether the set has UIDs. The parser has put [`FetchItem::Uid`] into the items then.
    pub by_uid: bool,
    /// What, each item once, in the client's order.
    pub items: Vec<FetchItem>,
    /// CHANGEDSINCE: only messages that changed after this. The parser has put
    /// [`FetchItem::ModSeq`] into the items then.
    pub changed_since: Option<ModSeq>,
    /// VANISHED: tell also which of the UIDs are gone since.
    pub vanished: bool,
}

/// Reads FETCH's arguments.
pub(super) fn parse(cursor: &mut Cursor<'_>, by_uid: bool) -> Parse<Command> {
    cursor.space()?;
    let set = MessageSet::parse(cursor)?;
    cursor.space()?;
    let mut items = FetchItem::parse_all(cursor)?;
    let (mut changed_since, mut vanished) = (None, false);
    if cursor.has_more()? {
        let modifiers = cursor.list(2, |cursor| {
            match cursor.word("a modifier is missing")?.as_str() {
                "CHANGEDSINCE" if changed_since.is_none() => {
                    cursor.space()?;
                    changed_since = Some(cursor.mod_seq()?);
                }
                "VANISHED" if !vanished => vanished = true,
                "CHANGEDSINCE" | "VANISHED" => {
                    return Err(Fault::new("a modifier is given twice"));
                }
                _ => return Err(Fault::new("a modifier is not known")),
            }
            Ok(())
        })?;
        if modifiers.is_empty() {
            return Err(Fault::new("a modifier is missing"));
        }
    }
    // RFC 7162 3.2.6.
    if vanished && !(by_uid && changed_since.is_some()) {
        return Err(Fault::new("VANISHED goes with UID FETCH and CHANGEDSINCE only"));
    }
    // RFC 3501 6.4.8: UID FETCH answers with the UID, asked or not.
    if by_uid && !items.contains(&FetchItem::Uid) {
        items.insert(0, FetchItem::Uid);
    }
    // RFC 7162 3.1.4.1: CHANGEDSINCE asks for MODSEQ.
    if changed_since.is_some() && !items.contains(&FetchItem::ModSeq) {
        items.push(FetchItem::ModSeq);
    }
    Ok(Command::Request(Request::Fetch(Fetch { set, by_uid, items, changed_since, vanished })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(text: &str, by_uid: bool) -> Option<Fetch> {
        let mut cursor = Cursor::new(text.as_bytes());
        let command = parse(&mut cursor, by_uid).ok()?;
        cursor.end().ok()?;
        match command {
            Command::Request(Request::Fetch(fetch)) => Some(fetch),
            _ => None,
        }
    }

    #[test]
    fn items_that_are_implied() {
        use FetchItem::{Flags, ModSeq, Uid};
        let items = |text, by_uid| fetch(text, by_uid).map(|fetch| fetch.items);
        assert_eq!(items(" 1 FLAGS", false), Some(vec![Flags]));
        assert_eq!(items(" 1 FLAGS", true), Some(vec![Uid, Flags]));
        assert_eq!(items(" 1 (FLAGS UID)", true), Some(vec![Flags, Uid]));
        assert_eq!(items(" 1 FLAGS (CHANGEDSINCE 7)", false), Some(vec![Flags, ModSeq]));
        assert_eq!(items(" 1 (MODSEQ) (CHANGEDSINCE 7)", false), Some(vec![ModSeq]));
    }

    #[test]
    fn modifiers() {
        let seven = posthorn_base::ModSeq::new(7);
        let fetched = fetch(" $ FLAGS (changedsince 7 vanished)", true).unwrap();
        assert_eq!(fetched.set, MessageSet::Saved);
        assert_eq!((fetched.changed_since, fetched.vanished), (seven, true));
        assert!(fetch(" 1:* FLAGS (VANISHED CHANGEDSINCE 7)", true).is_some());
        assert!(fetch(" 1:* FLAGS (CHANGEDSINCE 0)", true).is_some());
        for wrong in [
            "",
            " 1",
            " 1 ",
            " FLAGS",
            " 1 FLAGS ",
            " 1 FLAGS ()",
            " 1 FLAGS (VANISHED)",
            " 1 FLAGS (CHANGEDSINCE)",
            " 1 FLAGS (CHANGEDSINCE 7 CHANGEDSINCE 7)",
            " 1 FLAGS (CHANGEDSINCE 9223372036854775808)",
            " 1 FLAGS (FOO)",
            " 1 FLAGS CHANGEDSINCE 7",
            " 1 FLAGS (CHANGEDSINCE 7) x",
        ] {
            assert_eq!(fetch(wrong, true), None, "{wrong}");
        }
        assert_eq!(fetch(" 1 FLAGS (CHANGEDSINCE 7 VANISHED)", false), None, "UID FETCH only");
    }
}
