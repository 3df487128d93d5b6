//! Licences and what must not be linked.

use crate::graph::{Package, packages};
use std::iter::Peekable;

/// Licences under which Posthorn takes code. All are permissive: whoever builds on Posthorn owes
/// nothing but notices.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages whose licence expression is not enough to go by: name, version, and why they may stay.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Packages that must not be built, each with the reason.
const UNWANTED: &[(&str, &str)] = &[
    ("ring", "rustls runs on aws-lc-rs alone: two providers make the process default ambiguous"),
    ("openssl-sys", "TLS is rustls with aws-lc-rs"),
    ("native-tls", "TLS is rustls with aws-lc-rs"),
    ("boring-sys", "TLS is rustls with aws-lc-rs"),
    ("rustls-openssl", "rustls runs on aws-lc-rs alone"),
    ("sqlite3-sys", "rusqlite brings SQLite: a second copy in one process corrupts by its locks"),
    ("sqlx-sqlite", "rusqlite brings SQLite: a second copy in one process corrupts by its locks"),
];

/// Whether one may choose to use the code under permissive licences alone.
///
/// The grammar is that of SPDX expressions: `AND` binds tighter than `OR`, `WITH` tightest; old
/// manifests write `/` for `OR`.
fn is_permissive(expression: &str) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let permissive = any(&mut words)?;
    match words.next() {
        None => Ok(permissive),
        Some(word) => Err(format!("{word:?} is left over in {expression:?}")),
    }
}

fn any<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<bool, String> {
    let mut permissive = all(words)?;
    while words.next_if_eq(&"OR").is_some() {
        permissive |= all(words)?;
    }
    Ok(permissive)
}

fn all<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<bool, String> {
    let mut permissive = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        permissive &= one(words)?;
    }
    Ok(permissive)
}

fn one<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<bool, String> {
    match words.next() {
        None | Some(")" | "AND" | "OR" | "WITH") => Err("a licence is missing".to_owned()),
        Some("(") => {
            let permissive = any(words)?;
            words.next_if_eq(&")").map(|_| permissive).ok_or("a bracket is not closed".to_owned())
        }
        Some(name) => {
            let mut licence = name.to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                let exception = words.next().ok_or("WITH what?")?;
                licence = format!("{name} WITH {exception}");
            }
            Ok(PERMISSIVE.contains(&licence.as_str()))
        }
    }
}

/// Packages that may not stay, each with the reason.
fn refused(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let Package { name, version, .. } = package;
        if EXCEPTIONS.iter().any(|(n, v, _)| n == name && v == version) {
            continue;
        }
        match package.licence.as_deref().map(is_permissive) {
            Some(Ok(true)) => {}
            Some(Ok(false)) => found.push(format!("{name} {version}: {:?}", package.licence)),
            Some(Err(error)) => found.push(format!("{name} {version}: {error}")),
            None => found.push(format!("{name} {version} names no licence")),
        }
    }
    found
}

#[test]
fn everything_that_is_built_is_permissively_licensed() {
    let packages = packages();
    assert!(packages.len() > 50, "the graph is not whole: {} packages", packages.len());
    let found = refused(packages);
    assert!(found.is_empty(), "not under a permissive licence:\n{}", found.join("\n"));
    for (name, version, reason) in EXCEPTIONS {
        let is_used = packages.iter().any(|p| p.name == *name && p.version == *version);
        assert!(is_used, "the exception for {name} {version} ({reason}) is no longer needed");
    }
}

#[test]
fn expressions_are_read_as_spdx_defines_them() {
    #[track_caller]
    fn check(expression: &str, want: bool) {
        assert_eq!(is_permissive(expression), Ok(want), "{expression}");
    }
    check("MIT", true);
    check("MIT OR Apache-2.0", true);
    check("MIT/Apache-2.0", true);
    check("GPL-3.0-only", false);
    check("LGPL-2.1-or-later", false);
    check("AGPL-3.0-only", false);
    check("MPL-2.0", false);
    check("MIT AND GPL-3.0-only", false);
    check("MIT OR GPL-3.0-only", true);
    // AND binds tighter than OR.
    check("MIT OR Apache-2.0 AND GPL-3.0-only", true);
    check("(MIT OR Apache-2.0) AND GPL-3.0-only", false);
    check("ISC AND (Apache-2.0 OR GPL-2.0-only)", true);
    check("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", true);
    check("GPL-3.0-only WITH Classpath-exception-2.0", false);
    check("(MIT)", true);
    for broken in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT MIT", "MIT WITH", "()"] {
        assert!(is_permissive(broken).is_err(), "{broken:?} is no expression");
    }
}

#[test]
fn one_implementation_of_cryptography_and_one_sqlite() {
    let packages = packages();
    let found: Vec<String> = packages
        .iter()
        .filter_map(|package| {
            let (name, reason) = UNWANTED.iter().find(|(name, _)| *name == package.name)?;
            Some(format!("{name}: {reason}"))
        })
        .collect();
    assert!(found.is_empty(), "must not be built:\n{}", found.join("\n"));

    let versions = |name: &str| packages.iter().filter(|package| package.name == name).count();
    assert_eq!(versions("aws-lc-rs"), 1, "the one implementation of cryptography");
    assert_eq!(versions("rustls"), 1, "two versions of rustls have two process defaults");

    let sqlite: Vec<&Package> =
        packages.iter().filter(|package| package.links.as_deref() == Some("sqlite3")).collect();
    let names: Vec<&str> = sqlite.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["libsqlite3-sys"], "what links SQLite");
    let is_bundled = sqlite.iter().all(|p| p.features.iter().any(|feature| feature == "bundled"));
    assert!(is_bundled, "the system's SQLite may be one whose WAL reset corrupts");
}
