//! `posthorn message list|show|story|stories|expunged|restore`

use super::argument::{MailboxName, arrival_id, email_id};
use super::{Context, Outcome};
use crate::config::Size;
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use posthorn_base::shown::Shown;
use posthorn_base::{ArrivalId, EmailId};
use posthorn_server::control::operations::{
    EmailItem, EventItem, ExpungedItem, MessageItem, MessageRequest, StoryItem, StoryRequest,
};
use posthorn_server::control::{Event, Request};
use std::fmt::Write;

/// The commands below `posthorn message`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the messages of a mailbox, INBOX unless another is named
    #[command(after_help = "Examples:\n  \
        posthorn message list alice@example.com\n  \
        posthorn message list alice@example.com Archive/2026")]
    List(List),
    /// Print a message as its owner reads it; with --json, what is known of it
    Show(Show),
    /// Tell what became of a message
    #[command(
        after_help = "The id stands in the 250 that accepted the message, in our Received field, \
        in\n\
        the log, and in the lists of messages and of the queue."
    )]
    Story(Story),
    /// List what arrived and what was refused, the latest first
    Stories(Stories),
    /// List the expunged messages of an account that can be restored
    Expunged(Expunged),
    /// Restore expunged messages
    Restore(Restore),
}

/// Arguments of `posthorn message list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// The account: its address, a login name or its id
    account: String,
    #[command(flatten)]
    mailbox: MailboxName,
}

/// Arguments of `posthorn message show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The message's id, as `message list` shows it
    #[arg(value_parser = email_id)]
    id: EmailId,
}

/// Arguments of `posthorn message story`.
#[derive(Debug, clap::Args)]
pub struct Story {
    /// The arrival's id
    #[arg(value_parser = arrival_id)]
    arrival: ArrivalId,
}

/// Arguments of `posthorn message stories`.
#[derive(Debug, clap::Args)]
pub struct Stories {
    /// Only those that concern this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
}

/// Arguments of `posthorn message expunged`.
#[derive(Debug, clap::Args)]
pub struct Expunged {
    /// The account: its address, a login name or its id
    account: String,
}

/// Arguments of `posthorn message restore`.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// The account: its address, a login name or its id
    account: String,
    /// The messages' ids, as `message expunged` shows them
    #[arg(required_unless_present = "all", value_parser = email_id)]
    ids: Vec<EmailId>,
    /// Everything that can be restored
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl Row for MessageItem {
    const COLUMNS: &'static [Column] = &[
        Column::right("UID"),
        Column::left("ID"),
        Column::left("ARRIVAL"),
        Column::left("RECEIVED"),
        Column::right("SIZE"),
        Column::left("FLAGS"),
        Column::left("FROM"),
        Column::left("SUBJECT"),
    ];
    const EMPTY: &'static str = "no messages";

    fn cells(&self) -> Vec<Cell> {
        let flags = self.flags.join(" ");
        vec![
            Cell::of(self.uid),
            Cell::text(&self.email.id),
            Cell::text(&self.email.arrival),
            Cell::text(&self.email.received_at),
            Cell::of(Size::bytes(self.email.size).rounded()),
            if flags.is_empty() { Cell::none() } else { Cell::text(&flags) },
            Cell::text(&self.email.from),
            Cell::text(&self.email.subject),
        ]
    }
}

impl Row for ExpungedItem {
    const COLUMNS: &'static [Column] = &[
        Column::left("ID"),
        Column::left("MAILBOX"),
        Column::right("SIZE"),
        Column::left("EXPUNGED"),
    ];
    const EMPTY: &'static str = "nothing can be restored";

    fn cells(&self) -> Vec<Cell> {
        vec![
            Cell::text(&self.id),
            Cell::text(&self.mailbox),
            Cell::of(Size::bytes(self.size).rounded()),
            Cell::text(&self.expunged_at),
        ]
    }
}

