//! The arrows between our crates.

use crate::graph::{Kind, Package, packages};

/// Each crate of ours with the crates of ours that it may use.
///
/// `fuzz`, `bench` and the tests of the whole may look at everything; nothing may look at them.
const ALLOWED: &[(&str, &[&str])] = &[
    ("posthorn-base", &[]),
    ("posthorn-message", &["posthorn-base"]),
    ("posthorn-proto", &["posthorn-base", "posthorn-message"]),
    ("posthorn-mailauth", &["posthorn-base", "posthorn-message"]),
    ("posthorn-filter", &["posthorn-base", "posthorn-message", "posthorn-mailauth"]),
    ("posthorn-store", &["posthorn-base", "posthorn-message"]),
    ("posthorn-queue", &["posthorn-base", "posthorn-message", "posthorn-store"]),
    (
        "posthorn-server",
        &[
            "posthorn-base",
            "posthorn-message",
            "posthorn-proto",
            "posthorn-mailauth",
            "posthorn-filter",
            "posthorn-store",
            "posthorn-queue",
        ],
    ),
    ("posthorn", &["posthorn-base", "posthorn-server"]),
    (TESTKIT, &["posthorn-base"]),
];

/// For tests only: no crate links it, every crate may test with it.
const TESTKIT: &str = "posthorn-testkit";

/// These check the whole from above: their tests may use any crate of ours.
const ABOVE_ALL: &[&str] = &["posthorn-tests", "posthorn-bench", "posthorn-fuzz"];

/// Every arrow that is not allowed, in words.
fn forbidden(packages: &[Package]) -> Vec<String> {
    let ours = |name: &str| name == "posthorn" || name.starts_with("posthorn-");
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| package.is_ours) {
        let from = package.name.as_str();
        let below = ALLOWED.iter().find(|(name, _)| *name == from).map(|(_, below)| *below);
        if below.is_none() && !ABOVE_ALL.contains(&from) {
            found.push(format!("{from} has no place yet: see ARCHITECTURE.md"));
            continue;
        }
        for (to, kind) in package.dependencies.iter().filter(|(to, _)| ours(to)) {
            let to = to.as_str();
            let allowed = match below {
                // From above, anything but each other.
                None => !ABOVE_ALL.contains(&to),
                Some(below) => below.contains(&to) || (to == TESTKIT && *kind == Kind::Dev),
            };
            if !allowed {
                found.push(format!("{from} -> {to} ({kind:?})"));
            }
        }
    }
    found
}

fn crate_of_ours(name: &str, dependencies: &[(&str, Kind)]) -> Package {
    Package {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        is_ours: true,
        licence: None,
        links: None,
        features: Vec::new(),
        manifest: "Cargo.toml".into(),
        dependencies: dependencies.iter().map(|(to, kind)| ((*to).to_owned(), *kind)).collect(),
    }
}

#[test]
fn arrows_between_our_crates_run_downwards() {
    let found = forbidden(packages());
    assert!(found.is_empty(), "arrows that the design does not allow:\n{}", found.join("\n"));
}

#[test]
fn forbidden_arrows_are_found() {
    #[track_caller]
    fn check(from: &str, to: &str, kind: Kind, allowed: bool) {
        let found = forbidden(&[crate_of_ours(from, &[(to, kind)])]);
        assert_eq!(found.is_empty(), allowed, "{from} -> {to} ({kind:?}): {found:?}");
    }
    check("posthorn-message", "posthorn-base", Kind::Normal, true);
    check("posthorn", "posthorn-server", Kind::Normal, true);
    check("posthorn-proto", "posthorn-store", Kind::Normal, false);
    check("posthorn-store", "posthorn-proto", Kind::Normal, false);
    check("posthorn-store", "posthorn-proto", Kind::Dev, false);
    check("posthorn-filter", "posthorn-store", Kind::Build, false);
    check("posthorn-base", "posthorn-message", Kind::Normal, false);
    check("posthorn-proto", TESTKIT, Kind::Dev, true);
    check("posthorn-proto", TESTKIT, Kind::Normal, false);
    check("posthorn-tests", "posthorn-store", Kind::Dev, true);
    check("posthorn-server", "posthorn-tests", Kind::Dev, false);
    check("posthorn-utils", "posthorn-base", Kind::Normal, false);
    check("posthorn-store", "tokio", Kind::Normal, true);
}

#[test]
fn every_crate_of_ours_follows_the_rules_of_the_workspace() {
    const RULES: &[&str] = &[
        "version.workspace = true",
        "edition.workspace = true",
        "rust-version.workspace = true",
        "license.workspace = true",
        "publish.workspace = true",
        "[lints]\nworkspace = true",
    ];
    for package in packages().iter().filter(|package| package.is_ours) {
        let manifest = std::fs::read_to_string(&package.manifest).expect("the manifest is there");
        for rule in RULES {
            assert!(manifest.contains(rule), "{} does not say {rule:?}", package.name);
        }
    }
}
