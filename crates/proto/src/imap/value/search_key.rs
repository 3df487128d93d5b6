//! How search keys are written (RFC 3501 6.4.4 and 9, `search-key`).

use super::search::{DateField, ModSeqKey, SearchKey, TextField};
use super::sequence::MessageSet;
use crate::imap::Code;
use crate::imap::grammar::{Cursor, Fault, Parse, date};
use posthorn_base::object_id::{Object, ObjectId};
use posthorn_base::{Flags, Keyword, limits};
use posthorn_message::charset;
use std::borrow::Cow;

/// In which charset the texts of a SEARCH are.
#[derive(Debug, Default)]
pub(crate) struct SearchCharset(Option<Box<[u8]>>);

impl SearchCharset {
    /// The one of this name, if we can read it.
    pub(crate) fn named(label: &[u8]) -> Option<Self> {
        charset::is_supported(label).then(|| SearchCharset(Some(label.into())))
    }

    /// A text as UTF-8. Without a charset, or in US-ASCII, octets beyond are what they most likely
    /// are: clients send UTF-8 without saying so.
    fn decode(&self, text: &[u8]) -> Parse<Box<str>> {
        let decoded = charset::decode(text, self.0.as_deref());
        match decoded.replaced {
            false => Ok(decoded.text.into()),
            true => Err(Fault::new("a text is not in the charset that was named")),
        }
    }
}

/// Reads the keys of one SEARCH, and counts them.
struct Keys<'c> {
    charset: &'c SearchCharset,
    count: usize,
}

impl SearchKey {
    /// `search-key *(SP search-key)`, to the end of the command.
    pub(crate) fn parse(cursor: &mut Cursor<'_>, charset: &SearchCharset) -> Parse<SearchKey> {
        Keys { charset, count: 0 }.together(cursor, 0)
    }

    /// All of these; one alone is itself.
    fn all_of(mut keys: Vec<SearchKey>) -> SearchKey {
        match keys.len() {
            1 => keys.remove(0),
            _ => SearchKey::And(keys),
        }
    }

    fn not(key: SearchKey) -> SearchKey {
        SearchKey::Not(Box::new(key))
    }

    /// `KEYWORD`, whatever the keyword is kept as.
    fn keyword(name: &[u8]) -> Parse<SearchKey> {
        let name = String::from_utf8_lossy(name);
        match Flags::named(&name) {
            Some(flag) => Ok(SearchKey::Flag(flag)),
            None => Keyword::parse(&name)
                .map(SearchKey::Keyword)
                .map_err(|error| Fault::new(error.to_string())),
        }
    }
}

impl Keys<'_> {
    /// Keys with a space between them: all of them are meant.
    fn together(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parse<SearchKey> {
        let mut keys = vec![self.key(cursor, depth)?];
        while cursor.eat(b' ') {
            keys.push(self.key(cursor, depth)?);
        }
        Ok(SearchKey::all_of(keys))
    }

    /// One key, and what is within it. `depth` is how many keys it is within: it is what bounds the
    /// recursion.
    fn key(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parse<SearchKey> {
        if depth > limits::IMAP_SEARCH_DEPTH_MAX {
            return Err(Fault::new("the search keys are nested too deep").with(Code::Limit));
        }
        self.count += 1;
        if self.count > limits::IMAP_SEARCH_KEYS_MAX {
            return Err(Fault::new("there are too many search keys").with(Code::Limit));
        }
        match cursor.peek() {
            Some(b'(') => {
                cursor.eat(b'(');
                let keys = self.together(cursor, depth + 1)?;
                cursor.expect(b')', "a list of search keys has no end")?;
                Ok(keys)
            }
            Some(b'0'..=b'9' | b'*' | b'$') => MessageSet::parse(cursor).map(SearchKey::Messages),
            _ => {
                let name = cursor.word("a search key is missing")?;
                match name.as_str() {
                    "NOT" => {
                        cursor.space()?;
                        Ok(SearchKey::not(self.key(cursor, depth + 1)?))
                    }
                    "OR" => {
                        cursor.space()?;
                        let one = self.key(cursor, depth + 1)?;
                        cursor.space()?;
                        Ok(SearchKey::Or(Box::new(one), Box::new(self.key(cursor, depth + 1)?)))
                    }
                    name => match flag_key(name) {
                        Some(key) => Ok(key),
                        None => self.key_with_argument(cursor, name),
                    },
                }
            }
        }
    }

    /// The keys that have an argument.
    fn key_with_argument(&mut self, cursor: &mut Cursor<'_>, name: &str) -> Parse<SearchKey> {
        if let Some(field) = text_field(name) {
            return Ok(SearchKey::Text(field, self.text(cursor)?));
        }
        if let Some((make, field)) = date_key(name) {
            cursor.space()?;
            return Ok(make(field, date(cursor)?));
        }
        const UNKNOWN: Fault = Fault {
            status: crate::imap::Status::Bad,
            text: Cow::Borrowed("a search key is not known"),
            code: None,
        };
        let known = ["HEADER", "KEYWORD", "UNKEYWORD", "LARGER", "SMALLER", "UID", "MODSEQ"];
        if !known.contains(&name) && !matches!(name, "EMAILID" | "THREADID") {
            return Err(UNKNOWN);
        }
        cursor.space()?;
        Ok(match name {
            "HEADER" => {
                let field = cursor.astring()?.as_ref().into();
                SearchKey::Header(field, self.text(cursor)?)
            }
            "KEYWORD" => SearchKey::keyword(cursor.atom("a keyword is missing")?)?,
            "UNKEYWORD" => {
                SearchKey::not(SearchKey::keyword(cursor.atom("a keyword is missing")?)?)
            }
            "LARGER" => SearchKey::Larger(cursor.number64()?),
            "SMALLER" => SearchKey::Smaller(cursor.number64()?),
            "UID" => SearchKey::Uids(MessageSet::parse(cursor)?),
            "MODSEQ" => mod_seq(cursor)?,
            "EMAILID" => SearchKey::EmailId(object_id(cursor)?),
            "THREADID" => SearchKey::ThreadId(object_id(cursor)?),
            _ => return Err(UNKNOWN),
        })
    }

    /// A space and a text.
    fn text(&mut self, cursor: &mut Cursor<'_>) -> Parse<Box<str>> {
        cursor.space()?;
        self.charset.decode(&cursor.astring()?)
    }
}

/// The keys without an argument.
fn flag_key(name: &str) -> Option<SearchKey> {
    let flag = SearchKey::Flag;
    let unset = |flags| SearchKey::not(flag(flags));
    Some(match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => flag(Flags::ANSWERED),
        "DELETED" => flag(Flags::DELETED),
        "DRAFT" => flag(Flags::DRAFT),
        "FLAGGED" => flag(Flags::FLAGGED),
        "SEEN" => flag(Flags::SEEN),
        "UNANSWERED" => unset(Flags::ANSWERED),
        "UNDELETED" => unset(Flags::DELETED),
        "UNDRAFT" => unset(Flags::DRAFT),
        "UNFLAGGED" => unset(Flags::FLAGGED),
        "UNSEEN" => unset(Flags::SEEN),
        "RECENT" => SearchKey::Recent,
        // RFC 3501 6.4.4: what these two stand for.
        "NEW" => SearchKey::And(vec![SearchKey::Recent, unset(Flags::SEEN)]),
        "OLD" => SearchKey::not(SearchKey::Recent),
        "SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
        _ => return None,
    })
}

