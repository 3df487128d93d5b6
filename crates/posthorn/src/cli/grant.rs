//! `posthorn grant list|add|remove`

use super::argument::AccountName;
use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use clap::builder::PossibleValuesParser;
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{GrantItem, GrantRequest};

/// The commands below `posthorn grant`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the addresses that an account may write as
    List(AccountName),
    /// Let an account write as an address, or as every address of a domain
    #[command(after_help = "Examples:\n  \
        posthorn grant add alice@example.com info@example.com\n  \
        posthorn grant add alice@example.com @example.com --use from --use sender")]
    Add(Add),
    /// Take a grant away
    Remove(Remove),
}

/// Arguments of `posthorn grant add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account: its address, a login name or its id
    account: String,
    /// The address; @DOMAIN for all of a domain
    address: String,
    /// Only in this place; can be repeated. In all of them without it
    #[arg(
        long = "use",
        value_name = "PLACE",
        value_parser = PossibleValuesParser::new(["mail-from", "from", "sender"])
    )]
    uses: Vec<String>,
}

/// Arguments of `posthorn grant remove`.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The account: its address, a login name or its id
    account: String,
    /// The address; @DOMAIN for all of a domain
    address: String,
}

impl Row for GrantItem {
    const COLUMNS: &'static [Column] = &[Column::left("ADDRESS"), Column::left("USES")];
    const EMPTY: &'static str = "no grants";

    fn cells(&self) -> Vec<Cell> {
        vec![Cell::text(&self.address), Cell::text(&self.uses.join(", "))]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        Command::List(AccountName { account }) => {
            context.list::<GrantItem>(&Request::Grant(GrantRequest::List { account }))
        }
        Command::Add(Add { account, address, uses }) => {
            let people =
                format!("{} may write as {}", Shown::text(&account), Shown::text(&address));
            context.order(&Request::Grant(GrantRequest::Add { account, address, uses }), &people)
        }
        Command::Remove(Remove { account, address }) => {
            let people = format!(
                "{} may not write as {} any more",
                Shown::text(&account),
                Shown::text(&address)
            );
            context.order(&Request::Grant(GrantRequest::Remove { account, address }), &people)
        }
    }
}
