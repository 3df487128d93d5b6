//! Importing messages that a command reads from files.
//!
//! ```text
//! C: request import              S: item start {"state": "..."}
//! C: item message, pieces, end   (some of them)
//! C: item commit                 S: item progress for the batch before
//! ...
//! C: end                         S: item progress for the last batch, done
//! ```
//!
//! A batch is parsed and written while the next one arrives. Its messages and how far the import
//! has come are one transaction, which is refused when the import has come further meanwhile: the
//! last batch of a command that was killed may still be under way when the command is started
//! again.

use super::Operations;
use super::answer::{hex, invalid, result};
use super::message::blocking;
use crate::control::{Answer, Exchange, Refusal, RefusalKind};
use crate::directory::Directory;
use crate::facts::email_facts;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use posthorn_base::limits::{IMPORT_BATCH_BYTES_MAX, IMPORT_BATCH_MESSAGES_MAX, MESSAGE_BYTES_MAX};
use posthorn_base::{
    AccountId, ArrivalId, Flags, Keyword, MailboxId, MailboxName, Time, ZonedTime,
};
use posthorn_message::parse;
use posthorn_store::StoreError;
use posthorn_store::bodies::BodyWriter;
use posthorn_store::mail::{
    Append, CreateMailbox, FindMailbox, ImportStep, NewMessage, ReadImport,
};
use posthorn_store::story::{Event, Kind, Label, NewStory, StoryKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinHandle;

/// An import into one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// Whose.
    pub account: String,
    /// Into which mailbox; made when it is missing.
    pub mailbox: String,
    /// What the messages come from. Together with account and mailbox the name under which the
    /// import goes on where it stopped.
    pub source: String,
}

/// What the server says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportStart {
    /// How far the import had come: the `place` of the last message of the last batch that is
    /// stored.
    pub state: Option<String>,
}

/// What the command sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum ImportItem {
    /// A message; its bytes follow in pieces.
    Message {
        /// INTERNALDATE in milliseconds since 1970; none for what the Date field says.
        received: Option<i64>,
        /// Minutes that its local time was ahead of UTC.
        offset_minutes: i16,
        /// Names of flags and keywords.
        flags: Vec<String>,
        /// Under which text POP3 clients know it.
        unique_id: Option<String>,
        /// Where the source goes on behind it.
        place: String,
    },
    /// The batch is complete.
    Commit {},
}

/// A batch is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// Messages of the batch.
    pub messages: usize,
}

/// A message of a batch.
struct Incoming {
    octets: Vec<u8>,
    received: Option<ZonedTime>,
    flags: Flags,
    keywords: Vec<Keyword>,
    unique_id: Option<String>,
}

#[derive(Default)]
struct Incomings {
    messages: Vec<Incoming>,
    bytes: usize,
    place: String,
}

/// What a batch needs to be stored.
#[derive(Clone)]
struct Import {
    directory: Directory,
    account: AccountId,
    mailbox: MailboxId,
    mailbox_name: String,
    source: String,
    job: String,
}

impl Operations {
    pub(super) async fn import(
        &self,
        request: ImportRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let import = self.begin_import(request).await?;
        let engine = &self.directory.store.engine;
        let mut place = engine.read(&ReadImport { job: import.job.clone() }).await?;
        exchange.item(&ImportStart { state: place.clone() }).await?;
        let mut batch = Incomings::default();
        let mut under_way: Option<JoinHandle<Result<usize, Answer>>> = None;
        let mut imported = 0;
        while let Some(item) = exchange.next_item::<ImportItem>().await? {
            match item {
                // Nothing to store, and no place behind it.
                ImportItem::Commit {} if batch.messages.is_empty() => {}
                ImportItem::Commit {} => {
                    imported += finished(&mut under_way, exchange).await?;
                    let (import, batch) = (import.clone(), std::mem::take(&mut batch));
                    let before = place.replace(batch.place.clone());
                    under_way = Some(tokio::spawn(import.store(batch, before)));
                }
                ImportItem::Message { received, offset_minutes, flags, unique_id, place } => {
                    let octets = batch.receive(exchange).await?;
                    let (flags, keywords) = flags_of(&flags);
                    let time = received.map(Time::from_millis);
                    let received = time.map(|time| ZonedTime { time, offset_minutes });
                    let message = Incoming { octets, received, flags, keywords, unique_id };
                    batch.messages.push(message);
                    batch.place = place;
                }
            }
        }
        imported += finished(&mut under_way, exchange).await?;
        if !batch.messages.is_empty() {
            imported += import.store(batch, place).await?;
        }
        result(&imported)
    }

    async fn begin_import(&self, request: ImportRequest) -> Result<Import, Answer> {
        let account = self.find_account(&request.account).await?.id;
        let name = MailboxName::parse(&request.mailbox)
            .map_err(|error| invalid(format!("{:?}: {error}", request.mailbox)))?;
        let engine = &self.directory.store.engine;
        let find = FindMailbox::Name(account, name.clone());
        let mailbox = match engine.read(&find).await? {
            Some(mailbox) => mailbox.id,
            None => self.create_mailbox(account, name.clone()).await?,
        };
        // A path can be longer than a name in the store.
        let source = digest(&SHA256, request.source.as_bytes());
        let short: String = hex(source.as_ref()).chars().take(32).collect();
        Ok(Import {
            directory: self.directory.clone(),
            account,
            mailbox,
            mailbox_name: name.as_str().to_owned(),
            source: request.source,
            job: format!("import:{account}:{mailbox}:{short}"),
        })
    }

