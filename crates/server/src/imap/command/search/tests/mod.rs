//! SEARCH against an oracle that is written apart from it.

mod letter;
mod oracle;
mod turns;

use super::super::super::Selected;
use super::criteria::Criterion;
use super::scan::{Scan, Wanted};
use crate::facts::email_facts;
use crate::imap::recent::Recent;
use crate::intake::LargeMessages;
use crate::memory::Budget;
use crate::open::{EngineSettings, OpenStore, StoreSettings};
use crate::system::{Ids, SystemClock};
use crate::test_accounts::create_alice;
use letter::{Letter, WORDS, number};
use oracle::{Mailbox, Truth};
use posthorn_base::time::days_from_civil;
use posthorn_base::{
    AccountId, Clock, EmailId, Flags, Keyword, MailboxId, MailboxName, ModSeq, Random, Time, Uid,
    ZonedTime,
};
use posthorn_message::parse;
use posthorn_proto::imap::value::{
    Date, DateField, MessageSet, ModSeqKey, SearchKey, SequenceNumber, SequenceRange, SequenceSet,
    TextField,
};
use posthorn_store::bodies::BodyWriter;
use posthorn_store::mail::{Append, Appended, FindMailbox, ListKeywords, NewMessage, ReadEmails};
use posthorn_testkit::SimRandom;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A store with an account in it.
struct Place {
    store: OpenStore,
    large: LargeMessages,
    budget: Budget,
    ids: Ids,
    account: AccountId,
    inbox: MailboxId,
    saved_at: Time,
    _dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(dir.path().join("store"), EngineSettings::sqlite(0));
        let clock = SystemClock::new();
        let store = OpenStore::open(&settings, &clock).await.unwrap();
        let (ids, now) = (Ids::new(), clock.now());
        let account: AccountId = ids.next(now);
        create_alice(&store.engine, &ids, account, Vec::new(), now).await;
        let name = FindMailbox::Name(account, MailboxName::inbox());
        let inbox = store.engine.read(&name).await.unwrap().unwrap().id;
        let budget = Budget::default();
        let large = LargeMessages::new(budget.clone()).unwrap();
        // 2026-11-23T23:30:00Z: another day in most zones.
        let saved_at = Time::from_seconds(1_795_476_600);
        Place { store, large, budget, ids, account, inbox, saved_at, _dir: dir }
    }

    async fn append(&self, raw: &[u8], prefix: &[u8], with: With) -> (Uid, EmailId, ModSeq) {
        let message = self.message(raw, prefix, with);
        let email = message.email;
        let appended = self.append_all(vec![message]).await;
        (appended.uids[0], email, appended.modseq)
    }

    async fn append_all(&self, messages: Vec<NewMessage>) -> Appended {
        let (account, mailbox, now) = (self.account, self.inbox, self.saved_at);
        let append = Append { account, mailbox, messages, now, within_quota: true };
        self.store.engine.write(append).await.unwrap()
    }

    fn message(&self, raw: &[u8], prefix: &[u8], with: With) -> NewMessage {
        let parsed = parse(raw);
        let mut facts = email_facts(&parsed, prefix, raw).unwrap();
        if let (true, Some(text)) = (with.has_old_text, facts.text.as_mut()) {
            text.version -= 1;
        }
        let now = self.saved_at;
        let prefix = prefix.to_vec().into();
        let body = BodyWriter::encode(&self.store.files, self.ids.next(now), raw, prefix).unwrap();
        NewMessage {
            arrival: self.ids.next(now),
            email: self.ids.next(now),
            body,
            facts,
            received: with.received,
            flags: with.flags,
            keywords: with.keywords,
            story: None,
        }
    }

    async fn select(&self, recent_from: Uid) -> Selected {
        let views = self.store.hub.views();
        let view = views.open(&self.store.engine, self.account, self.inbox).await.unwrap();
        Selected::new(view, false, Recent::from(recent_from))
    }

    async fn scan<'a>(
        &'a self,
        key: SearchKey,
        selected: &Selected,
        large: &'a LargeMessages,
    ) -> Scan<'a> {
        let engine = &*self.store.engine;
        let keywords = engine.read(&ListKeywords(self.account)).await.unwrap();
        Scan {
            engine,
            files: &self.store.files,
            large,
            budget: &self.budget,
            account: self.account,
            view: Arc::clone(&selected.view),
            criterion: Arc::new(Criterion::new(key, selected, &keywords).unwrap()),
        }
    }

    async fn search(&self, key: SearchKey, selected: &Selected, wanted: Wanted) -> Vec<u32> {
        let scan = self.scan(key, selected, &self.large).await;
        let found = scan.run(wanted, &|| Ok(())).await.unwrap();
        found.into_iter().map(|at| selected.view.get(at).unwrap().uid.get()).collect()
    }
}

