//! `posthorn queue list|show|hold|release|remove`

use super::argument::{arrival_id, queue_id};
use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use posthorn_base::shown::Shown;
use posthorn_base::{ArrivalId, Domain, QueueId};
use posthorn_server::control::Request;
use posthorn_server::control::operations::{QueueItem, QueueRequest};

/// The commands below `posthorn queue`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the messages that wait to be sent on, a row for each recipient
    List(List),
    /// Show a row
    Show(Queued),
    /// Keep a row from being tried
    Hold(Queued),
    /// Let a row be tried again
    Release(Queued),
    /// Remove a row. Its sender is not told; the message's story is
    Remove(Queued),
}

/// Which rows to list.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only rows for this domain
    #[arg(long, value_name = "DOMAIN", conflicts_with = "arrival")]
    domain: Option<Domain>,
    /// Only rows of this message, by the id in the 250
    #[arg(long, value_name = "ID", value_parser = arrival_id)]
    arrival: Option<ArrivalId>,
}

/// A row of the queue.
#[derive(Debug, clap::Args)]
pub struct Queued {
    /// The row's id, as `queue list` shows it
    #[arg(value_parser = queue_id)]
    id: QueueId,
}

impl Row for QueueItem {
    const COLUMNS: &'static [Column] = &[
        Column::left("ID"),
        Column::left("ARRIVAL"),
        Column::left("FROM"),
        Column::left("TO"),
        Column::right("ATTEMPTS"),
        Column::left("DUE"),
        Column::left("LAST REPLY"),
    ];
    const EMPTY: &'static str = "the queue is empty";

    fn cells(&self) -> Vec<Cell> {
        let from = if self.from.is_empty() { "<>" } else { &self.from };
        let due = if self.held_at.is_some() { "held" } else { &self.due_at };
        vec![
            Cell::text(&self.id),
            Cell::text(&self.arrival),
            Cell::text(from),
            Cell::text(&self.to),
            Cell::of(self.attempts),
            Cell::text(due),
            self.last_reply.as_deref().map_or_else(Cell::none, Cell::text),
        ]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    let ask = Request::Queue;
    match command {
        Command::List(List { domain, arrival }) => {
            let domain = domain.map(|domain| domain.as_given().to_owned());
            let arrival = arrival.map(|id| id.to_string());
            context.list::<QueueItem>(&ask(QueueRequest::List { domain, arrival }))
        }
        Command::Show(Queued { id }) => show(id, context),
        Command::Hold(Queued { id }) => {
            context.order(&ask(QueueRequest::Hold { id: id.to_string() }), &format!("{id} is held"))
        }
        Command::Release(Queued { id }) => {
            let request = ask(QueueRequest::Release { id: id.to_string() });
            context.order(&request, &format!("{id} is released"))
        }
        Command::Remove(Queued { id }) => context
            .order(&ask(QueueRequest::Remove { id: id.to_string() }), &format!("{id} removed")),
    }
}

fn show(id: QueueId, context: &mut Context) -> Result<Outcome, Failure> {
    let request = Request::Queue(QueueRequest::Show { id: id.to_string() });
    let item: QueueItem = context.store()?.ask(&request)?;
    let lines = [
        ("id", Some(item.id.as_str())),
        ("arrival", Some(&item.arrival)),
        ("from", Some(if item.from.is_empty() { "<>" } else { &item.from })),
        ("recipient", Some(&item.recipient)),
        ("goes to", Some(&item.to)),
        ("next hop", Some(&item.next_hop)),
        ("queued", Some(&item.created_at)),
        ("due", Some(&item.due_at)),
        ("expires", Some(&item.expires_at)),
        ("held since", item.held_at.as_deref()),
        ("last reply", item.last_reply.as_deref()),
    ];
    let told = lines.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let text: Vec<String> =
        told.map(|(name, value)| format!("{name:<12} {}", Shown::text(value))).collect();
    context.output.value(&item, &text.join("\n"))?;
    Ok(Outcome::Success)
}