    async fn create_mailbox(
        &self,
        account: AccountId,
        name: MailboxName,
    ) -> Result<MailboxId, Answer> {
        let now = self.directory.now();
        let levels = name.as_str().split(MailboxName::SEPARATOR).count();
        let ids = (0..levels).map(|_| self.directory.ids.next(now)).collect();
        let create = CreateMailbox { account, name, role: None, ids, subscribe: true, now };
        Ok(self.directory.store.engine.write(create).await?.id)
    }
}

/// Waits for the batch before, and tells of it.
async fn finished(
    under_way: &mut Option<JoinHandle<Result<usize, Answer>>>,
    exchange: &mut Exchange<'_>,
) -> Result<usize, Answer> {
    let Some(batch) = under_way.take() else { return Ok(0) };
    let messages = batch
        .await
        .map_err(|error| Answer::from(Refusal::because(RefusalKind::Internal, &error)))??;
    exchange.item(&ImportProgress { messages }).await?;
    Ok(messages)
}

/// Flags by their names; what is no flag is a keyword, and what can be neither is left out.
fn flags_of(names: &[String]) -> (Flags, Vec<Keyword>) {
    let (mut flags, mut keywords) = (Flags::NONE, Vec::new());
    for name in names {
        match Flags::named(name) {
            Some(flag) => flags = flags.with(flag),
            None => keywords.extend(Keyword::parse(name)),
        }
    }
    (flags, keywords)
}

impl Incomings {
    /// The bytes of the next message, if the batch has room for it.
    async fn receive(&mut self, exchange: &mut Exchange<'_>) -> Result<Vec<u8>, Answer> {
        if self.messages.len() >= IMPORT_BATCH_MESSAGES_MAX || self.bytes > IMPORT_BATCH_BYTES_MAX {
            return Err(invalid("the batch has more messages than one step may have"));
        }
        let mut octets = Vec::new();
        while let Some(piece) = exchange.next_chunk().await? {
            octets.extend_from_slice(&piece);
            if octets.len() as u64 > MESSAGE_BYTES_MAX {
                return Err(invalid(format!("a message has more than {MESSAGE_BYTES_MAX} octets")));
            }
        }
        self.bytes += octets.len();
        Ok(octets)
    }
}

impl Import {
    /// Parses the messages, on all processors, and appends them behind what was imported `before`.
    async fn store(self, batch: Incomings, before: Option<String>) -> Result<usize, Answer> {
        let count = batch.messages.len();
        if count == 0 {
            return Ok(0);
        }
        let unique_ids = batch.messages.iter().map(|message| message.unique_id.clone()).collect();
        let messages = self.prepare(batch.messages).await?;
        let append = Append {
            account: self.account,
            mailbox: self.mailbox,
            messages,
            now: self.directory.now(),
            within_quota: false,
        };
        let (job, state) = (self.job, batch.place);
        let step = ImportStep { append, unique_ids, job, before, state };
        match self.directory.store.engine.write(step).await {
            Ok(_) => Ok(count),
            Err(StoreError::Refused(why)) if why == ImportStep::OVERTAKEN => {
                let refusal = Refusal::new(RefusalKind::Temporary, why);
                Err(refusal
                    .hint("start it again: it goes on behind them, and repeats nothing")
                    .into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn prepare(&self, messages: Vec<Incoming>) -> Result<Vec<NewMessage>, Answer> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = messages.len().div_ceil(cores).max(1);
        let mut messages = messages.into_iter();
        let mut shares = Vec::new();
        loop {
            let share: Vec<Incoming> = messages.by_ref().take(share).collect();
            if share.is_empty() {
                break;
            }
            let import = self.clone();
            let work = move || -> Result<Vec<NewMessage>, StoreError> {
                share.into_iter().map(|message| import.prepare_one(message)).collect()
            };
            shares.push(tokio::spawn(blocking(work)));
        }
        let mut prepared = Vec::new();
        for share in shares {
            let share = share
                .await
                .map_err(|error| Answer::from(Refusal::because(RefusalKind::Internal, &error)))?;
            prepared.extend(share??);
        }
        Ok(prepared)
    }

    fn prepare_one(&self, message: Incoming) -> Result<NewMessage, StoreError> {
        let Directory { store, ids, clock, .. } = &self.directory;
        let now = clock.now();
        let octets = message.octets;
        let parsed = parse(&octets);
        let facts = email_facts(&parsed, b"", &octets)?;
        // Nothing of ours is put in front: what was imported comes back as it was.
        let body = BodyWriter::encode(&store.files, ids.next(now), &octets, Bytes::new())?;
        let received = message
            .received
            .or(facts.sent)
            .unwrap_or_else(|| ZonedTime { time: now, offset_minutes: clock.offset_minutes(now) });
        let arrival: ArrivalId = ids.next(now);
        let event = Event::new(now, Kind::Appended)
            .of(self.account)
            .with(Label::By, "import")
            .with(Label::From, self.source.as_str())
            .with(Label::Mailbox, self.mailbox_name.as_str());
        Ok(NewMessage {
            arrival,
            email: ids.next(now),
            body,
            facts,
            received,
            flags: message.flags,
            keywords: message.keywords,
            story: Some(NewStory {
                arrival,
                at: now,
                kind: StoryKind::Appended,
                events: vec![event],
            }),
        })
    }
}
