//! Style that a machine can check: what this project chose for its files.
//!
//! Invariants
//! * A rule stands in [`rules`] with its reason, and has a test that breaks it: a rule that cannot
//!   fail is none.
//! * What rustfmt and clippy check is not checked again here.

#![expect(clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

mod files;
mod rules;

use files::File;
use rules::RULES;
use std::collections::BTreeSet;

/// What stands at the root. Whoever adds something here says what it is in ARCHITECTURE.md.
const ROOT: &[&str] = &[
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "bench",
    "clippy.toml",
    "crates",
    "docs",
    "fuzz",
    "rustfmt.toml",
    "testkit",
    "tests",
];

#[test]
fn every_file_is_as_this_project_writes_files() {
    let files = files::all();
    assert!(files.len() > 200, "only {} files were found", files.len());
    let found: Vec<String> = files.iter().flat_map(rules::check).collect();
    assert!(found.is_empty(), "{} places:\n{}", found.len(), found.join("\n"));
}

#[test]
fn nothing_strays_at_the_root() {
    let here: BTreeSet<String> = files::at_the_root();
    let strays: Vec<&String> = here.iter().filter(|n| !ROOT.contains(&n.as_str())).collect();
    assert!(strays.is_empty(), "these do not belong at the root: {strays:?}");
}

#[test]
fn every_crate_says_what_must_hold_in_it() {
    let roots: Vec<File> = files::all()
        .into_iter()
        .filter(|file| file.path.ends_with("/src/lib.rs") && !file.path.starts_with("tests/"))
        .collect();
    assert!(roots.len() >= 6, "only {} crates were found", roots.len());
    for root in roots {
        assert!(root.text.starts_with("//! "), "{} does not say what it is for", root.path);
        let has_invariants = root.text.lines().any(|line| line == "//! Invariants");
        assert!(has_invariants, "{} does not name its invariants", root.path);
    }
}

/// A map that lacks a place leads nowhere.
#[test]
fn the_code_map_names_every_folder() {
    let map = std::fs::read_to_string(files::root().join("ARCHITECTURE.md")).expect("the map");
    let mut folders: BTreeSet<(String, String)> = BTreeSet::new();
    for file in files::all() {
        let parts: Vec<&str> = file.path.split('/').collect();
        if let ["crates", krate, "src", folder, _, ..] = parts.as_slice() {
            folders.insert(((*krate).to_owned(), (*folder).to_owned()));
        }
    }
    assert!(folders.len() > 20, "only {} folders were found", folders.len());
    for (krate, folder) in folders {
        let section =
            map.split("\n### ").find(|text| text.starts_with(&format!("`crates/{krate}`")));
        let section = section.unwrap_or_else(|| panic!("ARCHITECTURE.md has no part for {krate}"));
        let is_named = section.contains(&format!("`{folder}`"));
        assert!(is_named, "ARCHITECTURE.md does not say what crates/{krate}/src/{folder} is");
    }
}

#[test]
fn every_rule_finds_what_breaks_it() {
    for rule in RULES {
        for (path, text) in rule.broken {
            let found = rules::check(&File { path: (*path).to_owned(), text: (*text).to_owned() });
            let is_found = found.iter().any(|line| line.contains(rule.name));
            assert!(is_found, "{}: {text:?} in {path} gave {found:?}", rule.name);
        }
        for (path, text) in rule.kept {
            let found = rules::check(&File { path: (*path).to_owned(), text: (*text).to_owned() });
            assert!(found.is_empty(), "{}: {text:?} in {path} gave {found:?}", rule.name);
        }
    }
    let long = File { path: "crates/a/src/a.rs".to_owned(), text: "mod a;\n".repeat(601) };
    assert_eq!(rules::check(&long), ["crates/a/src/a.rs:0: long file: 601 lines"]);
}
