//! The rules, each with its reason, what breaks it, and what does not.

use crate::files::{File, root};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A rule about one line, or about a file as a whole.
pub(crate) struct Rule {
    /// Its name in a complaint.
    pub(crate) name: &'static str,
    /// What is wrong, in words; nothing when all is well. The line number is 0 for the whole file.
    find: fn(&File) -> Vec<(usize, String)>,
    /// Files (path, text) that break it.
    pub(crate) broken: &'static [(&'static str, &'static str)],
    /// Files that look as if they broke it, and do not.
    pub(crate) kept: &'static [(&'static str, &'static str)],
}

/// Columns of a line of Rust; rustfmt keeps code to it, nothing keeps comments and strings to it.
const COLUMNS_MAX: usize = 100;

/// Lines of a file of Rust: what grows longer holds a second noun.
const LINES_MAX: usize = 600;

/// Where the samples of Rust stand.
const RUST: &str = "crates/a/src/a.rs";

/// All rules.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "long line",
        find: long_lines,
        broken: &[
            (RUST, LONG_COMMENT),
            (
                RUST,
                "const A: &str = \"0123456789012345678901234567890123456789 \
                 012345678901234567890123456789012345678901234\";\n",
            ),
        ],
        kept: &[
            (
                RUST,
                "// https://example.com/0123456789012345678901234567890123456789\
                 012345678901234567890123456789\n",
            ),
            (
                RUST,
                "    \"0123456789012345678901234567890123456789012345678901234567890\
                 123456789012345678901234567890\",\n",
            ),
        ],
    },
    Rule { name: "long file", find: long_files, broken: &[], kept: &[] },
    Rule {
        name: "unknown RFC",
        find: unknown_rfcs,
        broken: &[
            (RUST, concat!("// R", "FC 99999 1: no such thing.\n")),
            ("tests/transcripts/a.t", concat!("# R", "FC 5321, 99998 and 5322\n")),
            (RUST, concat!("// R", "FCs 5321 and 99997\n")),
            ("README.md", concat!("R", "FC99996\n")),
        ],
        kept: &[
            (RUST, "// RFC 5321 4.5.2: dots. RFC 1939, 2449, 2595: POP3.\n"),
            (RUST, "// RFC 1870, 20000 octets; RFC 821 itself.\n"),
        ],
    },
    Rule {
        name: "leftover",
        find: leftovers,
        broken: &[
            (RUST, concat!("// FIX", "ME: later\n")),
            (RUST, concat!("    to", "do!();\n")),
            (RUST, concat!("    d", "bg!(x);\n")),
            ("tests/interop/a.py", concat!("# XX", "X\n")),
        ],
        kept: &[(RUST, "// \"XXXX\" is padding; method!() and todos\n")],
    },
    Rule {
        name: "path of a machine",
        find: machine_paths,
        broken: &[
            (RUST, concat!("const A: &str = \"/wo", "rk/x\";\n")),
            ("docs/a.md", concat!("See /ro", "ot/x\n")),
            (RUST, concat!("const A: &str = \"/tm", "p/x\";\n")),
        ],
        kept: &[
            (RUST, "const A: &str = \"/var/lib/posthorn\"; // work/rooted\n"),
            (".ci/run", concat!("cd /tm", "p\n")),
        ],
    },
    Rule {
        name: "white space",
        find: white_space,
        broken: &[
            (RUST, "\tlet a = 1;\n"),
            (RUST, "let a = 1; \n"),
            ("README.md", "two\r\nlines\n"),
            ("README.md", "no end"),
            ("README.md", "two ends\n\n"),
            ("README.md", ""),
        ],
        kept: &[("docs/a.tsv", "1\ttitle\n"), ("tests/transcripts/a.t", "S: +OK \n")],
    },
    Rule {
        name: "lint without a reason",
        find: lints_without_reason,
        broken: &[
            (RUST, "#[allow(dead_code)]\n"),
            (RUST, "#![expect(\n    clippy::panic,\n)]\nfn a() {}\n"),
        ],
        kept: &[
            (RUST, "#[expect(clippy::panic, reason = \"it cannot\")]\n"),
            (RUST, "#![expect(\n    clippy::panic,\n    reason = \"so\"\n)]\n"),
        ],
    },
];

const LONG_COMMENT: &str = "// This comment goes on and on, and whoever reads it on half a screen \
    has to scroll to see how it ends.\n";

/// Every place in the file that breaks a rule, as `path:line: rule: what`.
pub(crate) fn check(file: &File) -> Vec<String> {
    let complaint = |rule: &Rule, (line, what): (usize, String)| {
        format!("{}:{line}: {}: {what}", file.path, rule.name)
    };
    RULES
        .iter()
        .flat_map(|rule| (rule.find)(file).into_iter().map(move |place| complaint(rule, place)))
        .collect()
}

/// Lines whose text `find` complains about.
fn lines(file: &File, find: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let numbered = file.text.lines().enumerate();
    numbered.filter_map(|(index, line)| Some((index + 1, find(line)?))).collect()
}

fn is_rust(file: &File) -> bool {
    file.path.ends_with(".rs")
}

