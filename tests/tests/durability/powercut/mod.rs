//! Simulated power cuts, and failing disks: a recorder under the process, a replayer behind it.
//!
//! `recorder.c` is loaded into the loading process and logs what it does to its files, in order,
//! with what it says on standard output. [`disk::Disk`] rebuilds the directory as a power cut at
//! any call could have left it. Everything acknowledged before that call must be there.

mod cuts;
mod disk;
mod each_statement;
mod failures;
mod log;

use crate::child::{Loading, command};
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::Line;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The recorder, compiled.
pub(crate) struct Recorder {
    dir: TempDir,
}

impl Recorder {
    /// Compiles it.
    ///
    /// # Panics
    /// When there is no C compiler: these tests cannot be run without.
    pub(crate) fn compile() -> Self {
        let dir = temp_dir();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("powercut/recorder.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let status = Command::new(&compiler)
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .arg(dir.path().join("recorder.so"))
            .arg(source)
            .args(["-ldl", "-lpthread"])
            .status()
            .unwrap_or_else(|error| panic!("{compiler:?} is needed, a C compiler: {error}"));
        assert!(status.success(), "the recorder does not compile");
        Recorder { dir }
    }

    /// Runs the load below `root` to its end and answers what it said.
    fn run(&self, run: &Run<'_>) -> Vec<Line> {
        let mut command = command(&run.root.join("store"), run.settings);
        command
            .env("LD_PRELOAD", self.dir.path().join("recorder.so"))
            .env("RECORDER_ROOT", run.root);
        if let Some(log) = &run.log {
            command.env("RECORDER_LOG", log);
        }
        if let Some(rule) = &run.rule {
            command.env("RECORDER_RULE", rule);
        }
        let mut loading = Loading::start(&mut command);
        let mut lines = Vec::new();
        while let Some(line) = loading.next() {
            lines.push(line);
        }
        let status = loading.wait();
        let is_killed = run.rule.as_ref().is_some_and(|rule| !rule.starts_with('e'));
        assert!(status.success() || (is_killed && status.code().is_none()), "{status} {run:?}");
        lines
    }
}

/// One run of the load under the recorder.
#[derive(Debug)]
struct Run<'a> {
    /// A directory that exists and is empty.
    root: &'a Path,
    log: Option<PathBuf>,
    rule: Option<String>,
    settings: &'a [(&'a str, u64)],
}