/// How a message is appended.
struct With {
    received: ZonedTime,
    flags: Flags,
    keywords: Vec<Keyword>,
    /// The text kept beside it is of an older version.
    has_old_text: bool,
}

const NO_FLAGS: With = With {
    received: ZonedTime { time: Time::EPOCH, offset_minutes: 0 },
    flags: Flags::NONE,
    keywords: Vec::new(),
    has_old_text: false,
};

const KEYWORDS: [&str; 3] = ["Later", "project-x", "$custom"];
const FLAGS: [Flags; 4] = [Flags::SEEN, Flags::FLAGGED, Flags::DELETED, Flags::JUNK];

/// A time around the end of a day, with the day on which it was where it was.
fn date(random: &mut SimRandom) -> (ZonedTime, (u16, u8, u8)) {
    let day = 20 + u8::try_from(random.up_to(5)).unwrap();
    let (hour, minute) = (random.up_to(23), random.up_to(59));
    let offset_minutes = *random.pick(&[0, 60, -480, 840, -90]).unwrap();
    let local = days_from_civil(2024, 2, day) * 86_400;
    let local = local + i64::try_from(hour * 3600 + minute * 60).unwrap();
    let time = Time::from_seconds(local - i64::from(offset_minutes) * 60);
    (ZonedTime { time, offset_minutes }, (2024, 2, day))
}

async fn fill(place: &Place, count: u32, random: &mut SimRandom) -> Vec<Truth> {
    let mut truths = Vec::new();
    for _ in 0..count {
        let sent = (!random.one_in(5)).then(|| date(random));
        let letter = Letter::write(random, sent.map(|(date, _)| date.to_string()).as_deref());
        let (received, received_day) = date(random);
        let flags = FLAGS.into_iter().filter(|_| random.one_in(3));
        let flags = flags.fold(Flags::NONE, Flags::with);
        let keywords: Vec<&str> = KEYWORDS.into_iter().filter(|_| random.one_in(4)).collect();
        let with = With {
            received,
            flags,
            keywords: keywords.iter().map(|name| Keyword::parse(name).unwrap()).collect(),
            has_old_text: random.one_in(8),
        };
        let (uid, email, modseq) = place.append(&letter.raw, &letter.prefix, with).await;
        let read = ReadEmails { account: place.account, emails: vec![email] };
        let thread = place.store.engine.read(&read).await.unwrap()[0].thread;
        truths.push(Truth {
            letter,
            number: u32::try_from(truths.len()).unwrap() + 1,
            uid,
            flags,
            keywords,
            modseq,
            email,
            thread,
            received: received_day,
            sent: sent.map(|(_, day)| day),
            saved: (2026, 11, 23),
            is_recent: false,
        });
    }
    truths
}

/// Draws keys that some messages meet and others don't.
struct Keys<'a> {
    truths: &'a [Truth],
}

