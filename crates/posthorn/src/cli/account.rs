//! `posthorn account list|show|add|remove|password|quota|disable|enable|rename|login`

use super::argument::{AccountName, size};
use super::{Context, Outcome};
use crate::config::Size;
use crate::exit::Failure;
use crate::output::{Cell, Column, Row};
use crate::password::{self, Password};
use posthorn_base::Address;
use posthorn_base::shown::Shown;
use posthorn_server::control::Request;
use posthorn_server::control::operations::{
    AccountDetails, AccountItem, AccountRequest, RemovedAccount,
};
use serde_json::Value;
use std::fmt::Write;

/// The commands below `posthorn account`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the accounts
    List,
    /// Show an account with its login names, grants and credentials
    Show(AccountName),
    /// Make an account. Asks for its password
    #[command(after_help = "Examples:\n  \
        posthorn account add alice@example.com --name 'Alice Example' --login alice\n  \
        pwgen 20 1 | posthorn account add bob@example.com --password-stdin --quota '2 GiB'")]
    Add(Add),
    /// Remove an account with all of its mail, for ever
    #[command(after_help = "From the start on nobody logs in to it and mail for it is refused. \
        When the command is cut off,\nthe server goes on by itself, as it does after a crash.")]
    Remove(Remove),
    /// Set an account's main password. Asks for it
    Password(SetPassword),
    /// Set what an account may hold; without options, no limit
    #[command(after_help = "Example:\n  posthorn account quota alice@example.com --bytes '5 GiB'")]
    Quota(Quota),
    /// Let nobody log in to an account any more. Its mail keeps arriving
    Disable(AccountName),
    /// Let its owner log in to an account again
    Enable(AccountName),
    /// Set the owner's name, which completes the From field of what they send
    Rename(Rename),
    /// Add a login name to an account
    AddLogin(Login),
    /// Take a login name away
    RemoveLogin(LoginName),
}

/// Arguments of `posthorn account add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Its address
    address: Address,
    /// The owner's name
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    name: String,
    /// A further name to log in with; can be repeated
    #[arg(long = "login", value_name = "NAME")]
    logins: Vec<String>,
    /// What it may hold, such as '2 GiB'; no limit without it
    #[arg(long, value_name = "SIZE", value_parser = size)]
    quota: Option<Size>,
    /// How many messages it may hold; no limit without it
    #[arg(long, value_name = "NUMBER")]
    quota_messages: Option<u64>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Make it without a password: nobody can log in until it has one
    #[arg(long, conflicts_with = "password_stdin")]
    no_password: bool,
}

/// Arguments of `posthorn account remove`.
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The account: its address, a login name or its id
    account: String,
    /// Yes, with all of its mail
    #[arg(long, required = true)]
    with_all_mail: bool,
    /// Even when aliases or lists lead to it
    #[arg(long)]
    allow_dangling: bool,
}

/// Arguments of `posthorn account password`.
#[derive(Debug, clap::Args)]
pub struct SetPassword {
    /// The account: its address, a login name or its id
    account: String,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Arguments of `posthorn account quota`.
#[derive(Debug, clap::Args)]
pub struct Quota {
    /// The account: its address, a login name or its id
    account: String,
    /// What it may hold
    #[arg(long, value_name = "SIZE", value_parser = size)]
    bytes: Option<Size>,
    /// How many messages it may hold
    #[arg(long, value_name = "NUMBER")]
    messages: Option<u64>,
}

/// Arguments of `posthorn account rename`.
#[derive(Debug, clap::Args)]
pub struct Rename {
    /// The account: its address, a login name or its id
    account: String,
    /// The owner's name
    name: String,
}

/// Arguments of `posthorn account add-login`.
#[derive(Debug, clap::Args)]
pub struct Login {
    /// The account: its address, a login name or its id
    account: String,
    /// The name to log in with
    login: String,
}

/// Arguments of `posthorn account remove-login`.
#[derive(Debug, clap::Args)]
pub struct LoginName {
    /// The name, whosever it is
    login: String,
}

impl Row for AccountItem {
    const COLUMNS: &'static [Column] = &[
        Column::left("ADDRESS"),
        Column::left("NAME"),
        Column::right("MESSAGES"),
        Column::right("USED"),
        Column::right("QUOTA"),
        Column::left("STATE"),
    ];
    const EMPTY: &'static str = "no accounts";

    fn cells(&self) -> Vec<Cell> {
        let size = |bytes: u64| Cell::of(Size::bytes(bytes).rounded());
        vec![
            Cell::text(&self.address),
            if self.name.is_empty() { Cell::none() } else { Cell::text(&self.name) },
            Cell::of(self.used_messages),
            size(self.used_bytes),
            self.quota_bytes.map_or_else(Cell::none, size),
            Cell::text(match (self.removing, self.disabled_at.is_some()) {
                (true, _) => "being removed",
                (false, true) => "disabled",
                (false, false) => "active",
            }),
        ]
    }
}

