//! `posthorn mailbox list`

use super::{Context, Outcome};
use crate::config::Size;
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use posthorn_server::control::Request;
use posthorn_server::control::operations::MailboxItem;

/// The commands below `posthorn mailbox`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the mailboxes of an account
    List(List),
}

/// Arguments of `posthorn mailbox list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// The account: its address, a login name or its id
    account: String,
}

impl Row for MailboxItem {
    const COLUMNS: &'static [Column] = &[
        Column::left("MAILBOX"),
        Column::right("MESSAGES"),
        Column::right("UNSEEN"),
        Column::right("SIZE"),
        Column::left("ROLE"),
    ];
    const EMPTY: &'static str = "no mailboxes";

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.name),
            Cell::of(self.messages),
            Cell::of(self.unseen),
            Cell::of(Size::bytes(self.bytes).rounded()),
            self.role.as_deref().map_or_else(Cell::none, Cell::text),
        ]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        Command::List(List { account }) => {
            context.list::<MailboxItem>(&Request::Mailboxes { account })
        }
    }
}
