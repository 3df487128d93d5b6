//! Measures what it costs to write ENVELOPE and BODYSTRUCTURE from their stored forms: for the
//! messages given as files, nanoseconds a message.
//!
//! ```text
//! cargo run --release -p posthorn-message --example imap_text_cost -- FILE...
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it does")]

use posthorn_message::structure::imap_text::{write_body_structure, write_envelope};
use std::io;
use std::time::Instant;

const MESSAGES: usize = 1_000_000;

fn main() -> io::Result<()> {
    let mut stored = Vec::new();
    for name in std::env::args().skip(1) {
        let parsed = posthorn_message::parse(&std::fs::read(name)?);
        stored.push((parsed.envelope().to_bytes(), parsed.map().to_bytes()));
    }
    type Stored = (Vec<u8>, Vec<u8>);
    let bytes = |of: fn(&Stored) -> &[u8]| stored.iter().map(|s| of(s).len()).sum();
    report("ENVELOPE", bytes(|s| &s.0), &stored, |out, (envelope, _)| {
        write_envelope(out, envelope).map_err(io::Error::other)
    })?;
    report("BODYSTRUCTURE", bytes(|s| &s.1), &stored, |out, (_, map)| {
        write_body_structure(out, map, true).map_err(io::Error::other)
    })
}

fn report(
    what: &str,
    bytes: usize,
    stored: &[(Vec<u8>, Vec<u8>)],
    write: impl Fn(&mut Vec<u8>, &(Vec<u8>, Vec<u8>)) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = Vec::with_capacity(1 << 20);
    let mut written = 0;
    let start = Instant::now();
    for one in stored.iter().cycle().take(MESSAGES) {
        out.clear();
        write(&mut out, one)?;
        written += out.len();
    }
    let each = start.elapsed().as_nanos() / MESSAGES as u128;
    let count = stored.len().max(1);
    println!("{what}: {each} ns, stored {} octets, written {}", bytes / count, written / MESSAGES);
    Ok(())
}
