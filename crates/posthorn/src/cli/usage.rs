//! How a command line ends that is none, or that asks for help.

use crate::exit::{Exit, error_json};
use crate::output;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// Prints what the parser has to say: help and version as results, errors as errors.
pub(super) fn end(error: &clap::Error) -> ExitCode {
    // Help and version are no errors to clap: it knows where each goes.
    if !error.use_stderr() {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => Exit::InputOutput.into(),
        };
    }
    // The option may stand behind what could not be parsed, so it is looked for by itself.
    if std::env::args_os().skip(1).any(|argument| argument == "--json") {
        output::error_line(&json(error));
    } else {
        // If even standard error is gone, the exit code still tells.
        let _ = error.print();
    }
    Exit::Usage.into()
}

/// In the form of every other failure.
fn json(error: &clap::Error) -> serde_json::Value {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim).filter(|text| !text.is_empty());
    let said = match error.kind() {
        // clap prints the whole help then, which is no sentence.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => paragraphs.next().unwrap_or_default(),
    };
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let lines = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let tips: Vec<String> = paragraphs
        .filter_map(|text| text.strip_prefix("tip: ").or(text.strip_prefix("Usage: ")).map(lines))
        .collect();
    let hint = (!tips.is_empty()).then(|| tips.join("; "));
    error_json(&lines(said), &[], hint, Exit::Usage)
}
