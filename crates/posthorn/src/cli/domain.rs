//! `posthorn domain list|add|remove|default`

use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use posthorn_base::Domain;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{DomainItem, DomainRequest};
use serde_json::Value;

/// The commands below `posthorn domain`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the domains that mail is received for
    List,
    /// Receive mail for a domain. The first one makes the store and is the default
    #[command(after_help = "Example:\n  posthorn domain add example.com")]
    Add(Name),
    /// Receive no more mail for a domain, which must have no addresses left
    Remove(Name),
    /// Make a domain the one that login names without a domain belong to
    Default(Name),
}

/// A domain's name.
#[derive(Debug, clap::Args)]
pub struct Name {
    /// The domain
    domain: Domain,
}

impl Row for DomainItem {
    const COLUMNS: &'static [Column] =
        &[Column::left("DOMAIN"), Column::left("DEFAULT"), Column::left("SINCE")];
    const EMPTY: &'static str = "no domains";

    fn cells(&self) -> Vec<Cell> {
        let default = if self.default { Cell::text("default") } else { Cell::none() };
        vec![Cell::text(&self.domain), default, Cell::text(&self.created_at)]
    }
}

pub(super) fn run(command: &Command, context: &mut Context) -> Result<Outcome, Failure> {
    let named = |name: &Name| name.domain.as_given().to_owned();
    match command {
        Command::List => context.list::<DomainItem>(&Request::Domain(DomainRequest::List {})),
        Command::Add(name) => {
            let domain = named(name);
            let people = format!("{domain} added");
            let request = Request::Domain(DomainRequest::Add { domain });
            context.store_or_new()?.ask::<Value>(&request)?;
            context.output.value(&serde_json::json!({ "done": people }), &people)?;
            Ok(Outcome::Success)
        }
        Command::Remove(name) => {
            let domain = named(name);
            let people = format!("{domain} removed");
            context.order(&Request::Domain(DomainRequest::Remove { domain }), &people)
        }
        Command::Default(name) => {
            let domain = named(name);
            let people = format!("{domain} is the default domain");
            context.order(&Request::Domain(DomainRequest::Default { domain }), &people)
        }
    }
}
