//! Playing a transcript.

use super::pattern::{Bindings, Pattern, substitute};
use super::script::{Action, Script, Step};
use super::{Connection, Received, World};
use posthorn_base::shown::Shown;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::path::Path;

/// A line longer than this is an error: no protocol of ours writes one.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// `S*:` gives up after this many lines.
const SKIPPED_LINES_MAX: usize = 100_000;
/// Lines of dialogue shown with a failure.
const SHOWN_LINES: usize = 16;

/// Why a transcript failed: where, what was expected, what came, and what was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The transcript's file.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// That line.
    pub expected: String,
    /// What came instead.
    pub got: String,
    /// The end of the dialogue.
    pub dialogue: Vec<String>,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}", self.file, self.line)?;
        writeln!(f, "  expected  {}", self.expected)?;
        writeln!(f, "  got       {}", self.got)?;
        writeln!(f, "  after")?;
        for line in &self.dialogue {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

struct Open {
    connection: Box<dyn Connection>,
    received: Vec<u8>,
    /// `!` patterns that hold until the next expectation is met.
    never: Vec<Pattern>,
}

struct Runner<'a> {
    world: &'a mut dyn World,
    open: BTreeMap<u8, Open>,
    bindings: Bindings,
    dialogue: VecDeque<String>,
}

enum Line {
    Text(Vec<u8>),
    Closed,
    Silent,
}

/// Plays a transcript from its first line to its last.
pub fn run(script: &Script, world: &mut dyn World) -> Result<(), Failure> {
    let fail = |line, expected: &str, got| Failure {
        file: script.file.clone(),
        line,
        expected: expected.to_owned(),
        got,
        dialogue: Vec::new(),
    };
    for (line, key, value) in &script.config {
        world.config(key, value).map_err(|e| fail(*line, &format!("config: {key}={value}"), e))?;
    }
    let mut runner = Runner {
        world,
        open: BTreeMap::new(),
        bindings: Bindings::new(),
        dialogue: VecDeque::new(),
    };
    for step in &script.steps {
        runner.step(step).map_err(|got| Failure {
            dialogue: runner.dialogue.iter().cloned().collect(),
            ..fail(step.line, &step.text, got)
        })?;
    }
    runner.end().map_err(|got| Failure {
        dialogue: runner.dialogue.iter().cloned().collect(),
        ..fail(script.steps.last().map_or(1, |s| s.line), "the end of the dialogue", got)
    })
}

