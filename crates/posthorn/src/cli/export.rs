//! `posthorn export ACCOUNT --mbox FILE|--maildir DIR`

use super::argument::MailboxName;
use super::{Context, Outcome};
use crate::exit::Failure;
use crate::output::Progress;
use crate::transfer::Given;
use crate::transfer::maildir::MaildirWriter;
use crate::transfer::mbox::MboxWriter;
use posthorn_server::control::operations::{ExportItem, ExportRequest, MailboxItem};
use posthorn_server::control::{Client, ControlError, Event, Request};
use std::path::PathBuf;

/// Arguments of `posthorn export`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Export messages to an mbox or a Maildir\n\n\
        Dates, flags and keywords are kept. A Maildir gets all mailboxes (Maildir++), or the one \
        that is named; started again, it gets what is new. An mbox gets one mailbox, INBOX unless \
        another is named, in the form mboxrd.",
    after_help = "Examples:\n  \
        posthorn export alice@example.com --maildir ./alice\n  \
        posthorn export alice@example.com --mbox sent.mbox --mailbox Sent"
)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["mbox", "maildir"]))]
pub struct Args {
    /// The account: its address, a login name or its id
    account: String,
    #[command(flatten)]
    mailbox: MailboxName,
    /// The mbox file, which must not exist
    #[arg(long, value_name = "FILE")]
    mbox: Option<PathBuf>,
    /// The Maildir
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
}

pub(super) fn run(args: Args, context: &mut Context) -> Result<Outcome, Failure> {
    let mut client = context.store()?;
    let mailboxes = mailboxes(&mut client, &args)?;
    let mut exported = 0;
    for (mailbox, messages) in mailboxes {
        let mut progress = Progress::new("messages", Some(messages));
        let request = ExportRequest { account: args.account.clone(), mailbox: mailbox.clone() };
        match (&args.mbox, &args.maildir) {
            (Some(path), _) => {
                let mut writer = MboxWriter::create(path)?;
                receive(&mut client, request, |message| {
                    progress.advance(1);
                    exported += 1;
                    Ok(writer.write(&message)?)
                })?;
                writer.finish()?;
            }
            (None, Some(root)) => {
                let mut writer = MaildirWriter::open(root, &mailbox)?;
                receive(&mut client, request, |message| {
                    progress.advance(1);
                    exported += u64::from(writer.write(&message)?);
                    Ok(())
                })?;
            }
            (None, None) => {}
        }
    }
    let people = format!("{exported} messages exported");
    context.output.value(&serde_json::json!({ "exported": exported }), &people)?;
    Ok(Outcome::Success)
}

/// The mailboxes that are meant, with how much is in them.
fn mailboxes(client: &mut Client, args: &Args) -> Result<Vec<(String, u64)>, Failure> {
    let wanted = match (args.mailbox.get(), &args.mbox) {
        (Some(name), _) => Some(name),
        (None, Some(_)) => Some("INBOX"),
        (None, None) => None,
    };
    let mut all = Vec::new();
    let request = Request::Mailboxes { account: args.account.clone() };
    client.list::<MailboxItem, (), Failure>(&request, |mailbox| {
        if wanted.is_none_or(|wanted| wanted == mailbox.name) {
            all.push((mailbox.name, mailbox.messages));
        }
        Ok(())
    })?;
    if let (Some(name), true) = (wanted, all.is_empty()) {
        // The server says that there is none.
        all.push((name.to_owned(), 0));
    }
    Ok(all)
}

fn receive(
    client: &mut Client,
    request: ExportRequest,
    mut each: impl FnMut(Given) -> Result<(), Failure>,
) -> Result<(), Failure> {
    client.send(&Request::Export(request))?;
    let mut message = None;
    loop {
        match client.next_event()? {
            Event::Item(value) => {
                let item: ExportItem =
                    serde_json::from_value(value).map_err(ControlError::Malformed)?;
                let ExportItem { id, received, flags, sender, .. } = item;
                message = Some(Given { id, octets: Vec::new(), received, flags, sender });
            }
            Event::Chunk(piece) => match &mut message {
                Some(message) => message.octets.extend_from_slice(&piece),
                None => return Err(unexpected().into()),
            },
            Event::End => each(message.take().ok_or_else(unexpected)?)?,
            Event::Done(_) => return Ok(()),
        }
    }
}

fn unexpected() -> ControlError {
    ControlError::Unexpected("bytes of no message")
}
