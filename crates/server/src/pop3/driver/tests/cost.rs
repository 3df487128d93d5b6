//! What a RETR costs: `cargo test --release -p posthorn-server --lib -- --ignored --nocapture
//! cost`.

use super::plaintext;
use super::world::{pass, start};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const MESSAGES: usize = 2000;
const BYTES: usize = 12 * 1024;

/// Text that compresses as mail does: about to a half.
fn message(number: usize) -> Vec<u8> {
    let mut state = number as u64 * 2 + 1;
    let mut body = format!("Subject: message {number}\r\n\r\n").into_bytes();
    while body.len() < BYTES {
        for _ in 0..9 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            let word = format!("{:x} the ", (state >> 40) as u32);
            body.extend_from_slice(word.as_bytes());
        }
        body.extend_from_slice(b"\r\n");
    }
    body
}

/// Nanoseconds that a thread ran.
fn ran(thread: &std::path::Path) -> u64 {
    let stat = std::fs::read_to_string(thread.join("schedstat")).unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// A client on a thread of its own; answers nanoseconds of the server's thread for each RETR.
fn fetch_all(address: std::net::SocketAddr, server: &std::path::Path, pipelined: usize) -> u64 {
    let mut stream = BufReader::with_capacity(1 << 16, TcpStream::connect(address).unwrap());
    let mut line = Vec::new();
    let mut read_line = |stream: &mut BufReader<TcpStream>| {
        line.clear();
        stream.read_until(b'\n', &mut line).unwrap();
        line == b".\r\n"
    };
    let hello = format!("USER alice@example.com\r\n{}\r\n", pass());
    stream.get_mut().write_all(hello.as_bytes()).unwrap();
    for _ in 0..3 {
        assert!(!read_line(&mut stream));
    }
    let before = ran(server);
    for first in (1..=MESSAGES).step_by(pipelined) {
        let commands: Vec<_> =
            (first..first + pipelined).map(|number| format!("RETR {number}\r\n")).collect();
        stream.get_mut().write_all(commands.concat().as_bytes()).unwrap();
        for _ in 0..pipelined {
            while !read_line(&mut stream) {}
        }
    }
    let cost = (ran(server) - before) / MESSAGES as u64;
    stream.get_mut().write_all(b"QUIT\r\n").unwrap();
    read_line(&mut stream);
    cost
}

/// Prints microseconds of processor time for a RETR of 12 KB over loopback, system calls included.
/// The whole server runs on this test's thread.
#[tokio::test]
#[ignore = "measures"]
async fn cost_of_a_retr() {
    let place = start(plaintext).await;
    for first in (0..MESSAGES).step_by(100) {
        let bodies: Vec<_> = (first..first + 100).map(message).collect();
        place.append(&bodies.iter().map(Vec::as_slice).collect::<Vec<_>>()).await;
    }
    let server = std::fs::canonicalize("/proc/thread-self").unwrap();
    for pipelined in [1, 1, 1, 10] {
        let (address, server) = (place.address, server.clone());
        let fetch = tokio::task::spawn_blocking(move || fetch_all(address, &server, pipelined));
        let nanos = fetch.await.unwrap();
        eprintln!("{} us per RETR, {pipelined} at a time", nanos as f64 / 1000.0);
    }
    place.stop().await;
}
