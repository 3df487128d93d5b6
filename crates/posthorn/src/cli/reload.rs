//! `posthorn reload`

use super::{Context, Outcome};
use crate::exit::Failure;
use posthorn_server::control::Request;

/// Arguments of `posthorn reload`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Have the running server read its configuration and certificates again\n\n\
        Waits until the new ones are in use. When they cannot be used, everything stays as it was, \
        and the command says why. Sessions that are open go on.",
    after_help = "Example:\n  posthorn check && posthorn reload"
)]
pub struct Args {}

pub(super) fn run(_args: &Args, context: &mut Context) -> Result<Outcome, Failure> {
    let mut server = context.server()?;
    let pid = server.greeting().pid;
    server.ask::<()>(&Request::Reload {})?;
    let done = serde_json::json!({ "reloaded": true, "pid": pid });
    context.output.value(&done, "reloaded")?;
    Ok(Outcome::Success)
}
