//! What commands print: tables for people, JSON lines for programs, progress of long jobs, errors.
//!
//! Invariants
//! * Standard output has results only; errors, warnings and progress go to standard error.
//! * With `--json` every line of standard output is one JSON value.
//! * A reader that goes away (`posthorn ... | head`) ends the command quietly.

mod progress;
mod table;

pub use progress::Progress;
pub use table::{Align, Cell, Column, Listing, Row};

use crate::exit::{Exit, Explain, Failure};
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Standard output cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the output")]
pub struct OutputError(#[from] io::Error);

impl Explain for OutputError {
    fn exit(&self) -> Exit {
        Exit::InputOutput
    }
}

impl OutputError {
    /// True when whoever read the output has gone away: no fault, just the end.
    pub fn is_reader_gone(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Where a command's results go.
pub struct Output {
    out: Box<dyn Write + Send>,
    json: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("json", &self.json).finish_non_exhaustive()
    }
}

impl Output {
    /// Results to standard output, as JSON if `json`.
    pub fn stdout(json: bool) -> Output {
        Output { out: Box::new(BufWriter::new(io::stdout())), json }
    }

    /// Results to `out`.
    pub fn to(out: Box<dyn Write + Send>, json: bool) -> Output {
        Output { out, json }
    }

    /// True when results are for programs.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints text as it is. For what we wrote ourselves: text from elsewhere goes through
    /// [`posthorn_base::shown::Shown`] first.
    pub fn text(&mut self, text: &str) -> Result<(), OutputError> {
        self.out.write_all(text.as_bytes())?;
        Ok(())
    }

    /// Prints bytes as they are: an exported message, a man page.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.out.write_all(bytes)?;
        Ok(())
    }

    /// Prints one value: as a JSON line, or else as the text for people.
    pub fn value(&mut self, value: &impl Serialize, people: &str) -> Result<(), OutputError> {
        if self.json {
            return self.json_line(value);
        }
        self.out.write_all(people.as_bytes())?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Prints one JSON line.
    pub fn json_line(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// A listing of rows: a table, or JSON lines.
    pub fn listing<R: Row>(&mut self) -> Listing<'_, R> {
        Listing::new(self)
    }

    /// Everything is printed. Called before a result counts as given, and before long waits.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        self.out.flush()?;
        Ok(())
    }
}

/// Says on standard error why a command failed.
pub fn report(failure: &Failure, json: bool) {
    let text = if json { format!("{}\n", failure.json()) } else { failure.to_string() };
    // If even standard error is gone, the exit code still tells.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Says a JSON line on standard error.
pub fn error_line(value: &serde_json::Value) {
    // If even standard error is gone, the exit code still tells.
    let _ = writeln!(io::stderr(), "{value}");
}

/// Says something on standard error beside the results.
pub fn notice(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// True when somebody watches standard error.
pub fn stderr_is_watched() -> bool {
    io::stderr().is_terminal()
}
