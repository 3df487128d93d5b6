//! What SEARCH must find, said as simply as possible and without the code that is tested: every
//! key is asked of every message, over the texts that the message was written from.

use super::letter::Letter;
use posthorn_base::{EmailId, Flags, ModSeq, ThreadId, Uid};
use posthorn_proto::imap::value::{
    Date, DateField, MessageSet, SearchKey, SequenceNumber, SequenceSet, TextField,
};
use unicode_normalization::UnicodeNormalization;

/// A message and everything that is known of it.
#[derive(Debug)]
pub(super) struct Truth {
    pub(super) letter: Letter,
    pub(super) number: u32,
    pub(super) uid: Uid,
    pub(super) flags: Flags,
    pub(super) keywords: Vec<&'static str>,
    pub(super) modseq: ModSeq,
    pub(super) email: EmailId,
    pub(super) thread: ThreadId,
    /// Year, month and day.
    pub(super) received: (u16, u8, u8),
    pub(super) sent: Option<(u16, u8, u8)>,
    pub(super) saved: (u16, u8, u8),
    pub(super) is_recent: bool,
}

/// The mailbox around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mailbox<'a> {
    pub(super) count: u32,
    pub(super) greatest: u32,
    pub(super) saved: &'a [Uid],
}

/// RFC 5051 and what the documentation adds: decomposed, without case, white space one space, what
/// nobody sees left out.
fn folded(text: &str) -> String {
    let seen = |c: &char| {
        let is_joiner = matches!(*c, '\u{ad}' | '\u{2060}' | '\u{feff}' | '\u{200b}'..='\u{200f}');
        !is_joiner && !matches!(*c, '\u{fe00}'..='\u{fe0f}')
    };
    let lower = |c: char| c.to_uppercase().flat_map(char::to_lowercase);
    text.nfkd().filter(seen).flat_map(lower).nfkd().collect()
}

/// A query is in a text when it is in it with white space around it.
fn contains(text: &str, query: &str) -> bool {
    let spaced = |text: &str, edge: &str| {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        format!("{edge}{}{edge}", words.join(" "))
    };
    let text = spaced(&folded(text), " ");
    let query = folded(query);
    let mut wanted = spaced(&query, "");
    if wanted.is_empty() {
        return true;
    }
    if query.starts_with(char::is_whitespace) {
        wanted.insert(0, ' ');
    }
    if query.ends_with(char::is_whitespace) {
        wanted.push(' ');
    }
    text.contains(&wanted)
}

impl Truth {
    fn size(&self) -> u64 {
        (self.letter.prefix.len() + self.letter.raw.len()) as u64
    }

    fn field(&self, name: &str, query: &str) -> bool {
        let fields = self.letter.own.iter();
        fields.clone().any(|(n, value)| n.eq_ignore_ascii_case(name) && contains(value, query))
    }

    fn text(&self, field: TextField, query: &str) -> bool {
        let in_texts = || self.letter.texts.iter().any(|text| contains(text, query));
        let in_fields = || {
            let fields = self.letter.own.iter().chain(&self.letter.inner);
            fields.clone().any(|(name, value)| contains(&format!("{name}: {value}"), query))
        };
        match field {
            TextField::Body => in_texts() || contains("", query),
            TextField::Text => in_texts() || in_fields() || contains("", query),
            TextField::Bcc => self.field("Bcc", query),
            TextField::Cc => self.field("Cc", query),
            TextField::From => self.field("From", query),
            TextField::Subject => self.field("Subject", query),
            TextField::To => self.field("To", query),
        }
    }

    fn date(&self, field: DateField) -> Option<(u16, u8, u8)> {
        match field {
            DateField::Internal => Some(self.received),
            DateField::Sent => self.sent,
            DateField::Saved => Some(self.saved),
        }
    }

    pub(super) fn meets(&self, key: &SearchKey, mailbox: Mailbox<'_>) -> bool {
        let day = |date: &Date| (date.year, date.month, date.day);
        match key {
            SearchKey::All | SearchKey::SaveDateSupported => true,
            SearchKey::Messages(MessageSet::Saved) | SearchKey::Uids(MessageSet::Saved) => {
                mailbox.saved.contains(&self.uid)
            }
            SearchKey::Messages(MessageSet::Numbers(set)) => holds(set, self.number, mailbox.count),
            SearchKey::Uids(MessageSet::Numbers(set)) => {
                holds(set, self.uid.get(), mailbox.greatest)
            }
            SearchKey::Flag(flags) => self.flags.contains(*flags),
            SearchKey::Keyword(keyword) => {
                self.keywords.iter().any(|known| known.eq_ignore_ascii_case(keyword.as_str()))
            }
            SearchKey::Recent => self.is_recent,
            SearchKey::Text(field, query) => self.text(*field, query),
            SearchKey::Header(name, query) => self.field(std::str::from_utf8(name).unwrap(), query),
            SearchKey::Before(field, date) => self.date(*field).is_some_and(|d| d < day(date)),
            SearchKey::On(field, date) => self.date(*field) == Some(day(date)),
            SearchKey::Since(field, date) => self.date(*field).is_some_and(|d| d >= day(date)),
            SearchKey::Larger(octets) => self.size() > *octets,
            SearchKey::Smaller(octets) => self.size() < *octets,
            SearchKey::ModSeq(key) => self.modseq >= key.at_least,
            SearchKey::EmailId(id) => *id == Some(self.email),
            SearchKey::ThreadId(id) => *id == Some(self.thread),
            SearchKey::Not(key) => !self.meets(key, mailbox),
            SearchKey::Or(a, b) => self.meets(a, mailbox) || self.meets(b, mailbox),
            SearchKey::And(keys) => keys.iter().all(|key| self.meets(key, mailbox)),
        }
    }
}

fn holds(set: &SequenceSet, number: u32, greatest: u32) -> bool {
    set.ranges.iter().any(|range| {
        let number_of = |end: SequenceNumber| match end {
            SequenceNumber::Number(number) => number.get(),
            SequenceNumber::Star => greatest,
        };
        let (a, b) = (number_of(range.from), number_of(range.to));
        (a.min(b)..=a.max(b)).contains(&number)
    })
}
