//! Arguments that several commands share: ids, sizes, and the mailbox.

use crate::config::{Size, UnitError};
use posthorn_base::{ArrivalId, EmailId, QueueId};
use std::fmt::Display;
use std::str::FromStr;

/// Reads an id; what is none is told where ids are found.
fn id<T>(text: &str, found: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| format!("{error}\n\n  tip: {found}"))
}

/// The id of a message.
pub(super) fn email_id(text: &str) -> Result<EmailId, String> {
    id(text, "'posthorn message list ACCOUNT' shows messages with their ids")
}

/// The id of an arrival.
pub(super) fn arrival_id(text: &str) -> Result<ArrivalId, String> {
    id(
        text,
        "an arrival's id stands in the 250, in our Received field, in the log, and in the column \
         ARRIVAL of 'posthorn message list ACCOUNT' and 'posthorn message stories'",
    )
}

/// The id of a row of the queue.
pub(super) fn queue_id(text: &str) -> Result<QueueId, String> {
    id(text, "'posthorn queue list' shows the rows with their ids")
}

/// A size; what is none is told how one is written.
pub(super) fn size(text: &str) -> Result<Size, String> {
    text.parse().map_err(|error: UnitError| {
        format!(
            "{error}\n\n  tip: write it like '2 GiB', '500 MB' or 2GiB; units are B, KB, MB, GB, \
             TB, KiB, MiB, GiB and TiB"
        )
    })
}

/// An account.
#[derive(Debug, clap::Args)]
pub struct AccountName {
    /// The account: its address, a login name or its id
    pub(super) account: String,
}

/// Something that opens an account.
#[derive(Debug, clap::Args)]
pub struct CredentialName {
    /// The account: its address, a login name or its id
    pub(super) account: String,
    /// Its name
    pub(super) name: String,
}

/// A mailbox, named as an argument or by an option: whatever one remembers is right.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct MailboxName {
    /// The mailbox
    #[arg(value_name = "MAILBOX", id = "mailbox_argument", conflicts_with = "mailbox_option")]
    argument: Option<String>,
    /// The mailbox, as an option
    #[arg(long = "mailbox", value_name = "MAILBOX", id = "mailbox_option")]
    option: Option<String>,
}

impl MailboxName {
    /// What was named, if anything was.
    pub(super) fn get(&self) -> Option<&str> {
        self.argument.as_deref().or(self.option.as_deref())
    }

    /// What was named, or else INBOX.
    pub(super) fn or_inbox(&self) -> String {
        self.get().unwrap_or("INBOX").to_owned()
    }
}
