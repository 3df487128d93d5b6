//! `posthorn import ACCOUNT --mbox FILE|--maildir DIR`

use super::argument::MailboxName;
use super::{Context, Outcome};
use crate::exit::{Exit, Explain, Failure};
use crate::output::{self, Progress};
use crate::transfer::maildir::{MaildirReader, folders};
use crate::transfer::mbox::{MboxReader, Quoting};
use crate::transfer::{Found, TransferError};
use posthorn_base::limits::{
    IMPORT_BATCH_BYTES_MAX, IMPORT_BATCH_MESSAGES_MAX, MESSAGE_BYTES_MAX, POP3_UNIQUE_ID_BYTES_MAX,
};
use posthorn_server::control::operations::{
    ImportItem, ImportProgress, ImportRequest, ImportStart,
};
use posthorn_server::control::{Client, ControlError, Event, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Arguments of `posthorn import`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Import messages from an mbox or a Maildir\n\n\
        Dates, flags and keywords are kept, and so are the unique-ids under which POP3 clients \
        know messages that come from Dovecot. A Maildir brings its subfolders (Maildir++) \
        along. They go to INBOX, or to the mailbox that is named: for a Maildir, the one above its \
        subfolders.\n\n\
        An import that was cut off goes on where it stopped when it is started again, and repeats \
        nothing; of a source that has grown, it takes what is new.",
    after_help = "Examples:\n  \
        posthorn import alice@example.com --maildir ~/Maildir\n  \
        posthorn import alice@example.com --mbox old.mbox --mailbox Archive/2011"
)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["mbox", "maildir"]))]
pub struct Args {
    /// The account: its address, a login name or its id
    account: String,
    #[command(flatten)]
    mailbox: MailboxName,
    /// The mbox file
    #[arg(long, value_name = "FILE")]
    mbox: Option<PathBuf>,
    /// The Maildir
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// How lines that begin with "From " are quoted in the mbox
    #[arg(long, value_enum, default_value_t = Quoting::Mboxrd, conflicts_with = "maildir")]
    quoting: Quoting,
}

/// Where messages come from.
enum Source {
    Mbox(MboxReader),
    Maildir(MaildirReader),
}

impl Source {
    fn next_message(&mut self) -> Result<Option<Found>, TransferError> {
        match self {
            Source::Mbox(reader) => reader.next_message(),
            Source::Maildir(reader) => reader.next_message(),
        }
    }
}

/// What an import did.
#[derive(Debug, Default)]
struct Done {
    imported: usize,
    /// Too large to be had.
    left_out: usize,
}

/// Messages were left out.
#[derive(Debug, thiserror::Error)]
#[error("{0} messages are larger than {MESSAGE_BYTES_MAX} bytes and were left out")]
struct LeftOut(usize);

impl Explain for LeftOut {
    fn exit(&self) -> Exit {
        Exit::DataError
    }
}

pub(super) fn run(args: Args, context: &mut Context) -> Result<Outcome, Failure> {
    let mut client = context.store()?;
    let done = match (&args.mbox, &args.maildir) {
        (Some(mbox), _) => import_mbox(&mut client, &args, mbox, args.mailbox.or_inbox())?,
        (None, Some(maildir)) => import_maildir(&mut client, &args, maildir)?,
        (None, None) => Done::default(),
    };
    let people = format!("{} messages imported", done.imported);
    let value = serde_json::json!({ "imported": done.imported, "left_out": done.left_out });
    context.output.value(&value, &people)?;
    if done.left_out > 0 {
        return Err(LeftOut(done.left_out).into());
    }
    Ok(Outcome::Success)
}

fn import_mbox(
    client: &mut Client,
    args: &Args,
    path: &Path,
    mailbox: String,
) -> Result<Done, Failure> {
    // What is no mbox is told before a mailbox is made for it.
    MboxReader::open(path, args.quoting, None)?;
    let start = begin(client, args, mailbox, path)?;
    let reader = MboxReader::open(path, args.quoting, start.state.as_deref())?;
    let mut progress = Progress::new("KiB", Some(reader.steps()));
    progress.advance(reader.steps_done());
    transfer(client, Source::Mbox(reader), &mut progress)
}

