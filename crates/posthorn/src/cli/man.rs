//! `posthorn man [COMMAND...] [--out DIR]`

use super::{Context, Outcome};
use crate::exit::{Exit, Explain, Failure};
use std::path::{Path, PathBuf};

/// Arguments of `posthorn man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    posthorn man | man -l -\n  \
    posthorn man check | man -l -\n  \
    posthorn man --out /usr/local/share/man/man1")]
pub struct Args {
    /// The command whose page is printed; without one, the page of posthorn itself
    #[arg(conflicts_with = "out")]
    command: Vec<String>,
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum ManError {
    #[error("there is no command `posthorn {0}`")]
    NoCommand(String),
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl Explain for ManError {
    fn exit(&self) -> Exit {
        match self {
            ManError::NoCommand(_) => Exit::Usage,
            ManError::Write { .. } => Exit::CannotCreate,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            ManError::NoCommand(_) => Some("posthorn --help lists the commands".to_owned()),
            ManError::Write { .. } => None,
        }
    }
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Outcome, Failure> {
    let mut root = super::command();
    root.build();
    if let Some(dir) = &args.out {
        let mut written = Vec::new();
        write_pages(&root, dir, &mut written)?;
        for path in written {
            let shown = path.display().to_string();
            context.output.value(&serde_json::json!({ "page": shown }), &shown)?;
        }
        return Ok(Outcome::Success);
    }
    let mut command = &root;
    for name in &args.command {
        let found = command.get_subcommands().find(|sub| sub.get_name() == name);
        command = found.ok_or_else(|| ManError::NoCommand(args.command.join(" ")))?;
    }
    context.output.bytes(&page(command).map_err(crate::output::OutputError::from)?)?;
    Ok(Outcome::Success)
}

fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    page.extend_from_slice(exit_status().as_bytes());
    Ok(page)
}

/// The section on exit codes, which every command shares.
fn exit_status() -> String {
    let mut text = ".SH \"EXIT STATUS\"\n.TP\n0\nThe command did what it was asked.\n".to_owned();
    for exit in Exit::ALL {
        text.push_str(&format!(".TP\n{}\n{}\n", exit.code(), exit.meaning()));
    }
    text
}

/// `posthorn config show` has the page posthorn-config-show.
fn page_name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or(command.get_name()).to_owned()
}

fn write_pages(
    command: &clap::Command,
    dir: &Path,
    written: &mut Vec<PathBuf>,
) -> Result<(), ManError> {
    let path = dir.join(format!("{}.1", page_name(command)));
    let failed = |source| ManError::Write { path: path.clone(), source };
    let page = page(command).map_err(failed)?;
    std::fs::write(&path, page).map_err(failed)?;
    written.push(path);
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write_pages(sub, dir, written)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_gets_a_page() {
        let dir = tempfile::tempdir().unwrap();
        let mut root = super::super::command();
        root.build();
        let mut written = Vec::new();
        write_pages(&root, dir.path(), &mut written).unwrap();
        let names: Vec<_> = written.iter().map(|p| p.file_name().unwrap()).collect();
        assert!(names.contains(&"posthorn.1".as_ref()), "{names:?}");
        assert!(names.contains(&"posthorn-config-show.1".as_ref()), "{names:?}");
        let check = std::fs::read_to_string(dir.path().join("posthorn-check.1")).unwrap();
        assert!(check.contains("posthorn\\-check"), "{check}");
        assert!(check.contains(".SH SYNOPSIS"), "{check}");
        assert!(check.contains(".SH \"EXIT STATUS\"\n.TP\n0\n"), "{check}");
        for code in ["65", "67", "73"] {
            assert!(check.contains(&format!("\n.TP\n{code}\n")), "{code} is missing in {check}");
        }
    }
}