/// Whoever reads two files side by side must not scroll. An address cannot be broken; a string that
/// stands alone on its line is wire text or a statement, which breaking would make harder to read.
fn long_lines(file: &File) -> Vec<(usize, String)> {
    if !is_rust(file) {
        return Vec::new();
    }
    lines(file, |line| {
        let columns = line.chars().count();
        let text = line.trim_start().trim_start_matches(['b', 'r', '#']);
        let is_unbroken = line.contains("://") || text.starts_with('"');
        (columns > COLUMNS_MAX && !is_unbroken).then(|| format!("{columns} columns"))
    })
}

fn long_files(file: &File) -> Vec<(usize, String)> {
    let count = file.text.lines().count();
    let is_long = is_rust(file) && count > LINES_MAX;
    is_long.then(|| (0, format!("{count} lines"))).into_iter().collect()
}

/// A citation that leads nowhere is a typing error: every number stands in the index.
fn unknown_rfcs(file: &File) -> Vec<(usize, String)> {
    static KNOWN: LazyLock<BTreeSet<u32>> = LazyLock::new(|| {
        let index = root().join("docs/rfc-index.tsv");
        let index = std::fs::read_to_string(index).expect("docs/rfc-index.tsv is there");
        let number = |line: &str| line.split_once('\t').and_then(|(number, _)| number.parse().ok());
        index.lines().map(|line| number(line).expect("number, tab, title")).collect()
    });
    lines(file, |line| {
        let mut unknown = cited(line);
        unknown.retain(|rfc| !KNOWN.contains(rfc));
        (!unknown.is_empty()).then(|| format!("{unknown:?} is not in docs/rfc-index.tsv"))
    })
}

/// The numbers that stand behind `RFC` or `RFCs`, in a list with commas, `and` and `or`. A number
/// that a section or a word follows ends the list.
fn cited(line: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("RFC") {
        let mut rest = line.get(at + 3..).unwrap_or_default();
        rest = rest.strip_prefix('s').unwrap_or(rest).trim_start_matches([' ', '-']);
        loop {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let Some((number, after)) = rest.split_at_checked(digits) else { break };
            let Ok(number) = number.parse() else { break };
            found.push(number);
            let next = [", and ", ", ", " and ", " or "].iter().find_map(|s| after.strip_prefix(s));
            match next {
                Some(next) if starts_with_rfc_number(next) => rest = next,
                _ => break,
            }
        }
    }
    found
}

/// Whether this goes on with the number of an RFC rather than with a section or a quantity.
fn starts_with_rfc_number(text: &str) -> bool {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let after = text.get(digits..).unwrap_or_default();
    let is_quantity = after.starts_with('.') && after.chars().nth(1).is_some_and(char::is_numeric);
    let is_word_next = after.strip_prefix(' ').is_some_and(|word| {
        word.starts_with(char::is_alphabetic)
            && !word.starts_with("and ")
            && !word.starts_with("or ")
    });
    (3..=5).contains(&digits) && !is_quantity && !is_word_next
}

/// Work that is announced and not done belongs into an issue.
fn leftovers(file: &File) -> Vec<(usize, String)> {
    const MARKS: &[&str] = &[
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("TO", "DO"),
        concat!("HA", "CK"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("d", "bg!("),
    ];
    lines(file, |line| {
        let stands = |mark: &&&str| {
            line.match_indices(**mark).any(|(at, _)| {
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let before = line.get(..at).is_some_and(|text| text.ends_with(is_word));
                let after =
                    line.get(at + mark.len()..).is_some_and(|text| text.starts_with(is_word));
                !before && (!after || mark.ends_with('('))
            })
        };
        MARKS.iter().find(stands).map(|mark| (*mark).to_owned())
    })
}

/// Nothing may lean on where somebody keeps their files. Scripts may use scratch folders.
fn machine_paths(file: &File) -> Vec<(usize, String)> {
    const PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];
    lines(file, |line| {
        let starts = |path: &&&str| {
            line.match_indices(**path).any(|(at, _)| {
                let before = line.get(..at).and_then(|text| text.chars().next_back());
                !before.is_some_and(|c| c.is_alphanumeric() || c == '.' || c == '_' || c == '-')
            })
        };
        PATHS.iter().find(starts).map(|path| format!("{path} is a folder of one machine"))
    })
}

fn white_space(file: &File) -> Vec<(usize, String)> {
    let mut found = lines(file, |line| {
        let has_tab = line.contains('\t') && !file.path.ends_with(".tsv");
        // In a transcript white space at the end is part of what is said.
        let has_end = line.ends_with([' ', '\t']) && !file.path.ends_with(".t");
        match (has_tab, has_end) {
            (true, _) => Some("a tab".to_owned()),
            (_, true) => Some("white space at the end".to_owned()),
            _ => None,
        }
    });
    if file.text.contains('\r') {
        found.push((0, "carriage returns".to_owned()));
    }
    if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
        found.push((0, "a file ends with one line end".to_owned()));
    }
    found
}

/// Who switches a lint off says why.
fn lints_without_reason(file: &File) -> Vec<(usize, String)> {
    if !is_rust(file) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut lines = file.text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let start = line.trim_start();
        let attributes = ["#[allow(", "#[expect(", "#![allow(", "#![expect("];
        if !attributes.iter().any(|attribute| start.starts_with(attribute)) {
            continue;
        }
        let mut attribute = start.to_owned();
        while !attribute.contains(")]") {
            let Some((_, next)) = lines.next() else { break };
            attribute.push_str(next);
        }
        if !attribute.contains("reason = ") {
            found.push((index + 1, start.to_owned()));
        }
    }
    found
}
