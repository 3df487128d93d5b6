//! The packages of the workspace, as cargo itself sees them.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

/// What kind of arrow a dependency is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Linked into the crate.
    Normal,
    /// Used by its build script.
    Build,
    /// Used by its tests and examples.
    Dev,
}

/// One package that is built for this machine: ours, or one that ours need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// Its name in the registry.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Whether it is a member of the workspace.
    pub(crate) is_ours: bool,
    /// What it says of its licence, an SPDX expression.
    pub(crate) licence: Option<String>,
    /// The native library that it links, where it does.
    pub(crate) links: Option<String>,
    /// The features that are on.
    pub(crate) features: Vec<String>,
    /// Where its `Cargo.toml` is.
    pub(crate) manifest: PathBuf,
    /// The names of what it depends on directly, sorted.
    pub(crate) dependencies: Vec<(String, Kind)>,
}

/// Everything that is built for this machine, with the dependencies of build scripts and tests.
///
/// `cargo metadata` knows the facts, but lists packages too that only features which are off would
/// bring; what is really built, `cargo tree` says. Neither needs the network, as whoever runs this
/// test has built the workspace.
pub(crate) fn packages() -> &'static [Package] {
    static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(read_packages);
    &PACKAGES
}

fn read_packages() -> Vec<Package> {
    let host = host();
    let metadata = cargo(&["metadata", "--format-version", "1", "--filter-platform", &host]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo metadata prints JSON");
    let members: BTreeSet<&str> =
        list(&metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let built = built(&host);
    let packages: Vec<Package> = list(&metadata, "packages")
        .iter()
        .filter_map(|package| {
            let name = text(package, "name")?;
            let version = text(package, "version")?;
            let (.., features) = built.iter().find(|(n, v, _)| *n == name && *v == version)?;
            Some(Package {
                is_ours: members.contains(package["id"].as_str()?),
                licence: text(package, "license"),
                links: text(package, "links"),
                features: features.clone(),
                manifest: text(package, "manifest_path")?.into(),
                dependencies: dependencies(package),
                name,
                version,
            })
        })
        .collect();
    assert_eq!(packages.len(), built.len(), "cargo tree and cargo metadata name the same packages");
    packages
}

/// Name, version and features of each package that is built.
fn built(host: &str) -> BTreeSet<(String, String, Vec<String>)> {
    let edges = "normal,build,dev";
    let format = "{p}|{f}";
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--target",
        host,
        "--edges",
        edges,
        "--prefix",
        "none",
        "--format",
        format,
    ]);
    let mut all: BTreeSet<(String, String, Vec<String>)> = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        // A package that stands in the tree already ends with a star.
        let line = line.strip_suffix(" (*)").unwrap_or(line);
        let (package, features) = line.split_once('|').expect("the format has a bar");
        let mut words = package.split(' ');
        let name = words.next().expect("a name").to_owned();
        let version = words.next().and_then(|v| v.strip_prefix('v')).expect("a version").to_owned();
        let features = features.split(',').map(str::to_owned);
        // A package may be built twice, for a build script and for us, with different features.
        let before = all.iter().find(|(n, v, _)| *n == name && *v == version).cloned();
        let mut features: BTreeSet<String> = features.collect();
        if let Some(before) = before {
            all.remove(&before);
            features.extend(before.2);
        }
        all.insert((name, version, features.into_iter().collect()));
    }
    assert!(!all.is_empty(), "cargo tree printed nothing");
    all
}

fn dependencies(package: &Value) -> Vec<(String, Kind)> {
    let mut all: Vec<(String, Kind)> = list(package, "dependencies")
        .iter()
        .map(|dependency| {
            let kind = match dependency["kind"].as_str() {
                None => Kind::Normal,
                Some("build") => Kind::Build,
                Some("dev") => Kind::Dev,
                Some(other) => panic!("cargo knows a new kind of dependency: {other}"),
            };
            (text(dependency, "name").expect("a dependency has a name"), kind)
        })
        .collect();
    all.sort();
    all
}

/// The platform that we are built on, as cargo names it.
fn host() -> String {
    let version = run(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo -vV names the host").to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    run(&[arguments, &["--locked", "--offline"]].concat())
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?} failed: {errors}");
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is a list"))
}

fn text(value: &Value, key: &str) -> Option<String> {
    value[key].as_str().map(str::to_owned)
}
