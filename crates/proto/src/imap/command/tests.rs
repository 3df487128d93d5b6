//! Commands as a whole: what they need, what is said of the bad ones, search keys both ways, and
//! whatever bytes there are.

use super::*;
use crate::imap::value::{
    Date, DateField, MessageSet, ModSeqKey, SearchKey, SequenceNumber, SequenceRange, SequenceSet,
    TextField,
};
use crate::imap::{Code, Status as Outcome};
use posthorn_base::{EmailId, Flags, Keyword, ModSeq, ObjectId, limits};
use proptest::prelude::*;
use std::num::NonZeroU32;

fn failure(text: &[u8]) -> (Option<String>, Outcome, Option<Code>, String) {
    let error = parse(text).map(|_| ()).unwrap_err();
    let (tag, completion) = error.into_completion();
    let tag = tag.map(|tag| tag.as_str().to_owned());
    (tag, completion.status, completion.code, completion.text.into_owned())
}

fn key(text: &str) -> Result<SearchKey, Option<Code>> {
    match parse(format!("a SEARCH {text}").as_bytes()) {
        Ok((_, Command::Request(Request::Search(search)))) => Ok(search.key),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

#[test]
fn every_command_is_read_and_knows_when_it_is_taken() {
    #[track_caller]
    fn check(text: &str, needs: Needs) {
        let lower = text.to_ascii_lowercase();
        for text in [text, &lower] {
            let (tag, command) = parse(format!("A1 {text}").as_bytes()).unwrap();
            assert_eq!((tag.as_str(), command.needs()), ("A1", needs), "{text}");
        }
    }
    for text in ["CAPABILITY", "LOGOUT", "NOOP", "ID NIL"] {
        check(text, Needs::Nothing);
    }
    for text in ["STARTTLS", "LOGIN a b", "AUTHENTICATE PLAIN"] {
        check(text, Needs::NoLogin);
    }
    for text in [
        "ENABLE QRESYNC CONDSTORE",
        "IDLE",
        "COMPRESS DEFLATE",
        "SELECT INBOX",
        "EXAMINE INBOX",
        "CREATE a",
        "DELETE a",
        "RENAME a b",
        "SUBSCRIBE a",
        "UNSUBSCRIBE a",
        "LIST a b",
        "LSUB a b",
        "NAMESPACE",
        "STATUS a (MESSAGES SIZE APPENDLIMIT MAILBOXID)",
        "GETQUOTA {0}\r\n",
        "GETQUOTAROOT a",
        "SETQUOTA a ()",
        "SETQUOTA a (STORAGE 512)",
        "APPEND a {5}",
    ] {
        check(text, Needs::Login);
    }
    for text in [
        "CHECK",
        "CLOSE",
        "UNSELECT",
        "EXPUNGE",
        "SEARCH ALL",
        "FETCH 1 FLAGS",
        "STORE 1 FLAGS ()",
        "COPY 1 a",
        "MOVE 1 a",
        "UID SEARCH ALL",
        "UID FETCH 1 FLAGS",
        "UID STORE 1 FLAGS ()",
        "UID COPY $ a",
        "UID MOVE 1:* a",
        "UID EXPUNGE 1,3",
    ] {
        check(text, Needs::Selected);
    }
}

#[test]
fn forms_by_uid() {
    let copy = |text: &str| match parse(text.as_bytes()).unwrap().1 {
        Command::Request(Request::Copy(copy)) => (copy.by_uid, copy.is_move),
        other => panic!("{other:?}"),
    };
    assert_eq!(copy("a COPY 1 b"), (false, false));
    assert_eq!(copy("a UID COPY 1 b"), (true, false));
    assert_eq!(copy("a MOVE 1 b"), (false, true));
    assert_eq!(copy("a UID MOVE 1 b"), (true, true));
    for text in ["a UID", "a UID ", "a UID NOOP", "a UID UID FETCH 1 FLAGS", "a UIDFETCH 1 FLAGS"] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn what_is_said_of_bad_commands() {
    let tag = || Some("a".to_owned());
    let bad = |text: &str| (tag(), Outcome::Bad, None, text.to_owned());
    assert_eq!(failure(b"a"), bad("a command is missing behind the tag"));
    assert_eq!(failure(b"a "), bad("a command is missing behind the tag"));
    assert_eq!(failure(b"a FOO"), bad("the command is not known"));
    assert_eq!(failure(b"a noop x"), bad("NOOP: too many arguments"));
    assert_eq!(failure(b"a NOOP "), bad("NOOP: too many arguments"));
    assert_eq!(failure(b"a FETCH"), bad("FETCH: an argument is missing"));
    assert_eq!(failure(b"a  NOOP").1, Outcome::Bad);
    for no_tag in [&b""[..], b" NOOP", b"+ NOOP", b"a+b NOOP", b"\xff NOOP", b"* OK", b"(a) NOOP"] {
        assert_eq!(failure(no_tag).0, None, "{}", no_tag.escape_ascii());
    }
    let long = |n: usize| parse(format!("{} NOOP", "t".repeat(n)).as_bytes()).is_ok();
    assert!(long(limits::IMAP_TAG_BYTES_MAX) && !long(limits::IMAP_TAG_BYTES_MAX + 1));
    // A secret is never repeated.
    let (_, _, _, text) = failure(b"a LOGIN alice hunter2 \"");
    assert!(!text.contains("hunter2") && !text.contains("alice"));
    assert_eq!(failure(b"a CREATE x (USE (\\All))").1, Outcome::No);
    assert_eq!(tag_of(b"a1 FETCH 1:").map(|tag| tag.as_str().to_owned()).as_deref(), Some("a1"));
    assert_eq!(tag_of(b"a1"), None);
}

#[test]
fn search_keys() {
    let not = |key| SearchKey::Not(Box::new(key));
    let seen = || SearchKey::Flag(Flags::SEEN);
    let text = |field, text: &str| SearchKey::Text(field, text.into());
    assert_eq!(key("ALL"), Ok(SearchKey::All));
    assert_eq!(key("unseen"), Ok(not(seen())));
    assert_eq!(key("NEW"), Ok(SearchKey::And(vec![SearchKey::Recent, not(seen())])));
    assert_eq!(key("OLD"), Ok(not(SearchKey::Recent)));
    assert_eq!(key("KEYWORD $forwarded"), Ok(SearchKey::Flag(Flags::FORWARDED)));
    let other = Keyword::parse("Other").unwrap();
    assert_eq!(key("UNKEYWORD Other"), Ok(not(SearchKey::Keyword(other))));
    assert_eq!(key("NOT (SEEN)"), Ok(not(seen())));
    assert_eq!(
        key("OR SEEN NOT (SEEN TEXT \"\")"),
        Ok(SearchKey::Or(
            Box::new(seen()),
            Box::new(not(SearchKey::And(vec![seen(), text(TextField::Text, "")]))),
        ))
    );
    let first = Date { year: 1994, month: 2, day: 1 };
    assert_eq!(key("SINCE 1-Feb-1994"), Ok(SearchKey::Since(DateField::Internal, first)));
    assert_eq!(key("SENTON \"1-Feb-1994\""), Ok(SearchKey::On(DateField::Sent, first)));
    assert_eq!(key("SAVEDBEFORE 1-Feb-1994"), Ok(SearchKey::Before(DateField::Saved, first)));
    // RFC 7162 3.1.5
    let since = ModSeqKey { at_least: ModSeq::new(620_162_338).unwrap() };
    let entry = "MODSEQ \"/flags/\\\\draft\" all 620162338";
    assert_eq!(key(entry), Ok(SearchKey::ModSeq(since)));
    assert_eq!(key("MODSEQ 620162338"), Ok(SearchKey::ModSeq(since)));
    let email = EmailId::new(77).unwrap();
    assert_eq!(key(&format!("EMAILID {}", ObjectId(email))), Ok(SearchKey::EmailId(Some(email))));
    assert_eq!(key("THREADID T-of_another"), Ok(SearchKey::ThreadId(None)));
    for wrong in [
        "",
        " ALL",
        "ALL ",
        "ALL  ALL",
        "()",
        "( ALL)",
        "(ALL",
        "ALL)",
        "NOT",
        "OR ALL",
        "FOO",
        "UID",
        "UID x",
        "KEYWORD \\Seen",
        "KEYWORD (x)",
        "LARGER",
        "LARGER -1",
        "LARGER 1k",
        "BEFORE 1994",
        "HEADER",
        "HEADER a",
        "TEXT",
        "TEXT (a)",
        "MODSEQ",
        "MODSEQ \"/flags/\" all 1",
        "MODSEQ \"/flags/x\" some 1",
        "MODSEQ x",
        "EMAILID \"a b\"",
        "EMAILID",
        "0",
        "RETURN",
    ] {
        assert_eq!(key(wrong), Err(None), "{wrong}");
    }
}

#[test]
fn search_keys_have_limits() {
    let many = |n: usize| key(&vec!["ALL"; n].join(" ")).map(|_| ());
    assert_eq!(many(limits::IMAP_SEARCH_KEYS_MAX), Ok(()));
    assert_eq!(many(limits::IMAP_SEARCH_KEYS_MAX + 1), Err(Some(Code::Limit)));
    for (open, close) in [("(", ")"), ("NOT ", ""), ("OR ALL ", "")] {
        let deep = |n: usize| key(&format!("{}ALL{}", open.repeat(n), close.repeat(n))).map(|_| ());
        assert_eq!(deep(limits::IMAP_SEARCH_DEPTH_MAX), Ok(()), "{open}");
        assert_eq!(deep(limits::IMAP_SEARCH_DEPTH_MAX + 1), Err(Some(Code::Limit)), "{open}");
        assert_eq!(deep(10_000), Err(Some(Code::Limit)), "{open}");
    }
}

#[test]
fn lists_have_limits() {
    let code = |text: String| parse(text.as_bytes()).map(|_| ()).map_err(|error| error.code);
    let limit = Err(Some(Code::Limit));
    let items = |n: usize| {
        let items: Vec<String> = (1..=n).map(|n| format!("BODY[{n}]")).collect();
        code(format!("a FETCH 1 ({})", items.join(" ")))
    };
    assert_eq!(items(limits::IMAP_FETCH_ITEMS_MAX), Ok(()));
    assert_eq!(items(limits::IMAP_FETCH_ITEMS_MAX + 1), limit);
    for (open, close) in [("(", ")"), ("", "")] {
        let flags = |n: usize| {
            let flags: Vec<String> = (0..n).map(|n| format!("k{n}")).collect();
            code(format!("a STORE 1 +FLAGS {open}{}{close}", flags.join(" ")))
        };
        assert_eq!(flags(limits::KEYWORDS_PER_ACCOUNT_MAX), Ok(()), "{open}");
        assert_eq!(flags(limits::KEYWORDS_PER_ACCOUNT_MAX + 1), limit, "{open}");
    }
}

// ---- search keys, written and read again -------------------------------------------------------

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn set(set: &MessageSet) -> String {
    let number = |number: SequenceNumber| match number {
        SequenceNumber::Number(number) => number.to_string(),
        SequenceNumber::Star => "*".into(),
    };
    match set {
        MessageSet::Saved => "$".into(),
        MessageSet::Numbers(set) => {
            let range = |r: &SequenceRange| format!("{}:{}", number(r.from), number(r.to));
            set.ranges.iter().map(range).collect::<Vec<_>>().join(",")
        }
    }
}

fn day(date: &Date) -> String {
    let month = posthorn_base::time::MONTHS[usize::from(date.month) - 1];
    format!("{}-{month}-{:04}", date.day, date.year)
}

/// A key as a client would write it.
fn written(key: &SearchKey) -> String {
    let field = |field: &DateField| match field {
        DateField::Internal => "",
        DateField::Sent => "SENT",
        DateField::Saved => "SAVED",
    };
    match key {
        SearchKey::All => "ALL".into(),
        SearchKey::Messages(messages) => set(messages),
        SearchKey::Uids(uids) => format!("UID {}", set(uids)),
        SearchKey::Flag(flag) => match flag.names().next().unwrap().strip_prefix('\\') {
            Some(name) => name.to_ascii_uppercase(),
            None => format!("KEYWORD {}", flag.names().next().unwrap()),
        },
        SearchKey::Keyword(keyword) => format!("KEYWORD {}", keyword.as_str()),
        SearchKey::Recent => "RECENT".into(),
        SearchKey::Text(field, text) => {
            format!("{} {}", format!("{field:?}").to_ascii_uppercase(), quoted(text))
        }
        SearchKey::Header(name, text) => {
            format!("HEADER {} {{{}}}\r\n{text}", String::from_utf8_lossy(name), text.len())
        }
        SearchKey::Before(of, date) => format!("{}BEFORE {}", field(of), day(date)),
        SearchKey::On(of, date) => format!("{}ON {}", field(of), day(date)),
        SearchKey::Since(of, date) => format!("{}SINCE {}", field(of), day(date)),
        SearchKey::SaveDateSupported => "SAVEDATESUPPORTED".into(),
        SearchKey::Larger(size) => format!("LARGER {size}"),
        SearchKey::Smaller(size) => format!("SMALLER {size}"),
        SearchKey::ModSeq(key) => format!("MODSEQ {}", key.at_least),
        SearchKey::EmailId(id) => format!("EMAILID {}", ObjectId(id.unwrap())),
        SearchKey::ThreadId(id) => format!("THREADID {}", ObjectId(id.unwrap())),
        SearchKey::Not(key) => format!("NOT {}", written(key)),
        SearchKey::Or(a, b) => format!("OR {} {}", written(a), written(b)),
        SearchKey::And(keys) => {
            format!("({})", keys.iter().map(written).collect::<Vec<_>>().join(" "))
        }
    }
}

fn a_set() -> impl Strategy<Value = MessageSet> {
    let number = |n| NonZeroU32::new(n).map_or(SequenceNumber::Star, SequenceNumber::Number);
    let range = (0u32..9, any::<u32>())
        .prop_map(move |(a, b)| SequenceRange { from: number(a), to: number(b) });
    let ranges = proptest::collection::vec(range, 1..4);
    prop_oneof![
        Just(MessageSet::Saved),
        ranges.prop_map(|ranges| MessageSet::Numbers(SequenceSet { ranges })),
    ]
}

fn a_date() -> impl Strategy<Value = (DateField, Date)> {
    let field =
        proptest::sample::select(vec![DateField::Internal, DateField::Sent, DateField::Saved]);
    (field, 0u16..9999, 1u8..13, 1u8..29)
        .prop_map(|(field, year, month, day)| (field, Date { year, month, day }))
}

fn a_leaf() -> impl Strategy<Value = SearchKey> {
    let flags = vec![Flags::SEEN, Flags::DRAFT, Flags::FORWARDED, Flags::LABEL1];
    let fields = vec![TextField::Bcc, TextField::From, TextField::Subject, TextField::Body];
    let text = "[^\\x00\r\n]{0,8}";
    prop_oneof![
        Just(SearchKey::All),
        Just(SearchKey::Recent),
        Just(SearchKey::SaveDateSupported),
        a_set().prop_map(SearchKey::Messages),
        a_set().prop_map(SearchKey::Uids),
        proptest::sample::select(flags).prop_map(SearchKey::Flag),
        "[a-z]{9}".prop_map(|name| SearchKey::Keyword(Keyword::parse(&name).unwrap())),
        (proptest::sample::select(fields), text)
            .prop_map(|(field, text)| SearchKey::Text(field, text.into())),
        ("[A-Za-z-]{1,9}", text)
            .prop_map(|(name, text)| SearchKey::Header(name.as_bytes().into(), text.into())),
        a_date().prop_map(|(field, date)| SearchKey::Before(field, date)),
        a_date().prop_map(|(field, date)| SearchKey::On(field, date)),
        a_date().prop_map(|(field, date)| SearchKey::Since(field, date)),
        (0..u64::MAX / 2).prop_map(SearchKey::Larger),
        (0..u64::MAX / 2).prop_map(SearchKey::Smaller),
        (0..i64::MAX)
            .prop_map(|n| { SearchKey::ModSeq(ModSeqKey { at_least: ModSeq::new(n).unwrap() }) }),
        (1..i64::MAX).prop_map(|n| SearchKey::EmailId(EmailId::new(n))),
    ]
}

fn a_key() -> impl Strategy<Value = SearchKey> {
    a_leaf().prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| SearchKey::Not(Box::new(key))),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| SearchKey::Or(Box::new(a), Box::new(b))),
            proptest::collection::vec(inner, 2..5).prop_map(SearchKey::And),
        ]
    })
}

