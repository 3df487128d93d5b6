//! The command line. Each command is a file here: its arguments, its help and what it does.

mod account;
mod alias;
mod app_password;
mod argument;
mod block;
mod certificate;
mod check;
mod completions;
mod config;
mod demo;
mod domain;
mod export;
mod grant;
mod import;
mod list;
mod mailbox;
mod man;
mod message;
mod queue;
mod reload;
mod remote;
mod serve;
mod store;
mod usage;

use crate::config::{LoadError, Loaded};
use crate::exit::{Exit, Failure};
use crate::output::{self, Output, OutputError};
use clap::{CommandFactory, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the configuration lies unless `--config` says otherwise.
pub const CONFIG_PATH: &str = "/etc/posthorn/posthorn.toml";

/// Where a command's help lists what it shares with all others.
const GLOBAL_HEADING: &str = "Options of every command";

/// A complete mail system in one program.
#[derive(Debug, Parser)]
#[command(
    name = "posthorn",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Every command has its own help: posthorn COMMAND --help\n\
                  Exit codes are those of sysexits.h: 64 wrong usage, 65 wrong data, 66 no such \
                  file or store,\n67 no such account, address or message, 69 not available, 73 \
                  exists already or cannot be made,\n75 try again later, 77 not allowed, 78 wrong \
                  configuration. `posthorn man` lists all of them."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct Globals {
    /// The configuration file [default: /etc/posthorn/posthorn.toml]
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL_HEADING,
        value_name = "FILE",
        env = "POSTHORN_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// The store's directory, instead of the one that the configuration names
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL_HEADING,
        value_name = "DIR",
        env = "POSTHORN_DIR",
        hide_env_values = true
    )]
    pub dir: Option<PathBuf>,
    /// Print results as JSON, one value a line
    #[arg(long, global = true, help_heading = GLOBAL_HEADING)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a server for trying things out, on this machine alone
    Demo(demo::Args),
    /// Run the mail server in the foreground, until SIGTERM or Ctrl-C
    Serve(serve::Args),
    /// Say what is wrong in a configuration
    Check(check::Args),
    /// Have the running server read its configuration and certificates again
    Reload(reload::Args),
    /// List and lift the blocks of the running server
    #[command(subcommand)]
    Block(block::Command),
    /// Show the configuration, its defaults, its reference
    #[command(subcommand)]
    Config(config::Command),
    /// Domains that mail is received for
    #[command(subcommand)]
    Domain(domain::Command),
    /// Accounts: who has mailboxes, and what opens them
    #[command(subcommand)]
    Account(account::Command),
    /// Passwords for one device or program
    #[command(subcommand)]
    AppPassword(app_password::Command),
    /// Client certificates that open an account without a password
    #[command(subcommand)]
    Certificate(certificate::Command),
    /// Addresses that lead elsewhere
    #[command(subcommand)]
    Alias(alias::Command),
    /// Addresses that lead to many
    #[command(subcommand)]
    List(list::Command),
    /// Which addresses an account may write as
    #[command(subcommand)]
    Grant(grant::Command),
    /// Mailboxes of an account
    #[command(subcommand)]
    Mailbox(mailbox::Command),
    /// Messages, and what became of them
    #[command(subcommand)]
    Message(message::Command),
    /// Import messages from an mbox or a Maildir
    Import(import::Args),
    /// Export messages to an mbox or a Maildir
    Export(export::Args),
    /// Messages that wait to be sent on
    #[command(subcommand)]
    Queue(queue::Command),
    /// The store as a whole: check it, question it, copy it
    #[command(subcommand)]
    Store(store::Command),
    /// Print a script with which a shell completes posthorn's commands
    Completions(completions::Args),
    /// Print a manual page, or write all of them
    Man(man::Args),
}

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// Options of every command.
    pub globals: Globals,
    /// Where results go.
    pub output: Output,
}

impl Context {
    /// The configuration file that is meant.
    pub fn config_path(&self) -> &Path {
        self.globals.config.as_deref().unwrap_or(Path::new(CONFIG_PATH))
    }

    /// Reads the configuration file.
    pub fn config(&self) -> Result<Loaded, LoadError> {
        let mut loaded = Loaded::from_file(self.config_path())?;
        if let Some(dir) = &self.globals.dir {
            loaded.config.store.dir.clone_from(dir);
        }
        Ok(loaded)
    }

    /// The directory of the store: what `--dir` says, else what the configuration says.
    pub fn store_dir(&self) -> Result<PathBuf, LoadError> {
        match &self.globals.dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(Loaded::from_file(self.config_path())?.config.store.dir),
        }
    }
}

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Success,
    /// The command did its work and told its result; this code says what it was.
    Verdict(Exit),
}

impl Command {
    /// Does it.
    pub fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        match self {
            Command::Demo(args) => demo::run(&args, context),
            Command::Serve(args) => serve::run(&args, context),
            Command::Check(args) => check::run(&args, context),
            Command::Reload(args) => reload::run(&args, context),
            Command::Block(command) => block::run(&command, context),
            Command::Config(command) => config::run(&command, context),
            Command::Domain(command) => domain::run(&command, context),
            Command::Account(command) => account::run(command, context),
            Command::AppPassword(command) => app_password::run(command, context),
            Command::Certificate(command) => certificate::run(command, context),
            Command::Alias(command) => alias::run(command, context),
            Command::List(command) => list::run(command, context),
            Command::Grant(command) => grant::run(command, context),
            Command::Mailbox(command) => mailbox::run(command, context),
            Command::Message(command) => message::run(command, context),
            Command::Import(args) => import::run(args, context),
            Command::Export(args) => export::run(args, context),
            Command::Queue(command) => queue::run(command, context),
            Command::Store(command) => store::run(command, context),
            Command::Completions(args) => completions::run(&args, context),
            Command::Man(args) => man::run(&args, context),
        }
    }
}

/// Parses the arguments of this process, and does what they say.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => usage::end(&error),
    }
}

fn run(cli: Cli) -> ExitCode {
    let json = cli.globals.json;
    let mut context = Context { output: Output::stdout(json), globals: cli.globals };
    let outcome = cli.command.run(&mut context);
    // What was printed before a failure is still a result.
    let flushed = context.output.flush().map_err(Failure::from);
    match outcome.and_then(|outcome| flushed.map(|()| outcome)) {
        Ok(Outcome::Success) => ExitCode::SUCCESS,
        Ok(Outcome::Verdict(exit)) => exit.into(),
        Err(failure) => {
            let output = failure.downcast_ref::<OutputError>();
            if output.is_some_and(OutputError::is_reader_gone) {
                return ExitCode::SUCCESS;
            }
            output::report(&failure, json);
            failure.exit().into()
        }
    }
}

/// The whole command line as clap sees it: for completions, manual pages and tests.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_and_every_option_has_a_help_text() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments() {
                let name = (command.get_name(), argument.get_id());
                assert!(argument.get_help().is_some(), "{name:?} has no help");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&command());
    }
}
