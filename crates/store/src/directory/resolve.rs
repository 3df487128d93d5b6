//! From a recipient's address to where the message goes.
//!
//! Exact beats `+tag` beats catch-all; `postmaster` and `abuse` that nothing matches go to the
//! oldest account. Aliases and lists are followed breadth first, each address once, so that loops
//! end and duplicates collapse; what is reached first says how.

use super::account;
use super::address::{AddressKind, Posting, Target, read_kind};
use super::domain::is_ours;
use crate::{EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::{AccountId, Address, AddressKey, LocalPart, limits};
use std::collections::{HashSet, VecDeque};

/// A copy for one of our accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose.
    pub account: AccountId,
    /// The address of ours that led here.
    pub address: String,
    /// By which rule and through which addresses, for the story: `alias staff@d`, `tag`,
    /// `catch-all`.
    pub via: String,
}

/// A copy for another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where it goes.
    pub address: Address,
    /// Through which addresses of ours.
    pub via: String,
    /// Set for a list's member: bounces go to this account, not to the author.
    pub list_owner: Option<AccountId>,
}

/// Why a recipient is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The domain is not ours.
    NotOurs,
    /// The domain is ours, the address does not exist.
    Unknown,
    /// The sender may not write to this list.
    Posting {
        /// The list.
        list: String,
        /// Who may.
        posting: Posting,
    },
    /// Aliases lead too far, or nowhere but back to themselves.
    Loop,
    /// More recipients than [`limits::ALIAS_RECIPIENTS_MAX`].
    TooMany,
}

/// Where a recipient's message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Copies for our accounts, each account once.
    pub deliveries: Vec<Delivery>,
    /// Copies for other systems, each address once.
    pub forwards: Vec<Forward>,
    /// True when a rule throws a copy away.
    pub discarded: bool,
}

impl Resolution {
    /// Copies of the message that this makes.
    pub fn copies(&self) -> usize {
        self.deliveries.len() + self.forwards.len()
    }
}

/// Whom a recipient is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An address.
    Address(Address),
    /// `<postmaster>` without a domain (RFC 5321 4.1.1.3): belongs to the default domain.
    Postmaster,
}

/// Resolves one recipient.
#[derive(Clone, Debug)]
pub struct Resolve {
    /// The recipient.
    pub recipient: Wanted,
    /// The reverse-path, for lists that not everybody may write to; `None` for `<>`.
    pub sender: Option<Address>,
    /// What begins a subaddress.
    pub tag_separator: char,
}

struct Entry {
    key: String,
    kind: AddressKind,
    targets: Vec<Target>,
    rule: &'static str,
}

struct Step {
    address: Address,
    depth: usize,
    via: String,
    list_owner: Option<AccountId>,
}

impl Operation for Resolve {
    type Output = Result<Resolution, Refusal>;
    const NAME: &'static str = "resolve";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let address = match &self.recipient {
            Wanted::Address(address) => address.clone(),
            Wanted::Postmaster => match postmaster(tx).await? {
                Some(address) => address,
                None => return Ok(Err(Refusal::Unknown)),
            },
        };
        if !is_ours(tx, address.domain()).await? {
            return Ok(Err(Refusal::NotOurs));
        }
        self.walk(tx, address).await
    }
}

impl Resolve {
    async fn walk(
        &self,
        tx: &mut Tx<'_>,
        address: Address,
    ) -> Result<Result<Resolution, Refusal>, StoreError> {
        let mut found =
            Resolution { deliveries: Vec::new(), forwards: Vec::new(), discarded: false };
        let mut seen = HashSet::new();
        let mut steps = VecDeque::new();
        steps.push_back(Step { address, depth: 0, via: String::new(), list_owner: None });
        let mut looped = false;
        while let Some(step) = steps.pop_front() {
            if found.copies() > limits::ALIAS_RECIPIENTS_MAX {
                return Ok(Err(Refusal::TooMany));
            }
            if !seen.insert(step.address.key().as_str().to_owned()) {
                looped = true;
                continue;
            }
            if step.depth > 0 && !is_ours(tx, step.address.domain()).await? {
                let Step { address, via, list_owner, .. } = step;
                found.forwards.push(Forward { address, via, list_owner });
                continue;
            }
            let Some(entry) = self.entry(tx, &step.address).await? else {
                match self.last_resort(tx, &step).await? {
                    Some(last)
                        if found.deliveries.iter().all(|one| one.account != last.account) =>
                    {
                        found.deliveries.push(last);
                    }
                    // An alias that leads to an address of ours which is gone: the others still
                    // count.
                    Some(_) | None => {}
                }
                continue;
            };
            // `+tag` and catch-all lead to entries that may be reached in other ways, too.
            if entry.key != step.address.key().as_str() && !seen.insert(entry.key.clone()) {
                looped = true;
                continue;
            }
            if let AddressKind::List { owner, posting } = entry.kind
                && !self.may_post(tx, owner, posting, &entry.targets).await?
            {
                return Ok(Err(Refusal::Posting { list: entry.key, posting }));
            }
            if step.depth >= limits::ALIAS_DEPTH_MAX {
                return Ok(Err(Refusal::Loop));
            }
            follow(&step, &entry, &mut found, &mut steps);
        }
        let leads_somewhere =
            found.discarded || !found.deliveries.is_empty() || !found.forwards.is_empty();
        Ok(match (leads_somewhere, looped) {
            (true, _) => Ok(found),
            (false, true) => Err(Refusal::Loop),
            (false, false) => Err(Refusal::Unknown),
        })
    }

