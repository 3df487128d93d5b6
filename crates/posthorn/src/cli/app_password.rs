//! `posthorn app-password list|add|remove`

use super::argument::{AccountName, CredentialName};
use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{self, Cell, Column, Row};
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{AppPasswordRequest, CredentialItem, MadePassword};

/// The commands below `posthorn app-password`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List what opens an account
    List(AccountName),
    /// Make an app password. It is shown this once
    #[command(after_help = "Example:\n  \
        posthorn app-password add alice@example.com phone --scope imap --scope smtp")]
    Add(Add),
    /// Remove an app password: what it opened is closed at once
    Remove(CredentialName),
}

/// Arguments of `posthorn app-password add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account: its address, a login name or its id
    account: String,
    /// What to call it: the device or program that is to have it
    name: String,
    /// A protocol that it opens: smtp, imap, pop3...; can be repeated. All without it
    #[arg(long = "scope", value_name = "PROTOCOL")]
    scopes: Vec<String>,
    /// Days after which it ends by itself
    #[arg(long, value_name = "NUMBER")]
    days: Option<u32>,
}

impl Row for CredentialItem {
    const COLUMNS: &'static [Column] = &[
        Column::left("NAME"),
        Column::left("KIND"),
        Column::left("OPENS"),
        Column::left("SINCE"),
        Column::left("LAST USED"),
        Column::left("ENDS"),
    ];
    const EMPTY: &'static str = "nothing opens this account";

    fn cells(&self) -> Vec<Cell> {
        let time = |at: &Option<String>| at.as_deref().map_or_else(Cell::none, Cell::text);
        vec![
            Cell::text(&self.name),
            Cell::text(&self.kind),
            Cell::text(&self.scopes.join(", ")),
            Cell::text(&self.created_at),
            time(&self.last_used_at),
            time(&self.expires_at),
        ]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    let ask = Request::AppPassword;
    match command {
        Command::List(AccountName { account }) => {
            context.list::<CredentialItem>(&ask(AppPasswordRequest::List { account }))
        }
        Command::Add(Add { account, name, scopes, days }) => {
            let request = ask(AppPasswordRequest::Add { account, name, scopes, days });
            let made: MadePassword = context.store()?.ask(&request)?;
            if !context.output.is_json() {
                output::notice("Copy it now, it cannot be shown again:");
            }
            context.output.value(&made, &made.password)?;
            Ok(Outcome::Success)
        }
        Command::Remove(CredentialName { account, name }) => {
            let people = format!("{} removed", Shown::text(&name));
            context.order(&ask(AppPasswordRequest::Remove { account, name }), &people)
        }
    }
}