impl Keys<'_> {
    fn draw(&self, random: &mut SimRandom, depth: usize) -> SearchKey {
        let drawn = random.up_to(if depth < 3 { 14 } else { 10 });
        match drawn {
            0 => SearchKey::Flag(*random.pick(&FLAGS).unwrap()),
            1 => match random.up_to(5) {
                0 => SearchKey::All,
                1 => SearchKey::Recent,
                2 => SearchKey::Larger(self.size(random)),
                3 => SearchKey::Smaller(self.size(random)),
                4 => SearchKey::ModSeq(ModSeqKey { at_least: self.one(random).modseq }),
                _ => SearchKey::Keyword(self.keyword(random)),
            },
            2 => match random.up_to(3) {
                0 => SearchKey::EmailId(Some(self.one(random).email)),
                1 => SearchKey::ThreadId(Some(self.one(random).thread)),
                2 => SearchKey::Uids(self.set(random)),
                _ => SearchKey::Messages(self.set(random)),
            },
            3 => self.day(random),
            4..=6 => SearchKey::Text(self.field(random), self.query(random).into()),
            7 | 8 => {
                let names = ["subject", "FROM", "X-Foo", "x-empty", "Content-Type", "comments"];
                let name = random.pick(&names).unwrap().as_bytes().into();
                let query = if random.one_in(4) { String::new() } else { self.query(random) };
                SearchKey::Header(name, query.into())
            }
            9 | 10 => SearchKey::Text(TextField::Body, self.query(random).into()),
            11 => SearchKey::Not(Box::new(self.draw(random, depth + 1))),
            12 | 13 => SearchKey::Or(
                Box::new(self.draw(random, depth + 1)),
                Box::new(self.draw(random, depth + 1)),
            ),
            _ => {
                let count = 1 + random.up_to(3);
                SearchKey::And((0..count).map(|_| self.draw(random, depth + 1)).collect())
            }
        }
    }

    fn one(&self, random: &mut SimRandom) -> &Truth {
        random.pick(self.truths).unwrap()
    }

    fn size(&self, random: &mut SimRandom) -> u64 {
        (self.one(random).letter.raw.len() as u64).saturating_add(random.up_to(2))
    }

    fn keyword(&self, random: &mut SimRandom) -> Keyword {
        let names = ["LATER", "Project-X", "$custom", "nobody-has-it"];
        Keyword::parse(random.pick(&names).unwrap()).unwrap()
    }

    fn set(&self, random: &mut SimRandom) -> MessageSet {
        if random.one_in(4) {
            return MessageSet::Saved;
        }
        let most = self.truths.len() as u64;
        let end = |random: &mut SimRandom| match random.one_in(8) {
            true => SequenceNumber::Star,
            false => {
                let number = 1 + number(random, most);
                SequenceNumber::Number(NonZeroU32::new(u32::try_from(number).unwrap()).unwrap())
            }
        };
        let count = 1 + random.up_to(2);
        let ranges = (0..count).map(|_| SequenceRange { from: end(random), to: end(random) });
        MessageSet::Numbers(SequenceSet { ranges: ranges.collect() })
    }

    fn day(&self, random: &mut SimRandom) -> SearchKey {
        let field =
            *random.pick(&[DateField::Internal, DateField::Sent, DateField::Saved]).unwrap();
        let (year, month, day) = match field {
            DateField::Saved => (2026, 11, 22 + u8::try_from(random.up_to(2)).unwrap()),
            _ => (2024, 2, 19 + u8::try_from(random.up_to(7)).unwrap()),
        };
        let date = Date { year, month, day };
        match random.up_to(2) {
            0 => SearchKey::Before(field, date),
            1 => SearchKey::On(field, date),
            _ => SearchKey::Since(field, date),
        }
    }

    fn field(&self, random: &mut SimRandom) -> TextField {
        use TextField::{Bcc, Cc, From, Subject, Text, To};
        *random.pick(&[Bcc, Cc, From, Subject, To, Text, Text, Text]).unwrap()
    }

    /// Something that stands somewhere, or nearly.
    fn query(&self, random: &mut SimRandom) -> String {
        let letter = &self.one(random).letter;
        let texts: Vec<&str> = letter
            .texts
            .iter()
            .chain(letter.own.iter().chain(&letter.inner).map(|(_, value)| value))
            .map(String::as_str)
            .chain(WORDS.iter().copied())
            .collect();
        let text = *random.pick(&texts).unwrap();
        let characters: Vec<char> = text.chars().collect();
        let from = number(random, characters.len().max(1) as u64);
        let count = 1 + number(random, 12);
        let some: String = characters.iter().skip(from).take(count).collect();
        match random.up_to(5) {
            0 => some.to_uppercase(),
            1 => some.to_lowercase(),
            2 => some.replace(' ', " \t "),
            3 => format!("{some}{}", random.pick(&["", " ", "q", "\u{301}"]).unwrap()),
            4 => format!("{}{some}", random.pick(&[" ", "\u{200b}", "\u{ad} "]).unwrap()),
            _ => some,
        }
    }
}

async fn compare(seed: u64, messages: u32, queries: usize) {
    let random = &mut SimRandom::from_seed(seed);
    let place = Place::new().await;
    let mut truths = fill(&place, messages, random).await;
    let recent_from = Uid::new(messages / 3).unwrap();
    for truth in &mut truths {
        truth.is_recent = truth.uid >= recent_from;
    }
    let mut selected = place.select(recent_from).await;
    selected.saved = truths.iter().map(|truth| truth.uid).filter(|_| random.one_in(3)).collect();
    let saved = selected.saved.clone();
    let greatest = truths.last().unwrap().uid.get();
    let mailbox = Mailbox { count: messages, greatest, saved: &saved };
    let (mut some, mut found_in_all) = (0, 0);
    for _ in 0..queries {
        let key = Keys { truths: &truths }.draw(random, 0);
        let meets = truths.iter().filter(|truth| truth.meets(&key, mailbox));
        let want: Vec<u32> = meets.map(|truth| truth.uid.get()).collect();
        let got = place.search(key.clone(), &selected, Wanted::All).await;
        if got != want {
            let differs = truths.iter().find(|truth| {
                let uid = truth.uid.get();
                got.contains(&uid) != want.contains(&uid)
            });
            let raw = differs.map(|t| String::from_utf8_lossy(&t.letter.raw).into_owned());
            panic!("{key:?}\n got {got:?}\nwant {want:?}\n{differs:#?}\n{}", raw.unwrap());
        }
        let first = place.search(key.clone(), &selected, Wanted::First).await;
        assert_eq!(first.first(), want.first(), "{key:?}");
        let last = place.search(key, &selected, Wanted::Last).await;
        assert_eq!(last.last(), want.last());
        some += usize::from(!want.is_empty() && want.len() < truths.len());
        found_in_all += want.len();
    }
    // Queries that find nothing or everything prove little.
    assert!(some * 3 > queries, "{some} of {queries} found some, {found_in_all} in all");
}

