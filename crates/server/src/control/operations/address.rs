//! Aliases, catch-alls and lists.

use super::answer::{invalid, not_found};
use super::{Operations, PAGE};
use crate::control::{Answer, Exchange, Refusal, RefusalKind};
use posthorn_base::{Address, AddressKey, Domain};
use posthorn_store::directory::{
    AddressEntry, AddressKind, CreateAddress, EntryName, ListAddresses, Posting, ReadAccount,
    RemoveAddress, SetTargets, Target,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;

/// The word for a target that throws the message away.
const DISCARD: &str = "discard";

/// What can be asked about addresses that are nobody's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AddressRequest {
    /// One [`AddressItem`] for each alias, or for each list. Done with nothing, as are the others.
    List {
        /// Which of the two.
        kind: Kind,
        /// Only those of this domain.
        domain: Option<String>,
    },
    /// Adds an alias.
    AddAlias {
        /// Its name; `@domain` for whatever else arrives for the domain.
        name: String,
        /// Addresses, or `discard`.
        targets: Vec<String>,
        /// Even when an address of our own domains is among them that does not exist.
        #[serde(default)]
        allow_dangling: bool,
    },
    /// Adds a list.
    AddList {
        /// Its name.
        name: String,
        /// The account that bounces go to.
        owner: String,
        /// Who may write to it: `anybody`, `members`, `owner`.
        posting: String,
        /// Addresses.
        members: Vec<String>,
        /// As with aliases.
        #[serde(default)]
        allow_dangling: bool,
    },
    /// Replaces where one leads.
    Set {
        /// What it has to be.
        kind: Kind,
        /// Its name.
        name: String,
        /// Addresses, or `discard`.
        targets: Vec<String>,
        /// As when they are added.
        #[serde(default)]
        allow_dangling: bool,
    },
    /// Removes one.
    Remove {
        /// What it has to be.
        kind: Kind,
        /// Its name.
        name: String,
        /// Even when others lead to it.
        #[serde(default)]
        allow_dangling: bool,
    },
}

/// An alias or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Leads to other addresses, or nowhere.
    Alias,
    /// Leads to its members; bounces go to its owner.
    List,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Kind::Alias => "alias",
            Kind::List => "list",
        }
    }

    const fn of(kind: AddressKind) -> Option<Kind> {
        match kind {
            AddressKind::Account => None,
            AddressKind::Alias => Some(Kind::Alias),
            AddressKind::List { .. } => Some(Kind::List),
        }
    }
}

/// An alias or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressItem {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub targets: Vec<String>,
    /// A list's owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who may write to a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posting: Option<String>,
}

impl Operations {
    pub(super) async fn address(
        &self,
        request: AddressRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let engine = &self.directory.store.engine;
        let now = self.directory.now();
        match request {
            AddressRequest::List { kind, domain } => {
                self.list_addresses(kind, domain.as_deref(), exchange).await?;
            }
            AddressRequest::AddAlias { name, targets, allow_dangling } => {
                let (name, targets) = (entry(&name)?, targets_of(&targets)?);
                self.check_targets(&targets, allow_dangling).await?;
                engine
                    .write(CreateAddress { name, kind: AddressKind::Alias, targets, now })
                    .await?;
            }
            AddressRequest::AddList { name, owner, posting, members, allow_dangling } => {
                let owner = self.find_account(&owner).await?.id;
                let posting = posting_of(&posting)?;
                let (name, targets) = (entry(&name)?, targets_of(&members)?);
                self.check_targets(&targets, allow_dangling).await?;
                let kind = AddressKind::List { owner, posting };
                engine.write(CreateAddress { name, kind, targets, now }).await?;
            }
            AddressRequest::Set { kind, name, targets, allow_dangling } => {
                let (name, targets) = (self.known(kind, &name).await?, targets_of(&targets)?);
                self.check_targets(&targets, allow_dangling).await?;
                engine.write(SetTargets { name, targets }).await?;
            }
            AddressRequest::Remove { kind, name, allow_dangling } => {
                let name = self.known(kind, &name).await?;
                let gone = HashSet::from([name.key().as_str().to_owned()]);
                self.check_unused(&name.to_string(), &gone, None, allow_dangling).await?;
                engine.write(RemoveAddress { name }).await?;
            }
        }
        Ok(Value::Null)
    }

