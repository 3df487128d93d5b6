//! `posthorn store check|sql|snapshot|purge`

use super::{Context, Outcome};
use crate::config::Size;
use crate::exit::{Exit, Explain, Failure};
use crate::output::{Cell, Column, Row};
use posthorn_base::EmailId;
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{
    CheckedItem, FindingItem, MessageRequest, SnapshotItem, SqlItem, StoreRequest,
};
use serde_json::Value;
use std::path::PathBuf;

/// The commands below `posthorn store`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Verify every reference, count, sum and order; ends with 65 when something is not as it must
    /// be
    Check(Check),
    /// Ask the store a question in SQL. It can only read, and shows no secrets
    #[command(after_help = "It changes nothing: that is what the other commands are for.\n\n\
        Examples:\n  \
        posthorn store sql 'SELECT name FROM sqlite_schema'\n  \
        posthorn store sql \"SELECT address, used_bytes FROM account\" --json")]
    Sql(Sql),
    /// Copy the store to a directory, consistently, while it serves
    #[command(after_help = "The copy is a store: posthorn --dir DIR message list ...\n\
        An earlier copy in the same directory makes the next one faster.")]
    Snapshot(Snapshot),
    /// Remove expunged messages for ever, before their time
    Purge(Purge),
}

/// Arguments of `posthorn store check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Read every message and compare it with its checksum
    #[arg(long)]
    deep: bool,
}

/// Arguments of `posthorn store sql`.
#[derive(Debug, clap::Args)]
pub struct Sql {
    /// The question
    query: String,
}

/// Arguments of `posthorn store snapshot`.
#[derive(Debug, clap::Args)]
pub struct Snapshot {
    /// Where to; it is made if it is missing
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

/// Arguments of `posthorn store purge`.
#[derive(Debug, clap::Args)]
pub struct Purge {
    /// Only in this account
    account: Option<String>,
    /// Only these messages
    #[arg(requires = "account", value_parser = super::argument::email_id)]
    ids: Vec<EmailId>,
    /// Yes, now and for ever
    #[arg(long, required = true)]
    now: bool,
}

impl Row for FindingItem {
    const COLUMNS: &'static [Column] =
        &[Column::left("RULE"), Column::left("ACCOUNT"), Column::left("WHERE")];
    const EMPTY: &'static str = "everything is as it must be";

    fn cells(&self) -> Vec<Cell> {
        let account = self.account.as_deref().map_or_else(Cell::none, Cell::text);
        vec![Cell::text(&self.rule), account, Cell::text(&self.detail)]
    }
}

/// The directory for a copy cannot be named.
#[derive(Debug, thiserror::Error)]
#[error("cannot tell where {} is", path.display())]
struct TargetError {
    path: PathBuf,
    source: std::io::Error,
}

impl Explain for TargetError {
    fn exit(&self) -> Exit {
        Exit::System
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        Command::Check(Check { deep }) => check(deep, context),
        Command::Sql(Sql { query }) => sql(query, context),
        Command::Snapshot(Snapshot { target }) => snapshot(target, context),
        Command::Purge(Purge { account, ids, .. }) => {
            let ids = ids.iter().map(EmailId::to_string).collect();
            let request = Request::Message(MessageRequest::Purge { account, ids });
            let purged: usize = context.store()?.ask(&request)?;
            let people = format!("{purged} purged");
            context.output.value(&serde_json::json!({ "purged": purged }), &people)?;
            Ok(Outcome::Success)
        }
    }
}

fn check(deep: bool, context: &mut Context) -> Result<Outcome, Failure> {
    let mut client = context.store()?;
    let mut listing = context.output.listing::<FindingItem>();
    let request = Request::Store(StoreRequest::Check { deep });
    let checked: CheckedItem =
        client.list::<FindingItem, _, Failure>(&request, |item| Ok(listing.row(&item)?))?;
    listing.end()?;
    let people = format!(
        "looked at {} accounts and {} bodies, found {} faults",
        checked.accounts, checked.bodies, checked.findings
    );
    context.output.value(&checked, &people)?;
    let is_well = checked.findings == 0;
    Ok(if is_well { Outcome::Success } else { Outcome::Verdict(Exit::DataError) })
}

fn sql(query: String, context: &mut Context) -> Result<Outcome, Failure> {
    let mut client = context.store()?;
    let request = Request::Store(StoreRequest::Sql { query });
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let table: SqlItem = client.list::<Vec<Value>, _, Failure>(&request, |row| {
        rows.push(row);
        Ok(())
    })?;
    if !context.output.is_json() {
        context.output.text(&format!("{}\n", table.columns.join("\t")))?;
    }
    for row in rows {
        if context.output.is_json() {
            let object = table.columns.iter().cloned().zip(row);
            context.output.json_line(&object.collect::<serde_json::Map<_, _>>())?;
        } else {
            let cells: Vec<String> = row.iter().map(shown).collect();
            context.output.text(&format!("{}\n", cells.join("\t")))?;
        }
    }
    if table.cut {
        crate::output::notice("there are more rows: ask for fewer with LIMIT and OFFSET");
    }
    Ok(Outcome::Success)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => Shown::text(text).to_string(),
        other => other.to_string(),
    }
}

fn snapshot(target: PathBuf, context: &mut Context) -> Result<Outcome, Failure> {
    // The server has a working directory of its own.
    let dir = std::path::absolute(&target)
        .map_err(|source| TargetError { path: target.clone(), source })?;
    let request = Request::Store(StoreRequest::Snapshot { dir });
    let done: SnapshotItem = context.store()?.ask(&request)?;
    let people = format!(
        "copied {} and {} files to {}",
        Size::bytes(done.database_bytes).rounded(),
        done.files_copied,
        done.dir.display()
    );
    context.output.value(&done, &people)?;
    Ok(Outcome::Success)
}
