//! The files of the project.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A text file of ours.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

/// What building leaves behind, and what others wrote: samples come as they came.
const NOT_OURS: &[&str] = &["target", ".git", "__pycache__", "tests/vectors", "fuzz/corpus"];

/// The kinds of text that we write. `LICENSE-*` are not ours to wrap.
const KINDS: &[&str] = &["rs", "md", "t", "toml", "py", "sh", "tsv", "sql"];

/// Every text file of ours.
pub(crate) fn all() -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The names of what stands at the root.
pub(crate) fn at_the_root() -> BTreeSet<String> {
    entries(&root())
        .into_iter()
        .filter(|path| !NOT_OURS.contains(&relative(path).as_str()))
        .map(|path| relative(&path))
        .collect()
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

fn collect(dir: &Path, found: &mut Vec<File>) {
    for path in entries(dir) {
        let name = relative(&path);
        let base = name.rsplit('/').next().unwrap_or_default();
        if NOT_OURS.contains(&name.as_str()) || NOT_OURS.contains(&base) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if is_text(&path) {
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{name} is not readable as UTF-8: {error}"));
            found.push(File { path: name, text });
        }
    }
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| KINDS.contains(&extension)) || path.ends_with(".ci/run")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    entries.map(|entry| entry.expect("an entry of a folder").path()).collect()
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("below the root");
    path.to_str().expect("our names are ASCII").replace('\\', "/")
}
