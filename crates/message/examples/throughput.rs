//! Measures the parser: octets per second on large bodies, microseconds per ordinary mail.
//!
//! ```text
//! cargo run --release -p posthorn-message --example throughput
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it does")]

use posthorn_message::{Limits, Parser};
use std::time::{Duration, Instant};

/// How long each measurement runs at least.
const RUN: Duration = Duration::from_millis(500);
/// How a message arrives.
const CHUNK_BYTES: usize = 64 * 1024;

fn main() {
    let head = "From: Alice <alice@example.com>\r\nTo: Bob <bob@example.org>\r\n\
        Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 23 Nov 2026 09:35:00 +0000\r\n\
        Message-ID: <0123456789abcdef@example.com>\r\nMIME-Version: 1.0\r\n";
    let received = "Received: from mx.example.net (mx.example.net [192.0.2.1])\r\n\t\
        by mail.example.org with ESMTPS id 0123456789\r\n\t\
        for <bob@example.org>; Mon, 23 Nov 2026 09:35:00 +0000\r\n";
    let base64 = format!("{}\r\n", "QUJD".repeat(19));
    let text = "A line of ordinary text, as people write it to each other every day.\r\n";
    let mixed = |body: &str, count: usize| {
        format!(
            "{head}Content-Type: multipart/mixed; boundary=\"=-=-=\"\r\n\r\n\
             --=-=-=\r\n\r\nhello\r\n--=-=-=\r\nContent-Type: application/pdf\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{}\
             --=-=-=--\r\n",
            body.repeat(count)
        )
    };
    let plain = |count: usize| format!("{head}\r\n{}", text.repeat(count));
    let small = format!(
        "{}{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{}",
        received.repeat(6),
        text.repeat(38)
    );
    let mut small_mixed = received.repeat(6);
    small_mixed += &mixed(&base64, 34);
    measure("20 MB of base64 in a multipart", mixed(&base64, 256_000).as_bytes());
    measure("20 MB of text", plain(290_000).as_bytes());
    measure("20 MB of lines that begin with --", mixed("-- \r\n", 4_000_000).as_bytes());
    measure("4 KiB of text", small.as_bytes());
    measure("4 KiB in a multipart", small_mixed.as_bytes());
}

fn measure(name: &str, message: &[u8]) {
    let start = Instant::now();
    let mut rounds = 0u32;
    let mut parts = 0;
    while start.elapsed() < RUN {
        let mut parser = Parser::new(Limits::default());
        message.chunks(CHUNK_BYTES).for_each(|chunk| parser.push(chunk));
        parts = std::hint::black_box(parser.finish()).map().parts().len();
        rounds += 1;
    }
    let each = start.elapsed() / rounds;
    let rate = message.len() as f64 / each.as_secs_f64() / 1e6;
    let octets = message.len();
    println!("{name}: {octets} octets, {parts} parts, {each:?} each, {rate:.0} MB/s");
}
