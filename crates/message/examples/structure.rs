//! Prints, for each file given, four lines: its name, its BODYSTRUCTURE and its ENVELOPE as IMAP
//! writes them (with octets beyond printable US-ASCII escaped), and where its sections lie, as
//! `1.2.MIME=start-end`. `-l` first makes each bare LF a CRLF, as a mail has over SMTP and IMAP;
//! `-` reads file names from standard input.
//!
//! ```text
//! cargo run -p posthorn-message --example structure -- [-l] FILE...
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it does")]

use posthorn_message::part::{PartMap, Range, Section, SectionText};
use posthorn_message::structure::imap_text::{write_body_structure, write_envelope};
use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut crlf = false;
    let mut out = io::stdout().lock();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "-l" => crlf = true,
            "-" => io::stdin().lines().try_for_each(|name| print(&name?, crlf, &mut out))?,
            name => print(name, crlf, &mut out)?,
        }
    }
    Ok(())
}

fn print(name: &str, crlf: bool, out: &mut impl Write) -> io::Result<()> {
    let mut message = std::fs::read(name)?;
    if crlf {
        message = with_crlf(&message);
    }
    let parsed = posthorn_message::parse(&message);
    let mut structure = Vec::new();
    write_body_structure(&mut structure, &parsed.map().to_bytes(), true)
        .map_err(io::Error::other)?;
    let mut envelope = Vec::new();
    write_envelope(&mut envelope, &parsed.envelope().to_bytes()).map_err(io::Error::other)?;
    writeln!(out, "{name}\n{}\n{}", structure.escape_ascii(), envelope.escape_ascii())?;
    writeln!(out, "{}", sections(parsed.map()).join(" "))
}

/// All sections that the message has, by IMAP's names for them.
fn sections(map: &PartMap) -> Vec<String> {
    let mut found = Vec::new();
    let numbers = (0..map.parts().len()).filter_map(|index| map.number_of(index));
    for part in std::iter::once(Vec::new()).chain(numbers) {
        let number = part.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
        for (text, word) in [
            (SectionText::Whole, ""),
            (SectionText::Header, "HEADER"),
            (SectionText::Text, "TEXT"),
            (SectionText::Mime, "MIME"),
        ] {
            let section = Section { part: part.clone(), text };
            let Some(Range { start, end }) = map.section(&section) else { continue };
            let dot = if number.is_empty() || word.is_empty() { "" } else { "." };
            found.push(format!("{number}{dot}{word}={start}-{end}"));
        }
    }
    found
}

fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    for &byte in message {
        if byte == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(byte);
    }
    out
}
