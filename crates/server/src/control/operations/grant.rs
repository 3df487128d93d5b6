//! Grants: which addresses an account may write as.

use super::Operations;
use super::answer::{invalid, parse};
use crate::control::{Answer, Exchange};
use posthorn_store::directory::{Grant, Granted, ListGrants, SetGrant, Uses};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked about grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum GrantRequest {
    /// One [`GrantItem`] for each. Done with nothing, as are the others.
    List {
        /// Whose.
        account: String,
    },
    /// Grants an address, or all addresses of a domain (`@example.com`).
    Add {
        /// Whose.
        account: String,
        /// What.
        address: String,
        /// In which places, by the words of [`GrantItem::uses`]; empty for all.
        uses: Vec<String>,
    },
    /// Takes a grant away.
    Remove {
        /// Whose.
        account: String,
        /// What.
        address: String,
    },
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantItem {
    /// The address; `@domain` for a whole domain.
    pub address: String,
    /// Where it may be used: `mail-from`, `from`, `sender`.
    pub uses: Vec<String>,
}

impl From<Grant> for GrantItem {
    fn from(grant: Grant) -> GrantItem {
        let uses = grant.uses.words().into_iter().map(str::to_owned).collect();
        GrantItem { address: grant.key, uses }
    }
}

impl Operations {
    pub(super) async fn grant(
        &self,
        request: GrantRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let engine = &self.directory.store.engine;
        let (account, address, uses) = match request {
            GrantRequest::List { account } => {
                let account = self.find_account(&account).await?.id;
                for grant in engine.read(&ListGrants { account }).await? {
                    exchange.item(&GrantItem::from(grant)).await?;
                }
                return Ok(Value::Null);
            }
            GrantRequest::Add { account, address, uses } => (account, address, uses_of(&uses)?),
            GrantRequest::Remove { account, address } => (account, address, Uses::NONE),
        };
        let granted = match address.strip_prefix('@') {
            Some(domain) => Granted::Domain(parse(domain)?),
            None => Granted::Address(parse(&address)?),
        };
        let account = self.find_account(&account).await?.id;
        engine.write(SetGrant { account, granted, uses, now: self.directory.now() }).await?;
        Ok(Value::Null)
    }
}

fn uses_of(words: &[String]) -> Result<Uses, Answer> {
    let mut uses = Uses::NONE;
    for word in words {
        let known = [Uses::MAIL_FROM, Uses::FROM, Uses::SENDER];
        let found = known.into_iter().find(|one| one.words() == [word.as_str()]);
        let found = found.ok_or_else(|| {
            invalid(format!("{word:?} is none of {}", Uses::ALL.words().join(", ")))
        })?;
        uses = uses.with(found);
    }
    Ok(if uses == Uses::NONE { Uses::ALL } else { uses })
}
