//! Prints how Posthorn reads the header fields of messages, one line each, for
//! `tests/interop/header_differences.py` to compare with another mail library.
//!
//! `cargo run -p posthorn-message --example header_views < LIST`, where LIST names a file a line.
//! The lines are `file TAB number of the field TAB kind TAB reading`, with `\t`, `\n` and `\\`
//! escaped.

use posthorn_message::address::AddressList;
use posthorn_message::date;
use posthorn_message::parse;
use std::io::{BufRead, Write};

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for path in std::io::stdin().lock().lines() {
        let path = path?;
        let parsed = parse(&std::fs::read(&path)?);
        for (number, field) in parsed.header().fields().enumerate() {
            let name = String::from_utf8_lossy(field.name()).to_ascii_lowercase();
            let (kind, reading) = match name.as_str() {
                "date" | "resent-date" => (
                    "date",
                    date::parse(field.raw_value()).map_or("none".into(), |d| d.to_string()),
                ),
                "from" | "to" | "cc" | "bcc" | "sender" | "reply-to" | "resent-to"
                | "resent-from" => {
                    let list = AddressList::parse(field.raw_value());
                    let mailboxes: Vec<_> = list
                        .mailboxes()
                        .map(|m| format!("{} <{}>", m.name().unwrap_or_default(), m.address_text()))
                        .collect();
                    ("addresses", mailboxes.join("\n"))
                }
                "subject" | "comments" | "content-description" | "thread-topic" => {
                    ("text", field.decoded())
                }
                _ => continue,
            };
            writeln!(out, "{path}\t{number}\t{kind}\t{}", escaped(&reading))?;
        }
    }
    out.flush()
}
