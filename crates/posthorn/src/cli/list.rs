//! `posthorn list list|add|set|remove`

use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use clap::builder::PossibleValuesParser;
use posthorn_base::Domain;
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{AddressItem, AddressKind, AddressRequest};

/// The commands below `posthorn list`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the lists, their owners and members
    List(Which),
    /// Add a list
    #[command(after_help = "Example:\n  \
        posthorn list add team@example.com --owner alice@example.com --posting members \\\n    \
        alice@example.com bob@example.org")]
    Add(Add),
    /// Replace the members of a list
    Set(Members),
    /// Remove a list
    Remove(Name),
}

/// Which ones to list.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Only those of this domain
    domain: Option<Domain>,
}

/// Arguments of `posthorn list add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The list's address
    name: String,
    /// The account that bounces go to
    #[arg(long, value_name = "ACCOUNT")]
    owner: String,
    /// Who may write to it
    #[arg(
        long,
        value_name = "WHO",
        default_value = "anybody",
        value_parser = PossibleValuesParser::new(["anybody", "members", "owner"])
    )]
    posting: String,
    /// The members' addresses
    #[arg(required = true)]
    members: Vec<String>,
    /// Also addresses of our own domains that do not exist (yet)
    #[arg(long)]
    allow_dangling: bool,
}

/// A list and its members.
#[derive(Debug, clap::Args)]
pub struct Members {
    /// The list's address
    name: String,
    /// The members' addresses
    #[arg(required = true)]
    members: Vec<String>,
    /// Also addresses of our own domains that do not exist (yet)
    #[arg(long)]
    allow_dangling: bool,
}

/// A list.
#[derive(Debug, clap::Args)]
pub struct Name {
    /// The list's address
    name: String,
    /// Even when aliases or other lists lead to it
    #[arg(long)]
    allow_dangling: bool,
}

/// A list as it is listed.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct Listed(AddressItem);

impl Row for Listed {
    const COLUMNS: &'static [Column] = &[
        Column::left("LIST"),
        Column::left("OWNER"),
        Column::left("POSTING"),
        Column::left("MEMBERS"),
    ];
    const EMPTY: &'static str = "no lists";

    fn cells(&self) -> Vec<Cell> {
        let text = |text: &Option<String>| text.as_deref().map_or_else(Cell::none, Cell::text);
        vec![
            Cell::text(&self.0.name),
            text(&self.0.owner),
            text(&self.0.posting),
            Cell::text(&self.0.targets.join(", ")),
        ]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    let kind = AddressKind::List;
    match command {
        Command::List(Which { domain }) => {
            let domain = domain.map(|domain| domain.as_given().to_owned());
            context.list::<Listed>(&Request::Address(AddressRequest::List { kind, domain }))
        }
        Command::Add(Add { name, owner, posting, members, allow_dangling }) => {
            let people = format!("{} added", Shown::text(&name));
            let request = AddressRequest::AddList { name, owner, posting, members, allow_dangling };
            context.order(&Request::Address(request), &people)
        }
        Command::Set(Members { name, members: targets, allow_dangling }) => {
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
