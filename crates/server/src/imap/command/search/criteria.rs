//! The keys of a SEARCH, made ready to be asked of many messages.
//!
//! A key is asked with what is known of a message so far: its answer is yes, no, or not known yet.
//! What is cheap to know is asked first, so that most messages are decided before anything is read
//! for them.

use super::text::TextTest;
use crate::imap::Selected;
use crate::imap::recent::Recent;
use posthorn_base::time::days_from_civil;
use posthorn_base::{EmailId, Flags, Keyword, ModSeq, ThreadId, ZonedTime};
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::value::{
    Date, DateField, MessageSet, SearchKey, SequenceNumber, TextField,
};
use posthorn_store::mail::{KeywordSet, MessageDates, UnpackedText};
use posthorn_store::view::Entry;
use std::ops::Range;

/// What must be read of a message to answer a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cost {
    /// Nothing: the view knows.
    View,
    /// Its dates.
    Dates,
    /// Its texts.
    Text,
}

/// A criterion.
#[derive(Debug)]
pub(super) enum Criterion {
    /// For all messages or none.
    Fixed(bool),
    /// Those at these positions of the view: rising, apart from each other.
    At(Vec<Range<usize>>),
    /// All of these are set.
    Flags(Flags),
    /// This number of the account's dictionary is set.
    Keyword(u32),
    /// \Recent in this session.
    Recent(Recent),
    /// More octets.
    Larger(u64),
    /// Fewer octets.
    Smaller(u64),
    /// Changed at this or later.
    ModSeq(ModSeq),
    /// This email.
    Email(EmailId),
    /// Of this conversation.
    Thread(ThreadId),
    /// A day, days since 1970: that day, or before, or since.
    Day(DateField, Days),
    /// A text.
    Text(Box<TextTest>),
    /// The opposite.
    Not(Box<Criterion>),
    /// All of them; the cheapest first.
    And(Vec<Criterion>),
    /// One of them at least; the cheapest first.
    Or(Vec<Criterion>),
}

/// Days since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Days {
    Before(i64),
    On(i64),
    Since(i64),
}

/// What is known of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) position: usize,
    pub(super) entry: Entry,
    pub(super) keywords: &'a KeywordSet,
    pub(super) dates: Option<MessageDates>,
    pub(super) text: Option<UnpackedText<'a>>,
}

impl Criterion {
    /// Makes a key ready. `keywords`: the account's dictionary.
    ///
    /// # Errors
    /// BAD for a sequence number that no message has.
    pub(super) fn new(
        key: SearchKey,
        selected: &Selected,
        keywords: &[(u32, Keyword)],
    ) -> Result<Self, Completion> {
        let days = |date: Date| days_from_civil(i64::from(date.year), date.month, date.day);
        let next = |key| Criterion::new(key, selected, keywords);
        Ok(match key {
            SearchKey::All | SearchKey::SaveDateSupported => Criterion::Fixed(true),
            // RFC 3501 9 has BAD for `*` in an empty mailbox; `1:*` is how clients say all, and of
            // those there are none.
            SearchKey::Messages(set) if selected.view.is_empty() && has_star(&set) => {
                Criterion::Fixed(false)
            }
            SearchKey::Messages(set) => Criterion::At(selected.ranges(&set, false)?),
            SearchKey::Uids(set) => Criterion::At(selected.ranges(&set, true)?),
            SearchKey::Flag(flags) => Criterion::Flags(flags),
            SearchKey::Keyword(keyword) => {
                let key = keyword.key();
                let found = keywords.iter().find(|(_, known)| known.key() == key);
                found.map_or(Criterion::Fixed(false), |(number, _)| Criterion::Keyword(*number))
            }
            SearchKey::Recent => Criterion::Recent(selected.recent().clone()),
            SearchKey::Text(field, query) => text(field, &query),
            SearchKey::Header(name, query) => {
                Criterion::Text(Box::new(TextTest::field(&name, &query)))
            }
            SearchKey::Before(field, date) => Criterion::Day(field, Days::Before(days(date))),
            SearchKey::On(field, date) => Criterion::Day(field, Days::On(days(date))),
            SearchKey::Since(field, date) => Criterion::Day(field, Days::Since(days(date))),
            SearchKey::Larger(octets) => Criterion::Larger(octets),
            SearchKey::Smaller(octets) => Criterion::Smaller(octets),
            SearchKey::ModSeq(key) => Criterion::ModSeq(key.at_least),
            SearchKey::EmailId(id) => id.map_or(Criterion::Fixed(false), Criterion::Email),
            SearchKey::ThreadId(id) => id.map_or(Criterion::Fixed(false), Criterion::Thread),
            SearchKey::Not(key) => Criterion::Not(Box::new(next(*key)?)),
            SearchKey::Or(a, b) => Criterion::Or(by_cost(vec![next(*a)?, next(*b)?])),
            SearchKey::And(keys) => {
                let criteria: Result<Vec<_>, _> = keys.into_iter().map(next).collect();
                Criterion::And(by_cost(criteria?))
            }
        })
    }

