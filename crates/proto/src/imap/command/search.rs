//! SEARCH (RFC 3501 6.4.4), ESEARCH (RFC 4731), SEARCHRES (RFC 5182).

use super::line::Command;
use super::{Request, Tag};
use crate::imap::grammar::{Cursor, Fault, Parse};
use crate::imap::value::{SearchCharset, SearchKey};

/// SEARCH or UID SEARCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The command's tag: ESEARCH repeats it (RFC 4466 2.6.2).
    pub tag: Tag,
    /// Whether UIDs are answered.
    pub by_uid: bool,
    /// RETURN; `None`: the plain SEARCH response.
    pub returns: Option<SearchReturn>,
    /// What is looked for.
    pub key: SearchKey,
    /// False when CHARSET names one that is not known: then nothing is found, and the answer is NO
    /// with BADCHARSET (RFC 3501 6.4.4). Not the parser's answer, because it empties the saved
    /// result (RFC 5182 2.1).
    pub charset_is_known: bool,
}

/// RETURN options. `RETURN ()` is the parser's `RETURN (ALL)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchReturn {
    /// MIN.
    pub min: bool,
    /// MAX.
    pub max: bool,
    /// ALL.
    pub all: bool,
    /// COUNT.
    pub count: bool,
    /// SAVE.
    pub save: bool,
}

/// Reads SEARCH's arguments.
pub(super) fn parse(cursor: &mut Cursor<'_>, tag: &Tag, by_uid: bool) -> Parse<Command> {
    cursor.space()?;
    let mut returns = None;
    if cursor.eat_word("RETURN") {
        cursor.space()?;
        returns = Some(parse_return(cursor)?);
        cursor.space()?;
    }
    let mut charset = Some(SearchCharset::default());
    if cursor.eat_word("CHARSET") {
        cursor.space()?;
        charset = SearchCharset::named(&cursor.astring()?);
        cursor.space()?;
    }
    let charset_is_known = charset.is_some();
    let key = SearchKey::parse(cursor, &charset.unwrap_or_default())?;
    let search = Search { tag: tag.clone(), by_uid, returns, key, charset_is_known };
    Ok(Command::Request(Request::Search(search)))
}

/// `"(" [search-return-opt *(SP search-return-opt)] ")"` (RFC 4731 3.1, RFC 5182 3).
fn parse_return(cursor: &mut Cursor<'_>) -> Parse<SearchReturn> {
    let mut returns = SearchReturn::default();
    // Five options, each of which may be said twice.
    cursor.list(10, |cursor| {
        match cursor.word("a return option is missing")?.as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            "SAVE" => returns.save = true,
            _ => return Err(Fault::new("a return option is not known")),
        }
        Ok(())
    })?;
    // RFC 4731 3.1: without an option, ALL is meant.
    if returns == SearchReturn::default() {
        returns.all = true;
    }
    Ok(returns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::Status;
    use crate::imap::value::TextField;

    fn search(text: &[u8]) -> Result<Search, Fault> {
        let mut cursor = Cursor::new(text);
        let command = parse(&mut cursor, &Tag("a".into()), true)?;
        cursor.end()?;
        match command {
            Command::Request(Request::Search(search)) => Ok(search),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn return_options() {
        let returns = |text: &str| search(text.as_bytes()).unwrap().returns;
        let none = SearchReturn::default();
        assert_eq!(returns(" ALL"), None);
        assert_eq!(returns(" RETURN () ALL"), Some(SearchReturn { all: true, ..none }));
        assert_eq!(
            returns(" return (min Max COUNT count) ALL"),
            Some(SearchReturn { min: true, max: true, count: true, ..none })
        );
        assert_eq!(returns(" RETURN (SAVE) ALL"), Some(SearchReturn { save: true, ..none }));
        for wrong in
            [" RETURN ALL", " RETURN (FOO) ALL", " RETURN ()", " RETURN () ", " RETURN (ALL"]
        {
            assert!(search(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn charsets() {
        let subject = |text: &str| Ok(SearchKey::Text(TextField::Subject, text.into()));
        let key = |text: &[u8]| search(text).map(|search| search.key);
        assert_eq!(key(b" CHARSET utf-8 SUBJECT {2}\r\n\xc3\xa4"), subject("ä"));
        assert_eq!(key(b" CHARSET US-ASCII SUBJECT a"), subject("a"));
        assert_eq!(key(b" RETURN () CHARSET \"UTF-8\" SUBJECT \"\xc3\xa4\""), subject("ä"));
        assert_eq!(key(b" CHARSET ISO-2022-JP SUBJECT \"\x1b$BF|K\\\\\x1b(B\""), subject("日本"));
        assert_eq!(key(b" CHARSET ISO-8859-1 SUBJECT \"\xe4\""), subject("ä"));
        assert_eq!(key(b" SUBJECT \"\xc3\xa4\""), subject("ä"), "UTF-8 without asking");
        assert_eq!(key(b" SUBJECT \"\xe4\""), subject("ä"), "the most likely meaning");

        let is_known = |text: &[u8]| search(text).map(|search| search.charset_is_known);
        assert_eq!(is_known(b" CHARSET X-Klingon SUBJECT {1}\r\n\xe4"), Ok(false));
        assert_eq!(is_known(b" CHARSET UTF-8 SUBJECT a"), Ok(true));
        assert!(is_known(b" CHARSET X-Klingon SUBJEKT a").is_err(), "BAD, whatever the charset");
        let fault = key(b" CHARSET UTF-8 SUBJECT \"\xe4\"").unwrap_err();
        assert_eq!((fault.status, fault.code), (Status::Bad, None), "not what it says it is");
        for wrong in ["", " ", " CHARSET UTF-8", " CHARSET UTF-8 ", " CHARSET", " CHARSET ALL"] {
            assert!(search(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
