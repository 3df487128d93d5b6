//! FETCH and UID FETCH (RFC 3501 6.4.5 and 7.4.2), with CHANGEDSINCE and MODSEQ (RFC 7162 3.1.4),
//! VANISHED (RFC 7162 3.2.6), EMAILID and THREADID (RFC 8474 5), SAVEDATE (RFC 8514 4).
//!
//! What the view knows is written from it. What the store has to be asked for is read for many
//! messages at a time, and the octets of messages as the client takes them, a few small ones or a
//! part of a large one at a time.
//!
//! Invariants
//! * Messages that another session expunged are shown like the others as long as they can be read:
//!   the client was not told yet that they are gone (RFC 3501 7.4.1). One that cannot is left
//!   out, and the completion says so: no client takes a message for empty.
//! * A literal has as many octets as were announced, or the connection is cut.
//! * \Seen is set after the octets were sent: mail that a client never got stays unread. The flag
//!   is told behind, by what tells of every change. When it cannot be set (a full disk), the client
//!   has its mail all the same: nothing is said of the flag, for nothing has changed.

mod ahead;
mod attributes;
mod label;
mod sections;
mod wants;

use super::super::context::Fault;
use super::super::{Context, Output, untagged};
use super::vanished;
use crate::body::{self, ReadError};
use crate::conn::CloseReason;
use crate::memory::Permit;
use ahead::Ahead;
use label::Label;
use posthorn_base::{EmailId, Flags, Time, Uid, limits};
use posthorn_message::WireError;
use posthorn_proto::imap::command::Fetch;
use posthorn_proto::imap::value::MessageSet;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::mail::{FlagAction, ReadDates, ReadSummaries, StoreFlags, Summary, bulk};
use posthorn_store::view::{Entry, View};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wants::Wants;

/// Messages for which the store is asked at once.
const PAGE: usize = 128;
/// Envelopes and part maps above this are read one by one, with memory for them.
const SMALL_BYTES_MAX: usize = 8 * 1024;
/// Memory for one that is larger, and for the text that is made of it: its lines are of one header
/// section, or of the texts that a map may have.
const LARGE_BYTES: usize = 4 * limits::PART_MAP_TEXT_BYTES_MAX;
/// How often it is asked what the session keeps others from forgetting.
const PINNED_CHECK: Duration = Duration::from_secs(30);
const _: () = assert!(limits::HEADER_BYTES_MAX <= limits::PART_MAP_TEXT_BYTES_MAX);

/// What is left to be said when all messages are written.
#[derive(Debug, Default)]
struct Outcome {
    /// Messages whose \Seen is to be set.
    seen: Vec<Uid>,
    /// Messages that are gone for good.
    gone: usize,
    /// Messages that cannot be read now.
    busy: usize,
    /// Messages that are damaged.
    damaged: usize,
}

/// Why a message is left out.
#[derive(Debug)]
enum Unreadable {
    /// It is gone for good.
    Gone,
    /// Its stored form cannot be read.
    Damaged(WireError),
    /// Its octets cannot be.
    Read(ReadError),
}

impl From<ReadError> for Unreadable {
    fn from(error: ReadError) -> Self {
        Unreadable::Read(error)
    }
}
impl From<WireError> for Unreadable {
    fn from(error: WireError) -> Self {
        Unreadable::Damaged(error)
    }
}

/// A message that is being written.
struct Message<'a> {
    number: usize,
    entry: &'a Entry,
    summary: Option<&'a Summary>,
    saved_at: Option<Time>,
}

/// FETCH and UID FETCH.
pub(super) async fn fetch(
    fetch: Fetch,
    context: &mut Context,
    output: &mut Output<'_>,
) -> Result<Completion, Fault> {
    if fetch.vanished && !context.enabled.qresync {
        // RFC 7162 3.2.6.
        return Err(Completion::bad("VANISHED wants QRESYNC to be enabled").into());
    }
    let selected = context.selected()?;
    let view = Arc::clone(&selected.view);
    let read_only = selected.read_only;
    // Not a number for each message: a client that reads slowly pins what is here.
    let ranges = selected.ranges(&fetch.set, fetch.by_uid)?;
    if fetch.vanished && fetch.changed_since.is_some() {
        tell_vanished(&fetch, &view, context, output).await?;
    }
    let is_newer = |at: &usize| match fetch.changed_since {
        Some(since) => view.get(*at).is_some_and(|entry| entry.modseq > since),
        None => true,
    };
    let mut positions = ranges.into_iter().flatten().filter(is_newer);
    let wants = Wants::of(&fetch.items, read_only);
    let labels = fetch.items.iter().map(Label::of).collect();
    let mut fetching = Fetching {
        wants,
        labels,
        view: Arc::clone(&view),
        context,
        outcome: Outcome::default(),
        looked_at: Instant::now(),
    };
    loop {
        let page: Vec<usize> = positions.by_ref().take(PAGE).collect();
        if page.is_empty() {
            break;
        }
        fetching.page(&page, output).await?;
        if fetching.outcome.seen.len() >= limits::BULK_STEP_MESSAGES {
            fetching.set_seen().await;
        }
    }
    fetching.set_seen().await;
    Ok(fetching.outcome.completion())
}

