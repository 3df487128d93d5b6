//! Stories: what became of a message.

use super::Operations;
use super::answer::{STORIES, not_found, parse, result};
use crate::control::{Answer, Exchange};
use posthorn_base::{AccountId, ArrivalId};
use posthorn_store::story::{Event, Label, ListStories, ReadStory, Story};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

/// What can be asked about stories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum StoryRequest {
    /// One [`StoryItem`] for each, the latest first, without what happened later. Done with
    /// nothing.
    List {
        /// Only those that concern this account.
        account: Option<String>,
        /// How many at most.
        limit: u32,
    },
    /// Done with [`StoryItem`].
    Read {
        /// The arrival.
        arrival: String,
    },
}

/// A story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryItem {
    /// The arrival.
    pub arrival: String,
    /// When its fate was decided.
    pub at: String,
    /// How it began: `accepted`, `refused`, `appended`, `made`.
    pub kind: String,
    /// What happened, in order.
    pub events: Vec<EventItem>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventItem {
    /// When.
    pub at: String,
    /// What.
    pub event: String,
    /// On whose branch: the account's address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// The particulars, in the order in which they are told.
    pub details: Vec<(String, String)>,
}

impl Operations {
    pub(super) async fn story(
        &self,
        request: StoryRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let engine = &self.directory.store.engine;
        match request {
            StoryRequest::List { account, limit } => {
                let account = match account {
                    Some(name) => Some(self.find_account(&name).await?.id),
                    None => None,
                };
                self.list_stories(account, limit, exchange).await?;
                Ok(Value::Null)
            }
            StoryRequest::Read { arrival } => {
                let arrival: ArrivalId = parse(&arrival)?;
                let story = engine.read(&ReadStory { arrival, account: None }).await?;
                let story = story
                    .ok_or_else(|| not_found(format!("there is no story of {arrival}"), STORIES))?;
                result(&self.told(story, &mut HashMap::new()).await?)
            }
        }
    }

    async fn list_stories(
        &self,
        account: Option<AccountId>,
        limit: u32,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Answer> {
        let (mut left, mut before) = (limit, None);
        let mut names = HashMap::new();
        while left > 0 {
            let page = ListStories { account, before, limit: left.min(super::PAGE) };
            let stories = self.directory.store.engine.read(&page).await?;
            let Some(last) = stories.last() else { return Ok(()) };
            before = Some(last.arrival);
            left -= u32::try_from(stories.len()).unwrap_or(left).min(left);
            for story in stories {
                exchange.item(&self.told(story, &mut names).await?).await?;
            }
        }
        Ok(())
    }

    async fn told(
        &self,
        story: Story,
        names: &mut HashMap<AccountId, String>,
    ) -> Result<StoryItem, Answer> {
        let mut events = Vec::with_capacity(story.events.len());
        for Event { at, kind, account, details } in story.events {
            let account = match account {
                None => None,
                Some(id) => Some(match names.get(&id) {
                    Some(name) => name.clone(),
                    None => {
                        let name = self.account_name(id).await?;
                        names.insert(id, name.clone());
                        name
                    }
                }),
            };
            let told = |(label, text): (Label, String)| (label.word().to_owned(), text);
            events.push(EventItem {
                at: at.to_string(),
                event: kind.word().to_owned(),
                account,
                details: details.into_iter().map(told).collect(),
            });
        }
        Ok(StoryItem {
            arrival: story.arrival.to_string(),
            at: story.at.to_string(),
            kind: story.kind.word().to_owned(),
            events,
        })
    }
}
