//! `posthorn block list|lift`

use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use posthorn_base::Time;
use posthorn_server::control::{BlockItem, Lifted, Request};
use posthorn_server::network::Cidr;
use serde::Serialize;

/// The commands below `posthorn block`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the networks that the running server shuts out, why and until when
    List,
    /// Let networks in again
    #[command(after_help = "Examples:\n  \
        posthorn block lift 192.0.2.7\n  \
        posthorn block lift 2001:db8::/32\n  \
        posthorn block lift --all")]
    Lift(Lift),
}

/// Arguments of `posthorn block lift`.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Lift {
    /// An address or a network: every block that overlaps with it is lifted
    network: Option<Cidr>,
    /// Lift all blocks
    #[arg(long)]
    all: bool,
}

/// A block as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    network: Cidr,
    login: Option<String>,
    reason: String,
    since: String,
    until: String,
}

impl From<BlockItem> for Listed {
    fn from(item: BlockItem) -> Listed {
        Listed {
            network: item.network,
            login: item.login,
            reason: item.reason,
            since: Time::from_millis(item.since).to_string(),
            until: Time::from_millis(item.until).to_string(),
        }
    }
}

impl Row for Listed {
    const COLUMNS: &'static [Column] = &[
        Column::left("NETWORK"),
        Column::left("LOGIN"),
        Column::left("SINCE"),
        Column::left("UNTIL"),
        Column::left("REASON"),
    ];
    const EMPTY: &'static str = "nobody is blocked";

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::of(self.network),
            self.login.as_deref().map_or_else(Cell::none, Cell::text),
            Cell::text(&self.since),
            Cell::text(&self.until),
            Cell::text(&self.reason),
        ]
    }
}

pub(super) fn run(command: &Command, context: &mut Context) -> Result<Outcome, Failure> {
    let mut server = context.server()?;
    match command {
        Command::List => {
            let mut listing = context.output.listing::<Listed>();
            server.list::<BlockItem, (), Failure>(&Request::Blocks {}, |item| {
                Ok(listing.row(&item.into())?)
            })?;
            listing.end()?;
        }
        Command::Lift(lift) => {
            let lifted: Lifted = server.ask(&Request::LiftBlocks { network: lift.network })?;
            let people = match lifted.lifted {
                0 => "no block was in force there".to_owned(),
                1 => "1 block lifted".to_owned(),
                many => format!("{many} blocks lifted"),
            };
            context.output.value(&lifted, &people)?;
        }
    }
    Ok(Outcome::Success)
}
