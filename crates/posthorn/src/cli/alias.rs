//! `posthorn alias list|add|set|remove`

use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use posthorn_base::Domain;
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{AddressItem, AddressKind, AddressRequest};

/// The commands below `posthorn alias`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the aliases and where they lead
    List(List),
    /// Add an alias
    #[command(after_help = "Examples:\n  \
        posthorn alias add info@example.com alice@example.com bob@example.com\n  \
        posthorn alias add @example.com alice@example.com     (whatever else arrives)\n  \
        posthorn alias add noreply@example.com discard")]
    Add(Targets),
    /// Replace where an alias leads
    Set(Targets),
    /// Remove an alias
    Remove(Name),
}

/// Which ones to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only those of this domain
    domain: Option<Domain>,
}

/// An alias and where it leads.
#[derive(Debug, clap::Args)]
pub struct Targets {
    /// The alias; @DOMAIN for whatever else arrives for the domain
    name: String,
    /// Addresses, here or elsewhere; `discard` to throw the message away
    #[arg(required = true)]
    targets: Vec<String>,
    /// Also to addresses of our own domains that do not exist (yet)
    #[arg(long)]
    allow_dangling: bool,
}

/// An alias.
#[derive(Debug, clap::Args)]
pub struct Name {
    /// The alias
    name: String,
    /// Even when other aliases or lists lead to it
    #[arg(long)]
    allow_dangling: bool,
}

/// An alias as it is listed.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Listed(AddressItem);

impl Row for Listed {
    const COLUMNS: &'static [Column] = &[Column::left("ALIAS"), Column::left("LEADS TO")];
    const EMPTY: &'static str = "no aliases";

    fn cells(&self) -> Vec<Cell> {
        vec![Cell::text(&self.0.name), Cell::text(&self.0.targets.join(", "))]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    let kind = AddressKind::Alias;
    match command {
        Command::List(List { domain }) => {
            let domain = domain.map(|domain| domain.as_given().to_owned());
            context.list::<Listed>(&Request::Address(AddressRequest::List { kind, domain }))
        }
        Command::Add(Targets { name, targets, allow_dangling }) => {
            let people = format!("{} added", Shown::text(&name));
            let request = AddressRequest::AddAlias { name, targets, allow_dangling };
            context.order(&Request::Address(request), &people)
        }
        Command::Set(Targets { name, targets, allow_dangling }) => {
            let people = format!("{} is set", Shown::text(&name));
            let request = AddressRequest::Set { kind, name, targets, allow_dangling };
            context.order(&Request::Address(request), &people)
        }
        Command::Remove(Name { name, allow_dangling }) => {
            let people = format!("{} removed", Shown::text(&name));
            let request = AddressRequest::Remove { kind, name, allow_dangling };
            context.order(&Request::Address(request), &people)
        }
    }
}