/// Pieces of commands, good and bad; random ones of these get further than random bytes.
const WORDS: &[&str] = &[
    "a ",
    "UID ",
    "FETCH ",
    "STORE ",
    "SEARCH ",
    "LIST ",
    "SELECT ",
    "APPEND ",
    "STATUS ",
    "CREATE ",
    "LOGIN ",
    "ID ",
    "AUTHENTICATE PLAIN ",
    "COPY ",
    "ENABLE ",
    "SETQUOTA ",
    "1:*",
    "$",
    "1,2:3",
    " ",
    "(",
    ")",
    "[",
    "]",
    "<0.1>",
    "\"",
    "\\",
    "\\Seen",
    "\"a\"",
    "{1}\r\na",
    "{3+}\r\na b",
    "{9}",
    "{",
    "NIL",
    "BODY",
    "BODY.PEEK[",
    "HEADER.FIELDS ",
    "1.2.MIME",
    "FLAGS",
    "+FLAGS",
    "RETURN ",
    "CHARSET ",
    "UTF-8 ",
    "OR ",
    "NOT ",
    "SEEN",
    "TEXT ",
    "SINCE ",
    "1-Feb-2026",
    "(QRESYNC (1 2",
    "(USE (",
    "(CHANGEDSINCE 1)",
    "(UNCHANGEDSINCE 1) ",
    "RECURSIVEMATCH",
    "&AOQ-",
    "&",
    "é",
    "\0",
    "INBOX",
    "99999999999999999999",
    "* ",
    "% ",
    "MODSEQ ",
    "EMAILID ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn search_keys_return(search_key in a_key()) {
        prop_assert_eq!(key(&written(&search_key)), Ok(search_key));
    }

    #[test]
    fn nothing_panics(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..12),
        tail in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let text = [words.concat().as_bytes(), &tail].concat();
        for text in [text.clone(), [b"a ", &text[..]].concat()] {
            if let Err(error) = parse(&text) {
                prop_assert!(!error.text.is_empty() && error.text.is_ascii());
                prop_assert!(error.tag.is_some() || tag_of(&text).is_none());
            }
            append_head(&text);
        }
    }
}
