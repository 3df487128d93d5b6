//! `posthorn demo`

use super::{Context, Outcome};
use crate::config::Log;
use crate::demo::{self, Crowd, Demo, DemoError, Wanted};
use crate::exit::Failure;
use crate::startup::privileges::Unprivileged;
use crate::startup::{logging, runtime};
use posthorn_base::Domain;
use posthorn_server::auth::Secret;
use posthorn_server::control::{Refusal, RefusalKind};
use posthorn_server::run::Running;

/// Arguments of `posthorn demo`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Start a server for trying things out, on this machine alone\n\n\
        Everything listens on 127.0.0.1. There are two domains, example.com and example.org, and \
        two accounts: alice@example.com with the password `password` (and `secret` for reading \
        mail), and bob@example.org with the password `secret`. Without --dir the store is removed \
        at the end; with it, it is kept and opened again next time.\n\n\
        With --json it prints one line as soon as everything listens.",
    after_help = "Examples:\n  \
        posthorn demo\n  \
        posthorn demo --dir ./demo --port-base 10000\n  \
        posthorn demo --json --accounts 20 --domain lab.test --password PASSWORD"
)]
pub struct Args {
    /// Listen on this plus the usual port (N+25, N+587, N+465, N+110, N+995) instead of on free
    /// ports
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// Make so many accounts user1, user2... with one password, for measuring. They cannot use
    /// SCRAM
    #[arg(long, value_name = "NUMBER", requires = "password")]
    accounts: Option<u32>,
    /// Their domain
    #[arg(long, value_name = "DOMAIN", default_value = "lab.test", requires = "accounts")]
    domain: Domain,
    /// Their password. Everybody on this machine sees it: not one that is used elsewhere
    #[arg(long, value_name = "PASSWORD", requires = "accounts")]
    password: Option<String>,
    /// What is logged to standard error: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: String,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Outcome, Failure> {
    logging::start(&Log { level: args.log.clone(), ..Log::default() })?;
    let unprivileged = Unprivileged::for_trial();
    // Removed when this function ends.
    let mut temporary = None;
    let dir = match &context.globals.dir {
        Some(dir) => dir.clone(),
        None => {
            let made = tempfile::Builder::new().prefix("posthorn-demo-").tempdir();
            let made =
                made.map_err(|source| DemoError::Directory { path: std::env::temp_dir(), source })?;
            temporary.insert(made).path().to_owned()
        }
    };
    let crowd = args.accounts.map(|accounts| Crowd {
        accounts,
        domain: args.domain.clone(),
        password: Secret::new(args.password.clone().unwrap_or_default()),
    });
    let wanted = Wanted { dir, port_base: args.port_base, crowd };
    runtime(&unprivileged)?.block_on(async {
        let demo = Demo::start(wanted).await?;
        if context.output.is_json() {
            context.output.json_line(&demo::json(&demo))?;
        } else {
            context.output.text(&demo::text(&demo))?;
        }
        context.output.flush()?;
        demo.serving.until_told(reload).await
    })?;
    Ok(Outcome::Success)
}

/// A demo has no configuration file; its certificate may have been replaced.
fn reload(running: &Running) -> Result<(), Refusal> {
    running
        .reload_certificates(posthorn_server::tls::TlsConfig::default())
        .map_err(|error| Refusal::because(RefusalKind::Configuration, &error))
}