#[tokio::test]
async fn answers_are_those_of_the_oracle() {
    let first = SimRandom::from_environment_or(1).seed();
    for seed in first..first + 3 {
        compare(seed, 100, 400).await;
    }
}

/// A text that is too long to be kept whole is searched whole.
#[tokio::test]
async fn a_long_text_is_searched_to_its_end() {
    let place = Place::new().await;
    let line = b"all work and no play makes the search a long one\r\n";
    let lines = posthorn_base::limits::SEARCH_TEXT_BYTES_MAX / line.len() + 100;
    let mut raw = b"Subject: long\r\nFrom: begin@c.example\r\n\r\nbegin\r\n".to_vec();
    raw.extend(line.repeat(lines));
    raw.extend_from_slice(b"the END\r\n");
    let (long, ..) = place.append(&raw, b"", NO_FLAGS).await;
    place.append(b"Subject: short\r\n\r\nbegin and end\r\n", b"", NO_FLAGS).await;
    let selected = place.select(Uid::MAX).await;
    let long = vec![long.get()];
    let text = |field, query: &str| SearchKey::Text(field, query.into());
    for (key, want) in [
        (text(TextField::Body, "the end"), &long),
        (text(TextField::Text, "no play makes"), &long),
        (text(TextField::Body, "one begin"), &Vec::new()),
        (text(TextField::From, "BEGIN@"), &long),
        (text(TextField::Subject, "lon"), &long),
        (SearchKey::Header(b"X-None".as_slice().into(), "".into()), &Vec::new()),
    ] {
        assert_eq!(&place.search(key.clone(), &selected, Wanted::All).await, want, "{key:?}");
    }
}

/// Prints how many messages of about 4 KiB a search for a text looks through in a second, on one
/// thread. To be run in a release build.
#[tokio::test]
#[ignore = "a measurement"]
async fn speed() {
    const MESSAGES: usize = 20_000;
    let random = &mut SimRandom::from_seed(1);
    let place = Place::new().await;
    let words: Vec<String> = (0..5000)
        .map(|_| {
            (0..3 + random.up_to(6)).map(|_| char::from(b'a' + (random.up_to(25) as u8))).collect()
        })
        .collect();
    let (account, mailbox, now) = (place.account, place.inbox, place.saved_at);
    for step in 0..MESSAGES / 100 {
        let mut messages = Vec::new();
        for at in 0..100 {
            let mut raw = format!(
                "Received: from mx{at}.c.example by mail.example; {step}\r\nFrom: a{at}@c.example\r\n\
                 To: alice@example.com\r\nSubject: number {step} {at}\r\nMIME-Version: 1.0\r\n\
                 Content-Type: text/plain; charset=utf-8\r\n\r\n"
            );
            while raw.len() < 4096 {
                let end = if random.one_in(10) { "\r\n" } else { " " };
                raw.push_str(random.pick(&words).unwrap());
                raw.push_str(end);
            }
            let parsed = parse(raw.as_bytes());
            let facts = email_facts(&parsed, b"", raw.as_bytes()).unwrap();
            let files = &place.store.files;
            let body =
                BodyWriter::encode(files, place.ids.next(now), raw.as_bytes(), bytes::Bytes::new());
            messages.push(NewMessage {
                arrival: place.ids.next(now),
                email: place.ids.next(now),
                body: body.unwrap(),
                facts,
                received: NO_FLAGS.received,
                flags: Flags::NONE,
                keywords: Vec::new(),
                story: None,
            });
        }
        let append = Append { account, mailbox, messages, now, within_quota: true };
        place.store.engine.write(append).await.unwrap();
    }
    let selected = place.select(Uid::MAX).await;
    let text = |field, query: &str| SearchKey::Text(field, query.into());
    for (name, key) in [
        ("BODY", text(TextField::Body, "qzqzqz")),
        ("TEXT", text(TextField::Text, "qzqzqz")),
        ("FROM", text(TextField::From, "a7@c.example")),
        ("SENTSINCE", SearchKey::Since(DateField::Sent, Date { year: 2024, month: 1, day: 1 })),
        ("UNSEEN", SearchKey::Not(Box::new(SearchKey::Flag(Flags::SEEN)))),
    ] {
        for _ in 0..3 {
            let started = std::time::Instant::now();
            let found = place.search(key.clone(), &selected, Wanted::All).await;
            let took = started.elapsed();
            let each = took.as_secs_f64() / MESSAGES as f64;
            eprintln!("{name}: {:.0} a second, {} found, {took:?}", 1.0 / each, found.len());
        }
    }
}