async fn tell_vanished(
    fetch: &Fetch,
    view: &View,
    context: &Context,
    output: &mut Output<'_>,
) -> Result<(), Fault> {
    let (Some(since), Some(selected)) = (fetch.changed_since, &context.selected) else {
        return Ok(());
    };
    let asked = match &fetch.set {
        MessageSet::Numbers(numbers) => {
            // `*` is the last UID that was given out: what vanished may have been the last.
            let last = view.mailbox().uidnext.get().saturating_sub(1);
            numbers.resolve(NonZeroU32::new(last).unwrap_or(NonZeroU32::MIN))
        }
        MessageSet::Saved => {
            let mut ranges = Vec::new();
            selected.saved.iter().for_each(|uid| untagged::add_to_ranges(&mut ranges, uid.get()));
            ranges
        }
    };
    let ranges = vanished::since(context, selected.mailbox, view, since, &asked).await?;
    Ok(untagged::tell_vanished(true, &ranges, output).await?)
}

/// A FETCH that is being carried out.
struct Fetching<'a> {
    wants: Wants,
    /// The items, with what the response calls them.
    labels: Vec<Label<'a>>,
    view: Arc<View>,
    context: &'a mut Context,
    outcome: Outcome,
    /// When what the session pins was last looked at.
    looked_at: Instant,
}