pub(super) fn run(command: Command, context: &mut Context) -> Result<Outcome, Failure> {
    let ask = Request::Account;
    match command {
        Command::List => context.list::<AccountItem>(&ask(AccountRequest::List {})),
        Command::Show(AccountName { account }) => show(account, context),
        Command::Add(add) => make(add, context),
        Command::Remove(Remove { account, allow_dangling, .. }) => {
            let request = ask(AccountRequest::Remove { account, allow_dangling });
            let removed: RemovedAccount = context.store()?.ask(&request)?;
            let people = match removed.messages {
                1 => format!("{} removed, with 1 message", Shown::text(&removed.address)),
                n => format!("{} removed, with {n} messages", Shown::text(&removed.address)),
            };
            context.output.value(&removed, &people)?;
            Ok(Outcome::Success)
        }
        Command::Password(SetPassword { account, password_stdin }) => {
            let people = format!("the password of {} is set", Shown::text(&account));
            // Nobody types a password twice to learn that there is no such account.
            let show = AccountRequest::Show { account: account.clone() };
            context.store()?.ask::<AccountDetails>(&ask(show))?;
            let password = new_password(password_stdin)?;
            context.order(&ask(AccountRequest::Password { account, password }), &people)
        }
        Command::Quota(Quota { account, bytes, messages }) => {
            let people = format!("the quota of {} is set", Shown::text(&account));
            let bytes = bytes.map(Size::get);
            context.order(&ask(AccountRequest::Quota { account, bytes, messages }), &people)
        }
        Command::Disable(AccountName { account }) => {
            let people = format!("{} is disabled", Shown::text(&account));
            context.order(&ask(AccountRequest::Enable { account, enabled: false }), &people)
        }
        Command::Enable(AccountName { account }) => {
            let people = format!("{} is enabled", Shown::text(&account));
            context.order(&ask(AccountRequest::Enable { account, enabled: true }), &people)
        }
        Command::Rename(Rename { account, name }) => {
            let people = format!("{} is renamed", Shown::text(&account));
            context.order(&ask(AccountRequest::Rename { account, name }), &people)
        }
        Command::AddLogin(Login { account, login }) => {
            let people = format!("{} may log in as {}", Shown::text(&account), Shown::text(&login));
            context.order(&ask(AccountRequest::AddLogin { account, login }), &people)
        }
        Command::RemoveLogin(LoginName { login }) => {
            let people = format!("nobody may log in as {} any more", Shown::text(&login));
            context.order(&ask(AccountRequest::RemoveLogin { login }), &people)
        }
    }
}

fn new_password(from_stdin: bool) -> Result<Password, Failure> {
    let password =
        if from_stdin { password::from_stdin() } else { password::ask_twice("New password: ") };
    Ok(password?)
}

fn make(add: Add, context: &mut Context) -> Result<Outcome, Failure> {
    let check =
        AccountRequest::Check { address: add.address.to_string(), logins: add.logins.clone() };
    context.store()?.ask::<Value>(&Request::Account(check))?;
    let password = if add.no_password { None } else { Some(new_password(add.password_stdin)?) };
    let request = Request::Account(AccountRequest::Add {
        address: add.address.to_string(),
        name: add.name,
        logins: add.logins,
        quota_bytes: add.quota.map(Size::get),
        quota_messages: add.quota_messages,
        password,
    });
    let made: AccountItem = context.store()?.ask(&request)?;
    context.output.value(&made, &format!("{} added", Shown::text(&made.address)))?;
    Ok(Outcome::Success)
}

fn show(account: String, context: &mut Context) -> Result<Outcome, Failure> {
    let request = Request::Account(AccountRequest::Show { account });
    let details: AccountDetails = context.store()?.ask(&request)?;
    context.output.value(&details, text(&details).trim_end())?;
    Ok(Outcome::Success)
}

fn text(details: &AccountDetails) -> String {
    let account = &details.account;
    let mut text = String::new();
    let limit = |limit: Option<String>| limit.unwrap_or_else(|| "no limit".to_owned());
    let size = |bytes: u64| Size::bytes(bytes).rounded();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<12} {}", Shown::text(value));
    };
    line("address", &account.address);
    line("id", &account.id);
    line("name", if account.name.is_empty() { "-" } else { &account.name });
    line("since", &account.created_at);
    if let Some(since) = &account.disabled_at {
        line("disabled", since);
    }
    line(
        "messages",
        &format!(
            "{} of {}",
            account.used_messages,
            limit(account.quota_messages.map(|n| n.to_string()))
        ),
    );
    line(
        "size",
        &format!("{} of {}", size(account.used_bytes), limit(account.quota_bytes.map(size))),
    );
    line(
        "restorable",
        &format!("{} messages, {}", account.expunged_messages, size(account.expunged_bytes)),
    );
    line("logins", &if details.logins.is_empty() { "-".into() } else { details.logins.join(", ") });
    for grant in &details.grants {
        line("writes as", &format!("{} ({})", grant.address, grant.uses.join(", ")));
    }
    for credential in &details.credentials {
        let used = credential.last_used_at.as_deref().unwrap_or("never");
        let scopes = credential.scopes.join(", ");
        line(
            "opened by",
            &format!("{} {:?} ({scopes}), last used {used}", credential.kind, credential.name),
        );
    }
    text
}