    async fn list_addresses(
        &self,
        kind: Kind,
        domain: Option<&str>,
        exchange: &mut Exchange<'_>,
    ) -> Result<(), Answer> {
        let domain = domain.map(super::answer::parse).transpose()?;
        let mut pages = Pages::of(domain);
        while let Some(entries) = self.next_entries(&mut pages).await? {
            for entry in entries.into_iter().filter(|entry| Kind::of(entry.kind) == Some(kind)) {
                exchange.item(&self.item(entry).await?).await?;
            }
        }
        Ok(())
    }

    /// The next page of entries; `None` behind the last.
    pub(super) async fn next_entries(
        &self,
        pages: &mut Pages,
    ) -> Result<Option<Vec<AddressEntry>>, Answer> {
        let after = pages.after.clone();
        let page = ListAddresses { domain: pages.domain.clone(), after, limit: PAGE };
        let entries = self.directory.store.engine.read(&page).await?;
        let Some(last) = entries.last() else { return Ok(None) };
        pages.after = Some(entry(&last.name)?.key());
        Ok(Some(entries))
    }

    async fn item(&self, entry: AddressEntry) -> Result<AddressItem, Answer> {
        let mut targets = Vec::new();
        for target in entry.targets {
            targets.push(match target {
                Target::Account(account) => self.account_name(account).await?,
                Target::Address(address) => address.to_string(),
                Target::Discard => DISCARD.to_owned(),
            });
        }
        let (owner, posting) = match entry.kind {
            AddressKind::List { owner, posting } => {
                (Some(self.account_name(owner).await?), Some(posting.word().to_owned()))
            }
            AddressKind::Account | AddressKind::Alias => (None, None),
        };
        Ok(AddressItem { name: entry.name, targets, owner, posting })
    }

    /// The address of an account; its id when it is gone.
    pub(super) async fn account_name(
        &self,
        account: posthorn_base::AccountId,
    ) -> Result<String, Answer> {
        let found = self.directory.store.engine.read(&ReadAccount { account }).await?;
        Ok(found.map_or_else(|| account.to_string(), |account| account.address))
    }

    /// The name of an alias or list that exists and is of this kind.
    async fn known(&self, kind: Kind, text: &str) -> Result<EntryName, Answer> {
        let name = entry(text)?;
        let key = name.key();
        let mut pages = Pages::of(Some(name.domain().clone()));
        while let Some(entries) = self.next_entries(&mut pages).await? {
            for found in &entries {
                if entry(&found.name)?.key() != key {
                    continue;
                }
                return match Kind::of(found.kind) {
                    Some(found) if found == kind => Ok(name),
                    Some(other) => {
                        let message = format!("{text} is no {}, but {}", kind.word(), other.word());
                        let hint = format!("posthorn {} --help", other.word());
                        Err(Refusal::new(RefusalKind::Invalid, message).hint(hint).into())
                    }
                    None => Err(invalid(format!("{text} is an account's own address"))),
                };
            }
        }
        Err(not_found(
            format!("there is no {} {text}", kind.word()),
            format!("posthorn {} list shows those there are", kind.word()),
        ))
    }
}

/// Where a walk through the entries is.
pub(super) struct Pages {
    domain: Option<Domain>,
    after: Option<AddressKey>,
}

impl Pages {
    /// Before the first one: of this domain, or of all.
    pub(super) fn of(domain: Option<Domain>) -> Pages {
        Pages { domain, after: None }
    }
}

pub(super) fn entry(name: &str) -> Result<EntryName, Answer> {
    EntryName::parse(name).map_err(|error| invalid(format!("{name:?}: {error}")))
}

fn targets_of(texts: &[String]) -> Result<Vec<Target>, Answer> {
    let target = |text: &String| match text.as_str() {
        DISCARD => Ok(Target::Discard),
        address => super::answer::parse::<Address>(address).map(Target::Address),
    };
    texts.iter().map(target).collect()
}

fn posting_of(word: &str) -> Result<Posting, Answer> {
    let found = Posting::ALL.into_iter().find(|posting| posting.word() == word);
    found.ok_or_else(|| invalid(format!("{word:?} is none of anybody, members, owner")))
}
