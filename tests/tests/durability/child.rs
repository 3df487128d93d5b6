//! The loading process, as its parent sees it.

use posthorn_tests::durability::Line;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// How many rounds a test runs.
pub(crate) fn rounds(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number of rounds"),
        Err(_) => default,
    }
}

/// The command that fills the store in `dir`.
pub(crate) fn command(dir: &Path, settings: &[(&str, u64)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store-load"));
    command.arg(dir).args(settings.iter().map(|(name, number)| format!("{name}={number}")));
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// A process that is killed and buried when the test lets go of it.
pub(crate) struct Loading {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Loading {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("the loading process starts");
        let out = BufReader::new(child.stdout.take().unwrap());
        Loading { child, out }
    }

    /// The next whole line; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Line> {
        let mut text = String::new();
        self.out.read_line(&mut text).unwrap();
        // A line without its end was cut short by the death of its writer.
        let whole = text.strip_suffix('\n')?;
        Some(whole.parse().unwrap_or_else(|error| panic!("{error}")))
    }

    /// SIGKILL. What it said until then can still be read.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// How it ended, once it has said everything.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
