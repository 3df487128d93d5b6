//! Domains.

use super::Operations;
use super::answer::parse;
use crate::control::{Answer, Exchange};
use posthorn_store::directory::{ListDomains, RemoveDomain, SetDefaultDomain};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked about domains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DomainRequest {
    /// One [`DomainItem`] for each. Done with nothing, as are the others.
    List {},
    /// Adds one.
    Add {
        /// Its name.
        domain: String,
    },
    /// Removes one that has no addresses any more.
    Remove {
        /// Its name.
        domain: String,
    },
    /// Makes it the one that bare login names belong to.
    Default {
        /// Its name.
        domain: String,
    },
}

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainItem {
    /// Its name.
    pub domain: String,
    /// Whether bare login names belong to it.
    pub default: bool,
    /// Since when.
    pub created_at: String,
}

impl Operations {
    pub(super) async fn domain(
        &self,
        request: DomainRequest,
        exchange: &mut Exchange<'_>,
    ) -> Result<Value, Answer> {
        let engine = &self.directory.store.engine;
        match request {
            DomainRequest::List {} => {
                for entry in engine.read(&ListDomains).await? {
                    let item = DomainItem {
                        domain: entry.domain.to_string(),
                        default: entry.is_default,
                        created_at: entry.created_at.to_string(),
                    };
                    exchange.item(&item).await?;
                }
            }
            DomainRequest::Add { domain } => self.directory.add_domain(parse(&domain)?).await?,
            DomainRequest::Remove { domain } => {
                engine.write(RemoveDomain { domain: parse(&domain)? }).await?;
            }
            DomainRequest::Default { domain } => {
                engine.write(SetDefaultDomain { domain: parse(&domain)? }).await?;
            }
        }
        Ok(Value::Null)
    }
}