fn text_field(name: &str) -> Option<TextField> {
    Some(match name {
        "BCC" => TextField::Bcc,
        "BODY" => TextField::Body,
        "CC" => TextField::Cc,
        "FROM" => TextField::From,
        "SUBJECT" => TextField::Subject,
        "TEXT" => TextField::Text,
        "TO" => TextField::To,
        _ => return None,
    })
}

type DateKey = fn(DateField, super::Date) -> SearchKey;

fn date_key(name: &str) -> Option<(DateKey, DateField)> {
    Some(match name {
        "BEFORE" => (SearchKey::Before, DateField::Internal),
        "ON" => (SearchKey::On, DateField::Internal),
        "SINCE" => (SearchKey::Since, DateField::Internal),
        "SENTBEFORE" => (SearchKey::Before, DateField::Sent),
        "SENTON" => (SearchKey::On, DateField::Sent),
        "SENTSINCE" => (SearchKey::Since, DateField::Sent),
        "SAVEDBEFORE" => (SearchKey::Before, DateField::Saved),
        "SAVEDON" => (SearchKey::On, DateField::Saved),
        "SAVEDSINCE" => (SearchKey::Since, DateField::Saved),
        _ => return None,
    })
}

/// `[entry-name SP entry-type-req SP] mod-sequence-valzer` (RFC 7162 7).
fn mod_seq(cursor: &mut Cursor<'_>) -> Parse<SearchKey> {
    if cursor.peek() == Some(b'"') {
        const PREFIX: &[u8] = b"/flags/";
        let entry = cursor.string()?;
        let head = entry.get(..PREFIX.len()).unwrap_or_default();
        if !head.eq_ignore_ascii_case(PREFIX) || entry.len() == PREFIX.len() {
            return Err(Fault::new("an entry of MODSEQ is not like \"/flags/\\\\draft\""));
        }
        cursor.space()?;
        if !["priv", "shared", "all"].iter().any(|kind| cursor.eat_word(kind)) {
            return Err(Fault::new("an entry of MODSEQ is priv, shared or all"));
        }
        cursor.space()?;
    }
    Ok(SearchKey::ModSeq(ModSeqKey { at_least: cursor.mod_seq()? }))
}

/// `objectid` (RFC 8474 7): ours, or `None` for another that is well written.
fn object_id<T: Object>(cursor: &mut Cursor<'_>) -> Parse<Option<T>> {
    let text = cursor.astring()?;
    let is_good = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-');
    if text.is_empty() || text.len() > 255 || !text.iter().all(is_good) {
        return Err(Fault::new("an object id is letters, digits, _ and -"));
    }
    Ok(std::str::from_utf8(&text).ok().and_then(ObjectId::parse))
}
