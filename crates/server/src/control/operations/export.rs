//! Handing out whole mailboxes.

use super::answer::result;
use super::message::flag_names;
use super::{Operations, PAGE};
use crate::control::{Answer, Exchange};
use posthorn_base::{AccountId, EmailId};
use posthorn_message::structure::Envelope;
use posthorn_store::StoreError;
use posthorn_store::mail::{Email, ListKeywords, ListMessages, Mailbox, Message, ReadEmails};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// What an export is asked for: a [`ExportItem`] for each message, its bytes in pieces behind it.
/// Done with their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportRequest {
    /// Whose.
    pub account: String,
    /// Which mailbox.
    pub mailbox: String,
}

/// A message that follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportItem {
    /// The email's id.
    pub id: String,
    /// INTERNALDATE in milliseconds since 1970.
    pub received: i64,
    /// Its flags and keywords.
    pub flags: Vec<String>,
    /// The address of its author, for where one is wanted; may be empty.
    pub sender: String,
    /// Octets.
    pub size: u64,
}

impl Operations {
    pub(super) async fn export(
        &self,
        request: ExportRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let account = self.find_account(&request.account).await?.id;
        let mailbox = self.find_mailbox(account, &request.mailbox).await?;
        let keywords = self.directory.store.engine.read(&ListKeywords(account)).await?;
        let keywords: HashMap<u32, String> =
            keywords.into_iter().map(|(number, name)| (number, name.as_str().to_owned())).collect();
        let (mut after, mut exported) = (None, 0_usize);
        loop {
            let (messages, emails) = self.page(account, &mailbox, after).await?;
            let Some(last) = messages.last() else { return result(&exported) };
            after = Some(last.uid);
            for message in &messages {
                let Some(email) = emails.get(&message.email) else { continue };
                exchange.item(&item(message, email, &keywords)).await?;
                self.send_message(account, email.id, exchange).await?;
                exported += 1;
            }
        }
    }

    async fn page(
        &self,
        account: AccountId,
        mailbox: &Mailbox,
        after: Option<posthorn_base::Uid>,
    ) -> Result<(Vec<Message>, HashMap<EmailId, Email>), StoreError> {
        let engine = &self.directory.store.engine;
        let page = ListMessages { account, mailbox: mailbox.id, after, limit: PAGE };
        let messages = engine.read(&page).await?;
        let emails = messages.iter().map(|message| message.email).collect();
        let emails = engine.read(&ReadEmails { account, emails }).await?;
        Ok((messages, emails.into_iter().map(|email| (email.id, email)).collect()))
    }
}

fn item(message: &Message, email: &Email, keywords: &HashMap<u32, String>) -> ExportItem {
    let envelope = Envelope::from_bytes(&email.envelope).unwrap_or_default();
    let sender = envelope.from.first().and_then(|address| {
        let [local, domain] = [address.mailbox.as_deref()?, address.host.as_deref()?];
        Some(format!("{}@{}", String::from_utf8_lossy(local), String::from_utf8_lossy(domain)))
    });
    ExportItem {
        id: email.id.to_string(),
        received: email.received.time.millis(),
        flags: flag_names(message, keywords),
        sender: sender.unwrap_or_default(),
        size: message.size,
    }
}
