//! Messages and what can be restored of them.

use super::answer::{MESSAGES, invalid, not_found, parse, result};
use super::{Operations, PAGE};
use crate::control::{Answer, Exchange, Refusal, RefusalKind};
use posthorn_base::limits::CONTROL_CHUNK_BYTES_MAX;
use posthorn_base::{AccountId, EmailId, Flags};
use posthorn_message::structure::{Envelope, EnvelopeAddress};
use posthorn_store::StoreError;
use posthorn_store::bodies::BodyReader;
use posthorn_store::directory::ListAccounts;
use posthorn_store::mail::Purgeable;
use posthorn_store::mail::{
    Body, Email, ListKeywords, ListMessages, ListRestorable, Message, ReadBody, ReadEmails,
    Restorable, Restore, bulk,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// What can be asked about messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MessageRequest {
    /// One [`MessageItem`] for each message of a mailbox, the oldest first. Done with nothing.
    List {
        /// Whose.
        account: String,
        /// Which mailbox.
        mailbox: String,
    },
    /// The bytes of a message, in pieces. Done with [`EmailItem`].
    Show {
        /// Its id.
        id: String,
    },
    /// One [`ExpungedItem`] for each message that can be restored, the latest first. Done with
    /// nothing.
    Expunged {
        /// Whose.
        account: String,
    },
    /// Restores expunged messages. Done with the number of them.
    Restore {
        /// Whose.
        account: String,
        /// Their ids; empty for all.
        ids: Vec<String>,
    },
    /// Removes expunged messages for ever, before their time. Done with the number of them.
    Purge {
        /// Whose; none for all accounts.
        account: Option<String>,
        /// Their ids; empty for all.
        ids: Vec<String>,
    },
}

/// A message in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageItem {
    /// Its UID.
    pub uid: u32,
    /// Its flags and keywords.
    pub flags: Vec<String>,
    /// The email.
    #[serde(flatten)]
    pub email: EmailItem,
}

/// An email, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailItem {
    /// Its id.
    pub id: String,
    /// The arrival it came with: the key of its story.
    pub arrival: String,
    /// When it was received.
    pub received_at: String,
    /// Octets.
    pub size: u64,
    /// The first author.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// Its Message-ID.
    pub message_id: String,
}

impl From<&Email> for EmailItem {
    fn from(email: &Email) -> EmailItem {
        // A map of another version has an envelope that only that version reads.
        let envelope = Envelope::from_bytes(&email.envelope).unwrap_or_default();
        let decoded = |text: &Option<Box<[u8]>>| {
            text.as_deref().map(posthorn_message::encoded_word::decode).unwrap_or_default()
        };
        EmailItem {
            id: email.id.to_string(),
            arrival: email.arrival.to_string(),
            received_at: email.received.time.to_string(),
            size: email.size,
            from: envelope.from.first().map(shown).unwrap_or_default(),
            subject: decoded(&envelope.subject),
            message_id: decoded(&envelope.message_id),
        }
    }
}

fn shown(address: &EnvelopeAddress) -> String {
    let text = |part: &Option<Box<[u8]>>| {
        part.as_deref().map(posthorn_message::encoded_word::decode).unwrap_or_default()
    };
    let name = text(&address.name);
    let address = format!("{}@{}", text(&address.mailbox), text(&address.host));
    if name.is_empty() { address } else { format!("{name} <{address}>") }
}

/// An expunged message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungedItem {
    /// The email's id.
    pub id: String,
    /// Where it was.
    pub mailbox: String,
    /// Under which UID.
    pub uid: u32,
    /// Octets.
    pub size: u64,
    /// When it was expunged.
    pub expunged_at: String,
}

impl Operations {
    pub(super) async fn message(
        &self,
        request: MessageRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        match request {
            MessageRequest::List { account, mailbox } => {
                let account = self.find_account(&account).await?.id;
                self.list_messages(account, &mailbox, exchange).await?;
                Ok(Value::Null)
            }
            MessageRequest::Show { id } => {
                let (account, email) = self.find_email(parse(&id)?).await?;
                self.send_message(account, email.id, exchange).await?;
                result(&EmailItem::from(&email))
            }
            MessageRequest::Expunged { account } => {
                let account = self.find_account(&account).await?.id;
                for one in self.restorable(account).await? {
                    let item = ExpungedItem {
                        id: one.email.to_string(),
                        mailbox: one.name.as_str().to_owned(),
                        uid: one.uid.get(),
                        size: one.size,
                        expunged_at: one.ended_at.to_string(),
                    };
                    exchange.item(&item).await?;
                }
                Ok(Value::Null)
            }
            MessageRequest::Restore { account, ids } => {
                let account = self.find_account(&account).await?.id;
                result(&self.restore(account, &emails_of(&ids)?).await?)
            }
            MessageRequest::Purge { account, ids } => {
                let emails = emails_of(&ids)?;
                let purged = match account {
                    Some(account) => {
                        self.purge(self.find_account(&account).await?.id, &emails).await?
                    }
                    None if emails.is_empty() => self.purge_all().await?,
                    None => return Err(invalid("ids belong to an account: name it")),
                };
                result(&purged)
            }
        }
    }

