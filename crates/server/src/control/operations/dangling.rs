//! Aliases and lists that would lead to an address of ours which does not exist.
//!
//! Resolution steps over such a target, so mail for it would vanish without a word to anybody. A
//! command that would bring that about is refused, unless it says that this is meant.

use super::Operations;
use super::address::Pages;
use crate::control::{Answer, Refusal, RefusalKind};
use crate::node::TAG_SEPARATOR;
use posthorn_base::AccountId;
use posthorn_store::directory::{self, Account, AddressKind, Resolve, Target, Wanted};
use std::collections::HashSet;

/// What every such refusal ends with.
const INSISTING: &str = "--allow-dangling does it all the same";
/// Names in one message.
const NAMED_MAX: usize = 5;

impl Operations {
    /// Refuses targets in our own domains that do not exist.
    pub(super) async fn check_targets(
        &self,
        targets: &[Target],
        allow_dangling: bool,
    ) -> Result<(), Answer> {
        if allow_dangling {
            return Ok(());
        }
        let mut missing = Vec::new();
        for target in targets {
            let Target::Address(address) = target else { continue };
            let resolve = Resolve {
                recipient: Wanted::Address(address.clone()),
                sender: None,
                tag_separator: TAG_SEPARATOR,
            };
            match self.directory.store.engine.read(&resolve).await? {
                Err(directory::Refusal::Unknown) => missing.push(address.to_string()),
                // Elsewhere, or here and in use; who may write to a list is another question, and
                // a loop may be what this command mends.
                Ok(_)
                | Err(
                    directory::Refusal::NotOurs
                    | directory::Refusal::Posting { .. }
                    | directory::Refusal::Loop
                    | directory::Refusal::TooMany,
                ) => {}
            }
        }
        let Some(first) = missing.first() else { return Ok(()) };
        let message = match missing.len() {
            1 => format!("{first} is in a domain of ours, but does not exist"),
            _ => format!("{} are in domains of ours, but do not exist", named(&missing)),
        };
        let hint = format!("add it first (posthorn account add {first}); {INSISTING}");
        Err(Refusal::new(RefusalKind::NotFound, message).hint(hint).into())
    }

    /// Refuses to remove what others lead to: `keys`, or the account that has them.
    pub(super) async fn check_unused(
        &self,
        name: &str,
        keys: &HashSet<String>,
        account: Option<AccountId>,
        allow_dangling: bool,
    ) -> Result<(), Answer> {
        if allow_dangling {
            return Ok(());
        }
        let is_meant = |target: &Target| match target {
            Target::Account(target) => Some(*target) == account,
            Target::Address(address) => {
                let tagless = address.without_tag(TAG_SEPARATOR);
                keys.contains(address.key().as_str())
                    || tagless.is_some_and(|tagless| keys.contains(tagless.key().as_str()))
            }
            Target::Discard => false,
        };
        let mut users = Vec::new();
        let mut pages = Pages::of(None);
        while let Some(entries) = self.next_entries(&mut pages).await? {
            let others = entries.into_iter().filter(|entry| entry.kind != AddressKind::Account);
            let leading = others.filter(|entry| entry.targets.iter().any(is_meant));
            users.extend(leading.map(|entry| entry.name).filter(|user| user != name));
        }
        let Some(first) = users.first() else { return Ok(()) };
        let leads = if users.len() == 1 { "leads" } else { "lead" };
        let message = format!("{} {leads} to {name}", named(&users));
        let hint = format!(
            "let it lead elsewhere first (posthorn alias set {first} ..., or list set), or remove \
             it; {INSISTING}"
        );
        Err(Refusal::new(RefusalKind::Invalid, message).hint(hint).into())
    }

    /// Refuses to remove an account that aliases or lists lead to.
    pub(super) async fn check_account_unused(
        &self,
        account: &Account,
        allow_dangling: bool,
    ) -> Result<(), Answer> {
        let mut keys = HashSet::new();
        let mut pages = Pages::of(None);
        while let Some(entries) = self.next_entries(&mut pages).await? {
            for entry in entries {
                let is_its_own = entry.kind == AddressKind::Account
                    && entry.targets.contains(&Target::Account(account.id));
                if is_its_own {
                    keys.insert(super::address::entry(&entry.name)?.key().as_str().to_owned());
                }
            }
        }
        self.check_unused(&account.address, &keys, Some(account.id), allow_dangling).await
    }
}

/// Some of them by name, the rest by number.
fn named(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
