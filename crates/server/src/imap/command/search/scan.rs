//! Asks the messages of a mailbox, stage by stage: what the view knows, then their dates, then
//! their texts, each read only for those that are not decided yet.
//!
//! Invariants
//! * What is read at once is bounded, and texts in memory are covered by the budget.
//! * Between two pages other sessions have their turn, and each page waits for its own: accounts
//!   are served one after the other, however many searches each has going. Texts are looked through
//!   by the threads for large messages, never by those that serve connections.
//! * When the client is gone, the search ends with the page it is at.

use super::criteria::{Cost, Criterion, Known};
use super::whole::WholeMessages;
use crate::conn::CloseReason;
use crate::imap::context::Fault;
use crate::intake::LargeMessages;
use crate::memory::Budget;
use crate::turns::Turn;
use posthorn_base::{AccountId, EmailId, limits};
use posthorn_message::text::SEARCH_TEXT_VERSION;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::Engine;
use posthorn_store::bodies::BodyFiles;
use posthorn_store::mail::{MessageDates, ReadDates, ReadTexts, SearchText, UnpackedText};
use posthorn_store::view::{Entry, View};
use std::ops::Range;
use std::sync::Arc;
use tokio::time::Instant;

/// Tests that a view is asked before others have their turn: a few milliseconds.
const TESTS_AT_ONCE: usize = 100_000;
/// Messages asked at once when the first that is found is the answer.
const FEW: usize = 256;
/// Messages whose dates are read at once.
const DATES_PAGE: usize = 1000;
/// Messages whose texts are read at once ...
const TEXTS_PAGE: usize = 256;
/// ... and about how many octets of text.
const TEXTS_PAGE_BYTES: usize = 1024 * 1024;

/// Says whether somebody still waits for the answer.
pub(super) type IsThere<'a> = dyn Fn() -> Result<(), CloseReason> + Send + Sync + 'a;

/// Which of the messages found are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    First,
    Last,
}

/// A search over one view.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) engine: &'a Engine,
    pub(super) files: &'a BodyFiles,
    pub(super) large: &'a LargeMessages,
    pub(super) budget: &'a Budget,
    pub(super) account: AccountId,
    pub(super) view: Arc<View>,
    pub(super) criterion: Arc<Criterion>,
}

/// A message that is not decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) position: usize,
    pub(super) entry: Entry,
    pub(super) dates: Option<MessageDates>,
}

impl Candidate {
    /// Whether it meets the criterion, when this is its text.
    pub(super) fn ask(
        &self,
        view: &View,
        criterion: &Criterion,
        text: Option<UnpackedText<'_>>,
    ) -> Option<bool> {
        let Candidate { position, entry, dates } = *self;
        let keywords = view.keywords(&entry);
        criterion.ask(&Known { position, entry, keywords, dates, text })
    }
}

/// Sorts answers into those that are found and those that are not known.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    found: Vec<usize>,
    open: Vec<Candidate>,
}

impl Sorted {
    fn sort(&mut self, candidate: Candidate, answer: Option<bool>) {
        match answer {
            Some(true) => self.found.push(candidate.position),
            Some(false) => {}
            None => self.open.push(candidate),
        }
    }
}

