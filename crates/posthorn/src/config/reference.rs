//! The reference page and the file of defaults, made from the declarations of the sections.

use super::{Config, Field};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# The configuration file

One [TOML](https://toml.io) file says what the machine is: where it listens, where the mail lies,
its certificates and its bounds. Whom it serves (domains, accounts, aliases) lives in the store and
is changed with commands. Every setting has a default: an empty file is a valid configuration.

`posthorn check --config FILE` says what is wrong in a file, with line and column. `posthorn config
defaults` prints a file with everything in it, and `posthorn config show` what a file amounts to. A
key that does not exist is an error. Sizes and spans of time are written with their unit:
`\"34 MiB\"`, `\"5 min\"`.

This page is made from the program: `posthorn config reference`.
";

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for (section, about, fields) in Config::sections() {
        // Writing to a String cannot fail.
        let _ = write!(page, "\n## `[{section}]`\n\n{}\n", paragraph(about));
        for field in &fields {
            let _ =
                write!(page, "\n### `{section}.{}`\n\n{}\n\n", field.name, paragraph(field.doc));
            page.push_str(&facts(field));
        }
    }
    page
}

fn facts(field: &Field) -> String {
    let default = match &field.default {
        Some(default) => format!("`{default}`"),
        None => "unset".to_owned(),
    };
    let mut facts = format!("- {}\n- Default: {default}\n", capital(&field.kind));
    if !field.rule.is_empty() {
        let _ = writeln!(facts, "- Bounds: {}", field.rule);
    }
    facts
}

/// A file in which every setting stands as a comment, with its default and what it does.
pub fn defaults() -> String {
    let mut file = String::from(
        "# Posthorn's configuration. Every setting is shown with its default; remove the `#` before one\n\
         # to change it. `posthorn check` says what is wrong.\n",
    );
    for (section, about, fields) in Config::sections() {
        let _ = write!(file, "\n{}[{section}]\n", commented(about));
        for field in &fields {
            let rule = if field.rule.is_empty() { "" } else { &format!(" ({})", field.rule) };
            let _ = write!(file, "\n{}", commented(field.doc));
            let _ = match &field.default {
                Some(default) => writeln!(file, "#{} = {default}{}", field.name, pad(rule)),
                None => writeln!(file, "#{} =    # {}", field.name, field.kind),
            };
        }
    }
    file
}

fn pad(rule: &str) -> String {
    if rule.is_empty() { String::new() } else { format!("    #{rule}") }
}

/// Documentation lines as they stand behind `///`: one leading space each.
fn lines<'d>(doc: &'d [&'static str]) -> impl Iterator<Item = &'static str> + use<'d> {
    doc.iter().map(|line| line.strip_prefix(' ').unwrap_or(line))
}

fn paragraph(doc: &[&'static str]) -> String {
    lines(doc).collect::<Vec<_>>().join("\n")
}

fn commented(doc: &[&'static str]) -> String {
    lines(doc).map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