    /// The entry that an address of ours belongs to: exact, without its tag, or the catch-all.
    async fn entry(&self, tx: &mut Tx<'_>, address: &Address) -> Result<Option<Entry>, StoreError> {
        let exact = address.key();
        let tagless = address.without_tag(self.tag_separator).map(|a| a.key());
        let catch_all = AddressKey::catch_all(address.domain());
        let rows = tx
            .one(stmt!(
                // Not IN (?1, ?2, ?3), for which SQLite builds a table each time.
                "SELECT address_key, kind, owner, posting FROM address WHERE address_key = ?1 \
                 UNION ALL \
                 SELECT address_key, kind, owner, posting FROM address WHERE address_key = ?2 \
                 UNION ALL \
                 SELECT address_key, kind, owner, posting FROM address WHERE address_key = ?3",
                &exact,
                tagless.as_ref().unwrap_or(&exact),
                &catch_all
            ))
            .await?;
        let candidates =
            [(Some(&exact), ""), (tagless.as_ref(), "tag"), (Some(&catch_all), "catch-all")];
        for (key, rule) in candidates {
            let Some(key) = key else { continue };
            for row in rows.iter() {
                let found: String = row.get(0)?;
                if found != key.as_str() {
                    continue;
                }
                let kind = read_kind(row.get(1)?, row.get(2)?, row.get(3)?)?;
                let targets = targets(tx, key).await?;
                return Ok(Some(Entry { key: found, kind, targets, rule }));
            }
        }
        Ok(None)
    }

    /// `postmaster` and `abuse` of each domain always reach somebody (RFC 2142 5, RFC 5321 4.5.1):
    /// who writes there, and who is sent there by an alias.
    async fn last_resort(
        &self,
        tx: &mut Tx<'_>,
        step: &Step,
    ) -> Result<Option<Delivery>, StoreError> {
        let address = &step.address;
        let tagless = address.without_tag(self.tag_separator);
        let local = tagless.as_ref().unwrap_or(address).local().as_str();
        let is_role = ["postmaster", "abuse"].iter().any(|role| local.eq_ignore_ascii_case(role));
        if !is_role {
            return Ok(None);
        }
        let Some(account) = account::oldest(tx).await? else { return Ok(None) };
        let mut via = step.via.clone();
        via.push_str(if via.is_empty() { "" } else { ", " });
        via.push_str("the first account answers for postmaster and abuse");
        Ok(Some(Delivery { account, address: address.to_string(), via }))
    }

    async fn may_post(
        &self,
        tx: &mut Tx<'_>,
        owner: AccountId,
        posting: Posting,
        members: &[Target],
    ) -> Result<bool, StoreError> {
        if posting == Posting::Anybody {
            return Ok(true);
        }
        let Some(sender) = &self.sender else { return Ok(false) };
        let mut account = None;
        if let Some(entry) = self.entry(tx, sender).await?
            && let (AddressKind::Account, [Target::Account(id)]) =
                (entry.kind, entry.targets.as_slice())
        {
            account = Some(*id);
        }
        let is_member = |target: &Target| match target {
            Target::Account(member) => Some(*member) == account,
            Target::Address(address) => address.key() == sender.key(),
            Target::Discard => false,
        };
        Ok(account == Some(owner) || (posting == Posting::Members && members.iter().any(is_member)))
    }
}

/// Adds what an entry's targets lead to.
fn follow(step: &Step, entry: &Entry, found: &mut Resolution, steps: &mut VecDeque<Step>) {
    let mut via = step.via.clone();
    let note = match (entry.kind, entry.rule) {
        (AddressKind::Account, "") => String::new(),
        (AddressKind::Account, rule) => rule.to_owned(),
        (AddressKind::Alias, "catch-all") => format!("catch-all {}", entry.key),
        (AddressKind::Alias, _) => format!("alias {}", entry.key),
        (AddressKind::List { .. }, _) => format!("list {}", entry.key),
    };
    if !via.is_empty() && !note.is_empty() {
        via.push_str(", ");
    }
    via.push_str(&note);
    let list_owner = match entry.kind {
        AddressKind::List { owner, .. } => Some(owner),
        AddressKind::Account | AddressKind::Alias => step.list_owner,
    };
    for target in &entry.targets {
        match target {
            Target::Discard => found.discarded = true,
            Target::Account(account) => {
                if found.deliveries.iter().all(|delivery| delivery.account != *account) {
                    found.deliveries.push(Delivery {
                        account: *account,
                        address: step.address.to_string(),
                        via: via.clone(),
                    });
                }
            }
            Target::Address(address) => steps.push_back(Step {
                address: address.clone(),
                depth: step.depth + 1,
                via: via.clone(),
                list_owner,
            }),
        }
    }
}

async fn targets(tx: &mut Tx<'_>, key: &AddressKey) -> Result<Vec<Target>, EngineError> {
    let rows = tx
        .one(stmt!(
            "SELECT kind, account_id, target FROM address_target WHERE address_key = ?1 \
             ORDER BY position",
            key
        ))
        .await?;
    rows.iter().map(|row| Target::read(row.get(0)?, row.get(1)?, row.get(2)?)).collect()
}

async fn postmaster(tx: &mut Tx<'_>) -> Result<Option<Address>, StoreError> {
    let rows = tx.one(stmt!("SELECT given FROM domain WHERE is_default = 1")).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let local = LocalPart::new("postmaster")
        .map_err(|e| EngineError::Corrupt(format!("postmaster is no local part: {e}")))?;
    Ok(Some(Address::new(local, row.get(0)?)))
}
