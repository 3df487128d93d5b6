//! `posthorn completions SHELL`

use super::{Context, Outcome};
use crate::exit::Failure;
use clap_complete::Shell;

/// Arguments of `posthorn completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    posthorn completions bash > /etc/bash_completion.d/posthorn\n  \
    posthorn completions zsh > /usr/local/share/zsh/site-functions/_posthorn\n  \
    posthorn completions fish > ~/.config/fish/completions/posthorn.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "posthorn", &mut script);
    context.output.bytes(&script)?;
    Ok(Outcome::Success)
}