    /// The most that must be read to be sure of an answer.
    pub(super) fn cost(&self) -> Cost {
        match self {
            Criterion::Thread(_) | Criterion::Day(..) => Cost::Dates,
            Criterion::Text(_) => Cost::Text,
            Criterion::Not(criterion) => criterion.cost(),
            Criterion::And(criteria) | Criterion::Or(criteria) => {
                criteria.iter().map(Criterion::cost).max().unwrap_or(Cost::View)
            }
            _ => Cost::View,
        }
    }

    /// True when dates are looked at somewhere.
    pub(super) fn has_dates(&self) -> bool {
        match self {
            Criterion::Thread(_) | Criterion::Day(..) => true,
            Criterion::Not(criterion) => criterion.has_dates(),
            Criterion::And(criteria) | Criterion::Or(criteria) => {
                criteria.iter().any(Criterion::has_dates)
            }
            _ => false,
        }
    }

    /// How many criteria there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Criterion::Not(criterion) => 1 + criterion.count(),
            Criterion::And(criteria) | Criterion::Or(criteria) => {
                1 + criteria.iter().map(Criterion::count).sum::<usize>()
            }
            _ => 1,
        }
    }

    /// Whether a message meets it; `None` when that is not known yet.
    pub(super) fn ask(&self, known: &Known<'_>) -> Option<bool> {
        let entry = &known.entry;
        match self {
            Criterion::Fixed(answer) => Some(*answer),
            Criterion::At(ranges) => {
                let behind = ranges.partition_point(|range| range.end <= known.position);
                Some(ranges.get(behind).is_some_and(|range| range.contains(&known.position)))
            }
            Criterion::Flags(flags) => Some(entry.flags.contains(*flags)),
            Criterion::Keyword(number) => Some(known.keywords.contains(*number)),
            Criterion::Recent(recent) => Some(recent.contains(entry.uid)),
            Criterion::Larger(octets) => Some(u64::from(entry.size) > *octets),
            Criterion::Smaller(octets) => Some(u64::from(entry.size) < *octets),
            Criterion::ModSeq(modseq) => Some(entry.modseq >= *modseq),
            Criterion::Email(email) => Some(entry.email == *email),
            Criterion::Thread(thread) => known.dates.map(|dates| dates.thread == *thread),
            Criterion::Day(field, days) => known.dates.map(|dates| days.hold(*field, &dates)),
            Criterion::Text(test) => known.text.and_then(|text| test.find(text)),
            Criterion::Not(criterion) => criterion.ask(known).map(|answer| !answer),
            Criterion::And(criteria) => all(criteria.iter().map(|one| one.ask(known)), true),
            Criterion::Or(criteria) => all(criteria.iter().map(|one| one.ask(known)), false),
        }
    }
}

/// `usual`, when all answers are; the opposite, when one answer is that.
fn all(answers: impl Iterator<Item = Option<bool>>, usual: bool) -> Option<bool> {
    let mut result = Some(usual);
    for answer in answers {
        match answer {
            Some(answer) if answer != usual => return Some(answer),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn has_star(set: &MessageSet) -> bool {
    let MessageSet::Numbers(set) = set else { return false };
    set.ranges.iter().any(|range| [range.from, range.to].contains(&SequenceNumber::Star))
}

fn by_cost(mut criteria: Vec<Criterion>) -> Vec<Criterion> {
    criteria.sort_by_cached_key(Criterion::cost);
    criteria
}

fn text(field: TextField, query: &str) -> Criterion {
    let test = match field {
        TextField::Body => TextTest::body(query),
        TextField::Text => TextTest::everywhere(query),
        TextField::Bcc => TextTest::field(b"bcc", query),
        TextField::Cc => TextTest::field(b"cc", query),
        TextField::From => TextTest::field(b"from", query),
        TextField::Subject => TextTest::field(b"subject", query),
        TextField::To => TextTest::field(b"to", query),
    };
    if test.is_trivial() { Criterion::Fixed(true) } else { Criterion::Text(Box::new(test)) }
}

impl Days {
    /// RFC 3501 6.4.4: the day is that of the place where it was written down. A message without a
    /// date was sent on no day, and neither before nor since any.
    fn hold(self, field: DateField, dates: &MessageDates) -> bool {
        let day = match field {
            DateField::Internal => Some(local_day(dates.received)),
            DateField::Sent => dates.sent.map(local_day),
            // FETCH SAVEDATE shows it in UTC.
            DateField::Saved => Some(dates.saved_at.day()),
        };
        day.is_some_and(|day| match self {
            Days::Before(than) => day < than,
            Days::On(than) => day == than,
            Days::Since(than) => day >= than,
        })
    }
}

fn local_day(date: ZonedTime) -> i64 {
    let local = date.time.millis().saturating_add(i64::from(date.offset_minutes) * 60_000);
    local.div_euclid(86_400_000)
}