impl Scan<'_> {
    /// The positions of the messages that are found, rising. `is_there` is asked between pages
    /// whether anybody still wants to know.
    ///
    /// # Errors
    /// The store's, that of `is_there`, and NO when there is no memory for texts in time.
    pub(super) async fn run(
        &self,
        wanted: Wanted,
        is_there: &IsThere<'_>,
    ) -> Result<Vec<usize>, Fault> {
        let mut all = Vec::new();
        let mut left = 0..self.view.len();
        while !left.is_empty() {
            let page = self.next_page(&mut left, wanted);
            let mut found = self.page(page, is_there).await?;
            found.sort_unstable();
            match wanted {
                Wanted::All => all.append(&mut found),
                Wanted::First if !found.is_empty() => return Ok(vec![found.swap_remove(0)]),
                Wanted::Last if !found.is_empty() => return Ok(found.pop().into_iter().collect()),
                Wanted::First | Wanted::Last => {}
            }
            tokio::task::yield_now().await;
        }
        Ok(all)
    }

    fn next_page(&self, left: &mut Range<usize>, wanted: Wanted) -> Range<usize> {
        let mut size = (TESTS_AT_ONCE / self.criterion.count()).max(1);
        if wanted != Wanted::All && self.criterion.cost() != Cost::View {
            size = size.min(FEW);
        }
        let size = size.min(left.len());
        let page = match wanted {
            Wanted::All | Wanted::First => left.start..left.start + size,
            Wanted::Last => left.end - size..left.end,
        };
        *left = if wanted == Wanted::Last { left.start..page.start } else { page.end..left.end };
        page
    }

    async fn page(&self, page: Range<usize>, is_there: &IsThere<'_>) -> Result<Vec<usize>, Fault> {
        let slice = self.slice(is_there).await?;
        let mut sorted = self.ask_view(page);
        drop(slice);
        if self.criterion.has_dates() {
            let open = std::mem::take(&mut sorted.open);
            for some in open.chunks(DATES_PAGE) {
                let _slice = self.slice(is_there).await?;
                self.read_dates(some, &mut sorted).await?;
            }
        }
        let open = std::mem::take(&mut sorted.open);
        let mut rest = open.as_slice();
        while !rest.is_empty() {
            let _slice = self.slice(is_there).await?;
            let (some, behind) = rest.split_at(texts_page(rest));
            rest = behind;
            self.read_texts(some, &mut sorted).await?;
        }
        for candidate in std::mem::take(&mut sorted.open) {
            is_there()?;
            if self.whole_messages().meets(self, candidate).await? {
                sorted.found.push(candidate.position);
            }
        }
        Ok(sorted.found)
    }

    /// A turn among the accounts that search. By then the client may have gone.
    async fn slice(&self, is_there: &IsThere<'_>) -> Result<Turn, Fault> {
        let turn = self.large.slice(self.account).await;
        is_there()?;
        Ok(turn)
    }

    fn ask_view(&self, page: Range<usize>) -> Sorted {
        let mut sorted = Sorted::default();
        for position in page {
            let Some(entry) = self.view.get(position).copied() else { break };
            let candidate = Candidate { position, entry, dates: None };
            sorted.sort(candidate, candidate.ask(&self.view, &self.criterion, None));
        }
        sorted
    }

    fn whole_messages(&self) -> WholeMessages<'_> {
        WholeMessages { engine: self.engine, files: self.files, large: self.large }
    }

    async fn read_dates(&self, some: &[Candidate], sorted: &mut Sorted) -> Result<(), Fault> {
        let uids = some.iter().map(|candidate| candidate.entry.uid).collect();
        let mailbox = self.view.mailbox().id;
        let read = ReadDates { account: self.account, mailbox, uids };
        let mut dates = self.engine.read(&read).await?.into_iter().peekable();
        for candidate in some {
            let uid = candidate.entry.uid;
            while dates.next_if(|dates| dates.uid < uid).is_some() {}
            // It was expunged behind the client's back: RFC 3501 6.4.4 wants what meets the
            // criteria, and this meets none any more.
            let Some(dates) = dates.next_if(|dates| dates.uid == uid) else { continue };
            let candidate = Candidate { dates: Some(dates), ..*candidate };
            sorted.sort(candidate, candidate.ask(&self.view, &self.criterion, None));
        }
        Ok(())
    }

    async fn read_texts(&self, some: &[Candidate], sorted: &mut Sorted) -> Result<(), Fault> {
        // Packed and unpacked.
        let memory = some.iter().map(weight).sum::<usize>().saturating_mul(2);
        let deadline = Instant::now() + limits::LARGE_MESSAGE_WAIT_MAX;
        let memory = memory.min(self.budget.bytes());
        let permit = self.budget.acquire(memory, deadline).await.map_err(|_| busy())?;
        let emails: Vec<EmailId> = some.iter().map(|candidate| candidate.entry.email).collect();
        let texts = self.engine.read(&ReadTexts { account: self.account, emails }).await?;
        let (view, criterion) = (Arc::clone(&self.view), Arc::clone(&self.criterion));
        let some = some.to_vec();
        let work = move || {
            let _covered = permit;
            look_through(&some, &texts, &view, &criterion)
        };
        let Sorted { found, open } = self.large.run(work).await.map_err(|_| broken())?;
        sorted.found.extend(found);
        sorted.open.extend(open);
        Ok(())
    }
}

/// The search cannot have the memory it needs.
pub(super) fn busy() -> Completion {
    Completion::no("too much is being searched at the moment, try again later")
        .with(Code::Unavailable)
}

/// The work of a search has panicked.
pub(super) fn broken() -> Completion {
    Completion::no("the search failed").with(Code::ServerBug)
}

/// Octets of text that a message is reckoned with.
fn weight(candidate: &Candidate) -> usize {
    let size = usize::try_from(candidate.entry.size).unwrap_or(usize::MAX);
    size.min(limits::SEARCH_TEXT_BYTES_MAX).saturating_add(1024)
}

/// How many of these have their texts read at once: one at least.
fn texts_page(candidates: &[Candidate]) -> usize {
    let mut octets = 0usize;
    let fits = |candidate: &&Candidate| {
        octets = octets.saturating_add(weight(candidate));
        octets <= TEXTS_PAGE_BYTES
    };
    candidates.iter().take(TEXTS_PAGE).take_while(fits).count().clamp(1, candidates.len().max(1))
}

/// Asks candidates whose texts were read. `texts` are in the order of their emails.
fn look_through(
    candidates: &[Candidate],
    texts: &[(EmailId, SearchText)],
    view: &View,
    criterion: &Criterion,
) -> Sorted {
    let mut sorted = Sorted::default();
    let mut room = Vec::new();
    for candidate in candidates {
        let found = texts.binary_search_by_key(&candidate.entry.email, |(email, _)| *email);
        let text = match found.ok().and_then(|at| texts.get(at)) {
            // There was nothing to keep.
            None => Some(UnpackedText::EMPTY),
            Some((_, text)) if text.version == SEARCH_TEXT_VERSION => text.unpack(&mut room).ok(),
            Some(_) => None,
        };
        sorted.sort(*candidate, candidate.ask(view, criterion, text));
    }
    sorted
}