impl Row for StoryItem {
    const COLUMNS: &'static [Column] = &[
        Column::left("ARRIVAL"),
        Column::left("WHEN"),
        Column::left("OUTCOME"),
        Column::left("FROM"),
        Column::left("TO"),
        Column::left("REASON"),
    ];
    const EMPTY: &'static str = "no stories";

    fn cells(&self) -> Vec<Cell> {
        let detail = |kinds: &[&str], label: &str| {
            let events = self.events.iter().filter(|event| kinds.contains(&event.event.as_str()));
            let texts = events.filter_map(|event| detail(event, label));
            texts.collect::<Vec<_>>().join(", ")
        };
        let or_none = |text: String| if text.is_empty() { Cell::none() } else { Cell::text(&text) };
        vec![
            Cell::text(&self.arrival),
            Cell::text(&self.at),
            Cell::text(&self.kind),
            or_none(detail(&["sender"], "address")),
            or_none(detail(&["resolved", "routed", "recipient-refused"], "address")),
            or_none(detail(&["refused", "recipient-refused"], "reply")),
        ]
    }
}

fn detail<'e>(event: &'e EventItem, wanted: &str) -> Option<&'e str> {
    let found = event.details.iter().find(|(label, _)| label == wanted);
    found.map(|(_, text)| text.as_str())
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        Command::List(List { account, mailbox }) => {
            let mailbox = mailbox.or_inbox();
            let request = Request::Message(MessageRequest::List { account, mailbox });
            context.list::<MessageItem>(&request)
        }
        Command::Show(Show { id }) => show(id, context),
        Command::Story(Story { arrival }) => {
            let request = StoryRequest::Read { arrival: arrival.to_string() };
            let story: StoryItem = context.store()?.ask(&Request::Story(request))?;
            context.output.value(&story, text(&story).trim_end())?;
            Ok(Outcome::Success)
        }
        Command::Stories(Stories { account, limit }) => {
            context.list::<StoryItem>(&Request::Story(StoryRequest::List { account, limit }))
        }
        Command::Expunged(Expunged { account }) => {
            let request = Request::Message(MessageRequest::Expunged { account });
            context.list::<ExpungedItem>(&request)
        }
        Command::Restore(Restore { account, ids, .. }) => {
            let ids = ids.iter().map(EmailId::to_string).collect();
            let request = Request::Message(MessageRequest::Restore { account, ids });
            let restored: usize = context.store()?.ask(&request)?;
            let people = format!("{restored} restored");
            context.output.value(&serde_json::json!({ "restored": restored }), &people)?;
            Ok(Outcome::Success)
        }
    }
}

fn show(id: EmailId, context: &mut Context) -> Result<Outcome, Failure> {
    let mut client = context.store()?;
    client.send(&Request::Message(MessageRequest::Show { id: id.to_string() }))?;
    loop {
        match client.next_event()? {
            Event::Chunk(piece) if !context.output.is_json() => context.output.bytes(&piece)?,
            Event::Chunk(_) | Event::End | Event::Item(_) => {}
            Event::Done(value) => {
                if context.output.is_json() {
                    let item: EmailItem = serde_json::from_value(value)
                        .map_err(posthorn_server::control::ControlError::Malformed)?;
                    context.output.json_line(&item)?;
                }
                return Ok(Outcome::Success);
            }
        }
    }
}

/// A story for people: a line for each event, its particulars behind it.
fn text(story: &StoryItem) -> String {
    let mut text = format!("{} {} {}\n", story.arrival, story.kind, story.at);
    for event in &story.events {
        let details = event.details.iter();
        let details: Vec<String> =
            details.map(|(label, text)| format!("{label} {}", Shown::text(text))).collect();
        let branch = event.account.as_deref().map(|account| format!(" [{}]", Shown::text(account)));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {}  {:<18} {}{}",
            event.at,
            event.event,
            details.join(", "),
            branch.unwrap_or_default()
        );
    }
    text
}
