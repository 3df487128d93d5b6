//! Prints how fast the decoders and the search text are, in megabytes of input a second
//! of processor time (Linux only: other programs on the machine don't count).
//!
//! `cargo run --release -p posthorn-message --example speed [FILE...]`: files are messages whose
//! search text is made.

use posthorn_base::limits;
use posthorn_message::encoding::{Base64Encoder, Encoding, decode, encode_quoted_printable};
use posthorn_message::part::Range;
use posthorn_message::text::{Hidden, fold_for_search, html_to_text, search_text};
use posthorn_message::{date, parse};
use std::borrow::Cow;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

/// Time this process was on a processor.
fn processor_time() -> std::io::Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| std::io::Error::other("no schedstat"))
}

fn measure<T>(name: &str, bytes: usize, mut run: impl FnMut() -> T) -> std::io::Result<()> {
    black_box(run());
    let (started, since) = (processor_time()?, Instant::now());
    let mut rounds = 0u32;
    while since.elapsed().as_millis() < 1000 {
        black_box(run());
        rounds += 1;
    }
    let spent = processor_time()?.saturating_sub(started);
    let rate = bytes as f64 * f64::from(rounds) / spent.as_secs_f64() / 1e6;
    writeln!(std::io::stdout().lock(), "{name:24} {rate:8.0} MB/s")
}

fn main() -> std::io::Result<()> {
    let octets: Vec<u8> =
        (0..4_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut base64 = Vec::new();
    let mut encoder = Base64Encoder::default();
    encoder.push(&octets, &mut base64);
    encoder.finish(&mut base64);
    measure("base64 decode", base64.len(), || decode(Encoding::Base64, &base64))?;
    measure("base64 encode", octets.len(), || {
        let mut out = Vec::new();
        let mut encoder = Base64Encoder::default();
        encoder.push(&octets, &mut out);
        encoder.finish(&mut out);
        out
    })?;
    let text = "Grüße an alle, die dies lesen; es ist ein Satz.\r\n".repeat(20_000);
    let quoted = encode_quoted_printable(text.as_bytes());
    measure("quoted-printable decode", quoted.len(), || {
        decode(Encoding::QuotedPrintable, &quoted)
    })?;
    measure("quoted-printable encode", text.len(), || encode_quoted_printable(text.as_bytes()))?;
    measure("fold, German", text.len(), || fold_for_search(&text))?;
    let ascii = "The quick brown fox jumps over the lazy dog.\r\n".repeat(20_000);
    measure("fold, ASCII", ascii.len(), || fold_for_search(&ascii))?;
    let html = "<p style='color: red'>The <b>quick</b> brown <a href='https://a.example/'>fox</a> &amp; so on</p>\n".repeat(10_000);
    measure("HTML to text", html.len(), || html_to_text(&html, Hidden::Keep, usize::MAX))?;
    let wide = format!("<a {}>", "x y ".repeat(250_000));
    measure("HTML, hostile tag", wide.len(), || html_to_text(&wide, Hidden::Keep, usize::MAX))?;
    let many = format!("<a {}>", "x y ".repeat(60)).repeat(2000);
    measure("HTML, many attributes", many.len(), || html_to_text(&many, Hidden::Keep, usize::MAX))?;
    let stamp = "Mon, 23 Nov 2026 09:19:00 +0100";
    measure("dates", stamp.len(), || date::parse(stamp.as_bytes()))?;
    let files: Vec<Vec<u8>> =
        std::env::args_os().skip(1).map(std::fs::read).collect::<Result<_, _>>()?;
    if !files.is_empty() {
        let total = files.iter().map(Vec::len).sum();
        let mut worst = (Duration::ZERO, 0);
        measure("search text", total, || {
            for (index, message) in files.iter().enumerate() {
                let started = Instant::now();
                let parsed = parse(message);
                let read = |range: Range| range.of(message).map(Cow::Borrowed);
                black_box(search_text(b"", parsed.map(), limits::SEARCH_TEXT_BYTES_MAX, read));
                worst = worst.max((started.elapsed(), index));
            }
        })?;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{} messages, the slowest (number {}) {:?}", files.len(), worst.1, worst.0)?;
    }
    Ok(())
}
