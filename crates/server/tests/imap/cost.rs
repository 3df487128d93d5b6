//! What FETCH and APPEND cost: `cargo test --release -p posthorn-server --test imap -- --ignored
//! --nocapture cost`.
//!
//! Printed is processor time of all threads of the process but that of the client, system calls
//! over loopback included.

#![allow(clippy::print_stderr, reason = "figures for people")]

use crate::server::Server;
use bytes::Bytes;
use posthorn_base::{ArrivalId, Flags, ZonedTime};
use posthorn_message::parse;
use posthorn_server::facts::email_facts;
use posthorn_store::bodies::BodyWriter;
use posthorn_store::mail::{Append, NewMessage};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

const MESSAGES: usize = 10_000;
const LARGER: usize = 2000;

/// An ordinary mail of two parts, about so large, with text that compresses to a half.
fn message(number: usize, octets: usize) -> Vec<u8> {
    let mut state = number as u64 * 2 + 1;
    let mut text = String::new();
    while text.len() + 900 < octets {
        for _ in 0..9 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            text += &format!("{:x} the ", (state >> 40) as u32);
        }
        text += "\r\n";
    }
    format!(
        "From: Alice Example <alice{number}@example.com>\r\nTo: Bob Example <bob@example.org>, \
         carol@example.net\r\nCc: \"Dave, D.\" <dave@example.com>\r\n\
         Subject: Re: minutes of meeting {number}\r\nDate: Mon, 23 Nov 2026 09:35:00 +0000\r\n\
         Message-ID: <{number:012}@mail.example.com>\r\n\
         In-Reply-To: <{:012}@mail.example.com>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=\"=_{number:030}\"\r\n\r\n\
         --=_{number:030}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n{text}\r\n--=_{number:030}\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\
         \r\n\r\n<p>short\r\n--=_{number:030}--\r\n",
        number.saturating_sub(1)
    )
    .into_bytes()
}

fn fill(server: &Server, name: &str, count: usize, octets: usize) {
    let node = server.node();
    let mailbox = server.find(name).unwrap().id;
    for first in (0..count).step_by(100) {
        let messages = (first..first + 100).map(|number| {
            let message = message(number, octets);
            let parsed = parse(&message);
            let prefix = Bytes::from_static(b"Return-Path: <a@b.example>\r\n");
            NewMessage {
                arrival: node.next_id::<ArrivalId>(),
                email: node.next_id(),
                facts: email_facts(&parsed, &prefix, &message).unwrap(),
                body: BodyWriter::encode(&node.files, node.next_id(), &message, prefix).unwrap(),
                received: ZonedTime { time: node.now(), offset_minutes: 0 },
                flags: Flags::SEEN,
                keywords: Vec::new(),
                story: None,
            }
        });
        let messages = messages.collect();
        let (account, now) = (server.alice, node.now());
        let append = Append { account, mailbox, messages, now, within_quota: true };
        server.runtime.block_on(node.engine.write(append)).unwrap();
    }
}

/// Nanoseconds that all other threads of this process ran. Threads that have ended are not in it.
fn others_ran() -> u64 {
    let own = std::fs::read_link("/proc/thread-self").unwrap();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    tasks.filter(|task| task.file_name() != own.file_name()).map(|task| ran(&task)).sum()
}

fn ran(task: &Path) -> u64 {
    let stat = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = BufReader::with_capacity(1 << 16, TcpStream::connect(address).unwrap());
    stream.read_line(&mut String::new()).unwrap();
    run(&mut stream, "LOGIN alice@example.com password");
    stream
}

/// Sends a command and drops what comes up to its OK.
fn run(stream: &mut BufReader<TcpStream>, command: &str) {
    stream.get_mut().write_all(format!("t {command}\r\n").as_bytes()).unwrap();
    finish(stream);
}

fn finish(stream: &mut BufReader<TcpStream>) {
    let mut tail = Vec::new();
    loop {
        let new = stream.fill_buf().unwrap();
        assert!(!new.is_empty(), "the server hung up");
        let count = new.len();
        tail.extend_from_slice(&new[count.saturating_sub(1000)..]);
        stream.consume(count);
        tail.drain(..tail.len().saturating_sub(2000));
        let last = tail.strip_suffix(b"\r\n").and_then(|tail| tail.rsplit(|b| *b == b'\n').next());
        if last.is_some_and(|last| last.starts_with(b"t ")) {
            assert!(last.unwrap().starts_with(b"t OK"), "{}", tail.escape_ascii());
            return;
        }
    }
}

#[test]
#[ignore = "measures"]
fn cost() {
    let server = Server::start();
    server.create("larger");
    fill(&server, "INBOX", MESSAGES, 4096);
    fill(&server, "larger", LARGER, 12 * 1024);
    let mut client = connect(server.address());
    run(&mut client, "SELECT INBOX");
    let measure = |what: &str, times: usize, work: &mut dyn FnMut()| {
        let mut best = u64::MAX;
        for _ in 0..5 {
            let before = others_ran();
            work();
            best = best.min(others_ran() - before);
        }
        eprintln!("{:8.2} us  {what}", best as f64 / 1000.0 / times as f64);
    };
    for items in [
        "FLAGS",
        "(UID FLAGS RFC822.SIZE)",
        "(UID FLAGS RFC822.SIZE MODSEQ EMAILID)",
        "INTERNALDATE",
        "ENVELOPE",
        "BODYSTRUCTURE",
        "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
        "BODY.PEEK[HEADER.FIELDS (Date From To Subject)]",
    ] {
        let command = format!("FETCH 1:* {items}");
        measure(&command, MESSAGES, &mut || run(&mut client, &command));
    }
    run(&mut client, "SELECT larger");
    measure("FETCH 1:* BODY.PEEK[] of 12 KB", LARGER, &mut || {
        run(&mut client, "FETCH 1:* BODY.PEEK[]");
    });
    measure("FETCH n BODY.PEEK[] of 12 KB, one by one", LARGER, &mut || {
        (1..=LARGER).for_each(|n| run(&mut client, &format!("FETCH {n} BODY.PEEK[]")));
    });
    measure("FETCH 1:* BODY.PEEK[TEXT]<0.100> of 12 KB", LARGER, &mut || {
        run(&mut client, "FETCH 1:* BODY.PEEK[TEXT]<0.100>");
    });
    let address = server.address();
    let appending: Vec<_> = (0..20).map(|_| connect(address)).collect();
    cost_of_append(appending);
}

/// 20 clients append at once; their threads are left out of the sum as well.
fn cost_of_append(clients: Vec<BufReader<TcpStream>>) {
    const EACH: usize = 100;
    let count = clients.len();
    let before = others_ran();
    let threads = clients.into_iter().map(|mut client| {
        std::thread::spawn(move || {
            let message = message(7, 4096);
            for _ in 0..EACH {
                let head = format!("t APPEND INBOX {{{}+}}\r\n", message.len());
                client.get_mut().write_all(head.as_bytes()).unwrap();
                client.get_mut().write_all(&message).unwrap();
                client.get_mut().write_all(b"\r\n").unwrap();
                finish(&mut client);
            }
            ran(Path::new("/proc/thread-self"))
        })
    });
    let threads: Vec<_> = threads.collect();
    let own: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    // The clients' threads have ended: what they ran is not in the sum any more.
    let all = others_ran() - before;
    let each = 1000.0 * (count * EACH) as f64;
    eprintln!("{:8.2} us  APPEND of 4 KB, {count} clients at once", all as f64 / each);
    eprintln!("{:8.2} us  (the clients' side of it)", own as f64 / each);
}