impl Runner<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        let number = step.connection;
        if let Action::Wait(time) = &step.action {
            self.note(step.text.clone());
            return self.world.wait(*time);
        }
        self.connect(number)?;
        match &step.action {
            Action::Send { bytes, variables } => {
                let bytes = match variables {
                    true => substitute(bytes, &self.bindings)?,
                    false => bytes.clone(),
                };
                self.note(format!("C{number}: {}", Shown(&bytes)));
                self.connection(number)?.connection.send(&bytes).map_err(|e| e.to_string())
            }
            Action::StartTls => {
                self.note(step.text.clone());
                self.connection(number)?.connection.start_tls().map_err(|e| e.to_string())
            }
            Action::Close => {
                self.note(step.text.clone());
                self.connection(number)?.connection.close().map_err(|e| e.to_string())
            }
            Action::Never(pattern) => {
                self.connection(number)?.never.push(pattern.clone());
                Ok(())
            }
            Action::Expect(pattern) => self.expect(number, pattern, 1),
            Action::ExpectLater(pattern) => self.expect(number, pattern, SKIPPED_LINES_MAX),
            Action::ExpectClosed => match self.next_line(number)? {
                Line::Closed => Ok(()),
                Line::Silent => Err("the connection stays open, nothing is said".into()),
                Line::Text(line) => Err(Shown(&line).to_string()),
            },
            // Handled above: it concerns no connection.
            Action::Wait(_) => Ok(()),
        }
    }

    fn connect(&mut self, number: u8) -> Result<(), String> {
        if !self.open.contains_key(&number) {
            let connection = self.world.connect().map_err(|e| format!("cannot connect: {e}"))?;
            let open = Open { connection, received: Vec::new(), never: Vec::new() };
            self.open.insert(number, open);
        }
        Ok(())
    }

    fn connection(&mut self, number: u8) -> Result<&mut Open, String> {
        self.open.get_mut(&number).ok_or(format!("connection {number} is not open"))
    }

    fn expect(&mut self, number: u8, pattern: &Pattern, lines: usize) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..lines {
            let line = match self.next_line(number)? {
                Line::Text(line) => line,
                Line::Closed => return Err(format!("the server closed{last}")),
                Line::Silent => return Err(format!("nothing{last}")),
            };
            let never = self.connection(number)?.never.clone();
            if never.iter().any(|p| p.matches(&line, &mut self.bindings.clone())) {
                return Err(format!("{} (forbidden by a `!` line)", Shown(&line)));
            }
            if pattern.matches(&line, &mut self.bindings) {
                self.connection(number)?.never.clear();
                return Ok(());
            }
            last = format!(", the last line being {}", Shown(&line));
            if lines == 1 {
                return Err(Shown(&line).to_string());
            }
        }
        Err(format!("{lines} other lines{last}"))
    }

    fn next_line(&mut self, number: u8) -> Result<Line, String> {
        loop {
            let open = self.connection(number)?;
            if let Some(end) = open.received.iter().position(|&b| b == b'\n') {
                let mut line: Vec<u8> = open.received.drain(..=end).collect();
                line.pop();
                let shown = Shown(&line).to_string();
                if line.pop() != Some(b'\r') {
                    return Err(format!("{shown} with a bare LF at its end"));
                }
                let shown = Shown(&line).to_string();
                self.note(format!("S{number}: {shown}"));
                return Ok(Line::Text(line));
            }
            if open.received.len() > LINE_BYTES_MAX {
                return Err(format!("a line of more than {LINE_BYTES_MAX} bytes"));
            }
            match open.connection.receive().map_err(|e| e.to_string())? {
                Received::Bytes(bytes) => open.received.extend(bytes),
                Received::Closed if open.received.is_empty() => return Ok(Line::Closed),
                Received::Silent if open.received.is_empty() => return Ok(Line::Silent),
                Received::Closed | Received::Silent => {
                    return Err(format!("an unfinished line: {}", Shown(&open.received)));
                }
            }
        }
    }

    /// What the server said and the transcript did not expect is a failure too.
    fn end(&mut self) -> Result<(), String> {
        for (number, open) in &mut self.open {
            let pending = open.connection.pending().map_err(|e| e.to_string())?;
            open.received.extend(pending);
            if !open.received.is_empty() {
                return Err(format!("on connection {number}: {}", Shown(&open.received)));
            }
            if !open.never.is_empty() {
                return Err("a `!` line that no expectation follows".into());
            }
        }
        Ok(())
    }

    fn note(&mut self, line: String) {
        if self.dialogue.len() == SHOWN_LINES {
            self.dialogue.pop_front();
        }
        self.dialogue.push_back(line);
    }
}

/// Reads and plays a file.
pub fn run_file(path: &Path, world: &mut dyn World) -> Result<(), String> {
    let content = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let script = Script::parse(&path.display().to_string(), &content).map_err(|e| e.to_string())?;
    run(&script, world).map_err(|e| e.to_string())
}

/// Plays every `*.t` file of a directory, each in a world of its own, and gives their number.
///
/// # Panics
/// With all failures, when there is one, or when the directory holds no transcript.
#[expect(clippy::panic, reason = "this is how a test fails")]
pub fn run_dir<W: World>(dir: &Path, mut world: impl FnMut(&Path) -> W) -> usize {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", dir.display()),
    };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "t"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no transcript in {}", dir.display());
    let failures: Vec<String> =
        paths.iter().filter_map(|path| run_file(path, &mut world(path)).err()).collect();
    assert!(
        failures.is_empty(),
        "{} of {} transcripts failed\n{}",
        failures.len(),
        paths.len(),
        failures.join("\n")
    );
    paths.len()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