    async fn list_messages(
        &self,
        account: AccountId,
        mailbox: &str,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Answer> {
        let engine = &self.directory.store.engine;
        let mailbox = self.find_mailbox(account, mailbox).await?.id;
        let keywords: HashMap<u32, String> = engine
            .read(&ListKeywords(account))
            .await?
            .into_iter()
            .map(|(number, name)| (number, name.as_str().to_owned()))
            .collect();
        let mut after = None;
        loop {
            let page = ListMessages { account, mailbox, after, limit: PAGE };
            let messages = engine.read(&page).await?;
            let Some(last) = messages.last() else { return Ok(()) };
            after = Some(last.uid);
            let emails = messages.iter().map(|message| message.email).collect();
            let emails = engine.read(&ReadEmails { account, emails }).await?;
            let emails: HashMap<EmailId, Email> =
                emails.into_iter().map(|email| (email.id, email)).collect();
            for message in messages {
                // Expunged and purged since the page was read.
                let Some(email) = emails.get(&message.email) else { continue };
                let item = MessageItem {
                    uid: message.uid.get(),
                    flags: flag_names(&message, &keywords),
                    email: EmailItem::from(email),
                };
                exchange.item(&item).await?;
            }
        }
    }

    /// Ids of emails are unique in the store, but mail is kept by account: all of them are asked.
    async fn find_email(&self, id: EmailId) -> Result<(AccountId, Email), Answer> {
        let engine = &self.directory.store.engine;
        let mut after = None;
        loop {
            let accounts = engine.read(&ListAccounts { after, limit: PAGE }).await?;
            let Some(last) = accounts.last() else {
                return Err(not_found(format!("there is no message {id}"), MESSAGES));
            };
            after = Some(last.id);
            for account in accounts {
                let read = ReadEmails { account: account.id, emails: vec![id] };
                if let Some(email) = engine.read(&read).await?.pop() {
                    return Ok((account.id, email));
                }
            }
        }
    }

    /// Sends a message as it is read by its owner: our trace fields, then the bytes as they came.
    pub(super) async fn send_message(
        &self,
        account: AccountId,
        email: EmailId,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Answer> {
        let body = self.directory.store.engine.read(&ReadBody { account, email }).await?;
        let body = body.ok_or_else(|| StoreError::missing("message", email))?;
        exchange.piece(&body.prefix).await?;
        let mut reader = self.open_body(body).await?;
        let mut at = 0;
        while at < reader.size() {
            let upto = at.saturating_add(CONTROL_CHUNK_BYTES_MAX as u64).min(reader.size());
            let piece;
            (reader, piece) = read_piece(reader, at..upto).await?;
            exchange.piece(&piece).await?;
            at = upto;
        }
        exchange.end().await?;
        Ok(())
    }

    async fn open_body(&self, body: Body) -> Result<BodyReader, Answer> {
        let files = self.directory.store.files.clone();
        Ok(blocking(move || BodyReader::open(&body, &files)).await??)
    }

    async fn restorable(&self, account: AccountId) -> Result<Vec<Restorable>, Answer> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = ListRestorable { account, after, limit: PAGE };
            let list = self.directory.store.engine.read(&page).await?;
            let Some(last) = list.last() else { return Ok(all) };
            after = Some((last.ended_at, last.mailbox, last.uid));
            all.extend(list);
        }
    }

    async fn restore(&self, account: AccountId, emails: &[EmailId]) -> Result<usize, Answer> {
        let wanted = |one: &&Restorable| emails.is_empty() || emails.contains(&one.email);
        let all = self.restorable(account).await?;
        let placements: Vec<_> =
            all.iter().filter(wanted).map(|one| (one.mailbox, one.uid)).collect();
        if placements.is_empty() && !emails.is_empty() {
            return Err(not_found(
                "none of these messages can be restored",
                "posthorn message expunged ACCOUNT shows what can",
            ));
        }
        let mut restored = 0;
        for step in placements.chunks(posthorn_base::limits::BULK_STEP_MESSAGES) {
            let now = self.directory.now();
            let operation = Restore { account, placements: step.to_vec(), now };
            restored += self.directory.store.engine.write(operation).await?.len();
        }
        Ok(restored)
    }

    async fn purge(&self, account: AccountId, emails: &[EmailId]) -> Result<usize, Answer> {
        let now = self.directory.now();
        let what = match emails {
            [] => Purgeable::EndedBefore(posthorn_base::Time::from_millis(i64::MAX)),
            emails => Purgeable::Emails(emails.to_vec()),
        };
        let engine = &self.directory.store.engine;
        Ok(bulk::purge(engine, account, what, "by the operator, at once", now).await?)
    }

    async fn purge_all(&self) -> Result<usize, Answer> {
        let (mut purged, mut after) = (0, None);
        loop {
            let page = ListAccounts { after, limit: PAGE };
            let accounts = self.directory.store.engine.read(&page).await?;
            let Some(last) = accounts.last() else { return Ok(purged) };
            after = Some(last.id);
            for account in accounts {
                purged += self.purge(account.id, &[]).await?;
            }
        }
    }
}

async fn read_piece(
    reader: BodyReader,
    range: std::ops::Range<u64>,
) -> Result<(BodyReader, Vec<u8>), Answer> {
    let read = move || {
        let mut piece = Vec::new();
        reader.read(range, &mut piece).map(|()| (reader, piece))
    };
    Ok(blocking(read).await??)
}

/// Runs what waits for a disk where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Answer> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Refusal::because(RefusalKind::Internal, &error).into())
}

fn emails_of(ids: &[String]) -> Result<Vec<EmailId>, Answer> {
    ids.iter().map(|id| parse(id)).collect()
}

/// The names of a message's flags and keywords.
pub(super) fn flag_names(message: &Message, keywords: &HashMap<u32, String>) -> Vec<String> {
    let flags: Flags = message.flags;
    let named = flags.names().map(str::to_owned);
    named.chain(message.keywords.iter().filter_map(|n| keywords.get(&n).cloned())).collect()
}
