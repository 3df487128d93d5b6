//! How fast the SMTP session is by itself: no sockets, no store, one thread.
//!
//! `cargo run --release -p posthorn-proto --example smtp_speed`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for the developer")]

use posthorn_base::{ArrivalId, Domain, Time};
use posthorn_proto::smtp::{Config, Event, Service, Session};
use std::sync::Arc;
use std::time::Instant;

const NOW: Time = Time::EPOCH;

/// Runs input through a session; returns the bytes of messages that came out.
fn run(session: &mut Session, mut input: &[u8], out: &mut Vec<u8>) -> u64 {
    let mut bytes = 0;
    loop {
        match session.receive(&mut input, out, NOW) {
            Event::Read | Event::Close(_) => return bytes,
            Event::Flush => out.clear(),
            Event::CheckSender(_) => session.sender_checked(Ok(()), out),
            Event::CheckRecipient(_) => session.recipient_checked(Ok(()), out),
            Event::DataBegin(_) => session.data_checked(Ok(()), out),
            Event::Data(data) => bytes += data.len() as u64,
            Event::DataEnd { .. } => session.delivered(ArrivalId::new(1).unwrap(), out),
            _ => {}
        }
    }
}

fn session() -> Session {
    let config = Config::new(Domain::parse("mx.example").unwrap(), Service::Mx);
    let mut session = Session::new(Arc::new(config), None, NOW);
    session.greet(&mut Vec::new());
    session
}

fn main() {
    let envelope = "MAIL FROM:<carol@client.example> SIZE=4000\r\nRCPT TO:<alice@example.com>\r\n";
    let mut out = Vec::new();

    for (name, line) in [
        ("lines of 76", format!("{}\r\n", "x".repeat(76))),
        ("lines of 30", format!("{}\r\n", "x".repeat(30))),
        ("empty lines", "\r\n".to_owned()),
        ("lines of dots", "..\r\n".to_owned()),
    ] {
        let body = line.repeat(30_000_000 / line.len());
        let mut session = session();
        run(&mut session, format!("EHLO a\r\n{envelope}DATA\r\n").as_bytes(), &mut out);
        let began = Instant::now();
        let mut bytes = 0;
        for piece in body.as_bytes().chunks(16 * 1024) {
            bytes += run(&mut session, piece, &mut out);
        }
        bytes += run(&mut session, b".\r\n", &mut out);
        let took = began.elapsed();
        let rate = body.len() as f64 / took.as_secs_f64() / 1e9;
        println!("DATA, {name}: {rate:.2} GB/s ({bytes} bytes in {took:?})");
    }

    let message = format!("{}\r\n", "x".repeat(76)).repeat(50);
    let dialogue = format!("{envelope}DATA\r\n{message}.\r\n");
    let mut session = session();
    run(&mut session, b"EHLO a\r\n", &mut out);
    let rounds = 10_000u32;
    let began = Instant::now();
    for _ in 0..rounds {
        out.clear();
        run(&mut session, dialogue.as_bytes(), &mut out);
    }
    println!("MAIL, RCPT, DATA, a message of 4 KB: {:?} each", began.elapsed() / rounds);

    let commands = "NOOP\r\n".repeat(100_000);
    let began = Instant::now();
    run(&mut session, commands.as_bytes(), &mut out);
    println!("NOOP: {:?} each", began.elapsed() / 100_000);
}