fn import_maildir(client: &mut Client, args: &Args, root: &Path) -> Result<Done, Failure> {
    let folders = folders(root)?;
    let mut all = Done::default();
    for folder in folders {
        let mailbox = match (args.mailbox.get(), folder.name) {
            (None, None) => "INBOX".to_owned(),
            (None, Some(name)) => name,
            (Some(above), None) => above.to_owned(),
            (Some(above), Some(name)) => format!("{above}/{name}"),
        };
        let start = begin(client, args, mailbox, &folder.dir)?;
        let reader = MaildirReader::open(&folder.dir, start.state.as_deref())?;
        let mut progress = Progress::new("messages", Some(reader.steps()));
        let done = transfer(client, Source::Maildir(reader), &mut progress)?;
        all.imported += done.imported;
        all.left_out += done.left_out;
    }
    Ok(all)
}

fn begin(
    client: &mut Client,
    args: &Args,
    mailbox: String,
    path: &Path,
) -> Result<ImportStart, Failure> {
    let path = path.canonicalize().map_err(TransferError::read(path))?;
    client.send(&Request::Import(ImportRequest {
        account: args.account.clone(),
        mailbox,
        source: path.to_string_lossy().into_owned(),
    }))?;
    Ok(item(client)?)
}

/// Sends everything in batches. One batch is stored while the next one is read and sent, and no
/// more than that: the server's answers are never left unread for long.
fn transfer(
    client: &mut Client,
    mut source: Source,
    progress: &mut Progress,
) -> Result<Done, Failure> {
    let mut done = Done::default();
    let (mut messages, mut bytes, mut commits) = (0, 0, 0_u32);
    while let Some(found) = source.next_message()? {
        progress.advance(found.steps);
        if found.octets.len() as u64 > MESSAGE_BYTES_MAX {
            progress.clear();
            output::notice(&format!("a message is too large, at {}", found.place));
            done.left_out += 1;
            continue;
        }
        messages += 1;
        bytes += found.octets.len();
        send(client, found)?;
        if messages >= IMPORT_BATCH_MESSAGES_MAX || bytes > IMPORT_BATCH_BYTES_MAX {
            (messages, bytes) = (0, 0);
            client.send_item(&ImportItem::Commit {})?;
            commits += 1;
            if commits > 1 {
                item::<ImportProgress>(client)?;
            }
        }
    }
    client.send_end()?;
    loop {
        match client.next_event()? {
            Event::Item(_) => {}
            Event::Done(value) => {
                done.imported = typed(value)?;
                return Ok(done);
            }
            Event::Chunk(_) | Event::End => return Err(unexpected().into()),
        }
    }
}

fn send(client: &mut Client, found: Found) -> Result<(), ControlError> {
    // RFC 1939 7: what is no unique-id gets one of ours.
    let is_unique_id = |id: &String| {
        (1..=POP3_UNIQUE_ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    client.send_item(&ImportItem::Message {
        received: found.received,
        offset_minutes: 0,
        flags: found.flags,
        unique_id: found.unique_id.filter(is_unique_id),
        place: found.place,
    })?;
    client.send_content(&found.octets)
}

/// The next thing that the server says, which must be an item.
fn item<T: DeserializeOwned>(client: &mut Client) -> Result<T, ControlError> {
    match client.next_event()? {
        Event::Item(value) => typed(value),
        Event::Chunk(_) | Event::End | Event::Done(_) => Err(unexpected()),
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ControlError> {
    serde_json::from_value(value).map_err(ControlError::Malformed)
}

fn unexpected() -> ControlError {
    ControlError::Unexpected("not what an import is answered with")
}