impl Fetching<'_> {
    /// Looks from time to time whether the view that is shown may still be held. A client may take
    /// hours for its answer, while others change the mailbox again and again.
    fn may_go_on(&mut self) -> Result<(), CloseReason> {
        if self.looked_at.elapsed() < PINNED_CHECK {
            return Ok(());
        }
        self.looked_at = Instant::now();
        if self.context.may_go_on() {
            return Ok(());
        }
        Err(CloseReason::CutShort("slow while its mailbox changed: too much was kept for it"))
    }

    /// Writes the messages at these positions.
    async fn page(&mut self, positions: &[usize], output: &mut Output<'_>) -> Result<(), Fault> {
        self.may_go_on()?;
        let view = Arc::clone(&self.view);
        let summaries = self.summaries(positions).await?;
        let saved = self.saved(positions).await?;
        let mut ahead = Ahead::default();
        for (nth, position) in positions.iter().enumerate() {
            let Some(entry) = view.get(*position) else { continue };
            if self.wants.flags {
                self.context.learn(view.keywords(entry), output).await?;
            }
            let find = summaries.binary_search_by_key(&entry.email, |summary| summary.email);
            let mut message = Message {
                number: position + 1,
                entry,
                summary: find.ok().and_then(|at| summaries.get(at)),
                saved_at: saved
                    .binary_search_by_key(&entry.uid, |(uid, _)| *uid)
                    .ok()
                    .and_then(|at| saved.get(at))
                    .map(|(_, saved_at)| *saved_at),
            };
            let large = self.large(&message).await?;
            if let Some((summary, _)) = &large {
                message.summary = summary.as_ref();
            }
            if self.wants.summary.is_some() && message.summary.is_none() {
                self.outcome.gone += 1;
                continue;
            }
            let written = if self.wants.octets {
                self.may_go_on()?;
                let rest = positions.get(nth..).unwrap_or_default();
                match ahead.open(self, rest, output).await? {
                    Ok(Some(source)) => {
                        let covered = ahead.covered();
                        self.write_with_octets(&message, source, covered, output).await?
                    }
                    Ok(None) => Err(Unreadable::Gone),
                    Err(error) => Err(error.into()),
                }
            } else {
                self.write(&message, output.bytes())
            };
            match written {
                Ok(()) if self.wants.seen && !entry.flags.contains(Flags::SEEN) => {
                    self.outcome.seen.push(entry.uid);
                }
                Ok(()) => {}
                Err(why) => self.outcome.leave_out(entry, &why),
            }
            if ahead.is_used_up() {
                output.room().await?;
            }
        }
        Ok(output.room().await?)
    }

    /// What the store has of the messages, in the order of their emails' ids.
    async fn summaries(&self, positions: &[usize]) -> Result<Vec<Summary>, Fault> {
        let Some((envelope, part_map)) = self.wants.summary else { return Ok(Vec::new()) };
        let emails = positions.iter().filter_map(|at| Some(self.view.get(*at)?.email));
        let mut emails: Vec<EmailId> = emails.collect();
        emails.sort_unstable();
        emails.dedup();
        let account = self.context.account;
        let read =
            ReadSummaries { account, emails, envelope, part_map, octets_max: SMALL_BYTES_MAX };
        Ok(self.context.node.engine.read(&read).await?)
    }

    /// The summary of a message whose envelope or part map is too large to be read with others, and
    /// the memory for it.
    async fn large(
        &self,
        message: &Message<'_>,
    ) -> Result<Option<(Option<Summary>, Permit)>, Fault> {
        let (Some((envelope, part_map)), Some(summary)) = (self.wants.summary, message.summary)
        else {
            return Ok(None);
        };
        let is_missing =
            envelope && summary.envelope.is_none() || part_map && summary.part_map.is_none();
        if !is_missing {
            return Ok(None);
        }
        let node = &self.context.node;
        let memory = body::acquire(node, LARGE_BYTES).await.map_err(|error| {
            tracing::warn!(%error, "no memory for the structure of a large message");
            Completion::no("The server is busy, try again later").with(Code::Unavailable)
        })?;
        let (account, emails) = (self.context.account, vec![message.entry.email]);
        let read = ReadSummaries { account, emails, envelope, part_map, octets_max: usize::MAX };
        Ok(Some((node.engine.read(&read).await?.pop(), memory)))
    }

    /// SAVEDATE of the messages, in the order of their UIDs.
    async fn saved(&self, positions: &[usize]) -> Result<Vec<(Uid, Time)>, Fault> {
        if !self.wants.saved {
            return Ok(Vec::new());
        }
        let uids = positions.iter().filter_map(|at| Some(self.view.get(*at)?.uid)).collect();
        let (account, mailbox) = (self.context.account, self.view.mailbox().id);
        let dates = self.context.node.engine.read(&ReadDates { account, mailbox, uids }).await?;
        Ok(dates.into_iter().map(|dates| (dates.uid, dates.saved_at)).collect())
    }

    /// Writes a message of which no octets are asked for; nothing of it when it is damaged.
    fn write(&self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let before = out.len();
        attributes::begin(out, message.number);
        for (n, label) in self.labels.iter().enumerate() {
            if n > 0 {
                out.push(b' ');
            }
            if let Err(error) = self.write_item(label.item, message, out) {
                out.truncate(before);
                return Err(error);
            }
        }
        attributes::end(out);
        Ok(())
    }

    /// Sets \Seen where it is to be set. Who watches the mailbox, this session among them, is told
    /// by what tells of every change.
    async fn set_seen(&mut self) {
        let uids = std::mem::take(&mut self.outcome.seen);
        if uids.is_empty() {
            return;
        }
        let change = StoreFlags {
            account: self.context.account,
            mailbox: self.view.mailbox().id,
            uids,
            action: FlagAction::Add,
            flags: Flags::SEEN,
            keywords: Vec::new(),
            unchanged_since: None,
        };
        if let Err(error) = bulk::store_flags(&self.context.node.engine, change).await {
            // RFC 3501 6.4.5: \Seen is set implicitly; the octets that were asked for were sent.
            tracing::warn!(%error, "messages were read, and stay unread: \\Seen cannot be set");
        }
    }
}

impl Outcome {
    fn leave_out(&mut self, entry: &Entry, why: &Unreadable) {
        let email = entry.email;
        match why {
            Unreadable::Gone => self.gone += 1,
            Unreadable::Damaged(error) => {
                tracing::error!(%email, %error, "the stored structure of a message is damaged");
                self.damaged += 1;
            }
            Unreadable::Read(error) if error.is_temporary() => {
                tracing::warn!(%email, %error, "a message cannot be read now");
                self.busy += 1;
            }
            Unreadable::Read(error) => {
                tracing::error!(%email, %error, "a message cannot be read");
                self.damaged += 1;
            }
        }
    }

    fn completion(&self) -> Completion {
        if self.damaged > 0 {
            Completion::no("Messages that are damaged on the server were left out")
                .with(Code::ServerBug)
        } else if self.busy > 0 {
            Completion::no("Messages that cannot be read now were left out").with(Code::Unavailable)
        } else if self.gone > 0 {
            // RFC 5530 3, EXPUNGEISSUED.
            Completion::no("Messages that are gone were left out").with(Code::ExpungeIssued)
        } else {
            Completion::ok("FETCH completed")
        }
    }
}
