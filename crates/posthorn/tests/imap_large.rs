//! Large mailboxes and large messages over IMAP: what the server holds in memory and what it reads
//! while it serves them, looked at from outside.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests: a panic is how they fail"
)]

mod common;

use common::Demo;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

const MESSAGES: usize = 100_000;
/// The others are copies of these, in turn.
const DISTINCT: usize = 200;
/// Clients that ask for everything and stop reading.
const STUCK: usize = 20;
/// By how much the server may grow while it sends 100,000 bodies to a client that is slow.
const SLOW_CLIENT_BYTES: u64 = 4 << 20;
/// By how much for each client that does not read at all.
const STUCK_CLIENT_BYTES: u64 = 128 << 10;
/// A frame of a large body, as it is stored.
const FRAME_BYTES: u64 = 256 << 10;

/// A client that reads no more than it is asked to: what it does not read stays with the server.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Logged in as alice. `window`: octets that the kernel takes ahead of us.
    fn new(demo: &Demo, window: usize) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_recv_buffer_size(window).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, demo.port("imap")));
        socket.connect(&SockAddr::from(address)).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        let mut client = Client { stream: BufReader::with_capacity(window, socket.into()) };
        client.line();
        client.ok("LOGIN alice@example.com password");
        client
    }

    fn say(&mut self, command: &str) {
        self.send(format!("t {command}\r\n").as_bytes());
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.ends_with("\r\n"), "the server hung up: {line:?}");
        line
    }

    /// The untagged lines up to the end of a command that succeeds; without literals.
    fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with("t ") {
                assert!(line.starts_with("t OK"), "{line}");
                return lines;
            }
            lines.push(line);
        }
    }

    fn ok(&mut self, command: &str) -> Vec<String> {
        self.say(command);
        self.rest()
    }

    fn append(&mut self, message: &[u8]) {
        self.send(format!("t APPEND INBOX {{{}+}}\r\n", message.len()).as_bytes());
        self.send(message);
        self.send(b"\r\n");
        self.rest();
    }

    /// A FETCH response with one literal: its octets.
    fn body(&mut self, number: usize) -> Vec<u8> {
        let head = self.line();
        let (what, size) = head.trim_end().rsplit_once('{').unwrap();
        assert!(what.starts_with(&format!("* {number} FETCH (BODY[")), "{head}");
        let mut octets = vec![0; size.trim_end_matches('}').parse().unwrap()];
        self.stream.read_exact(&mut octets).unwrap();
        assert_eq!(self.line(), ")\r\n");
        octets
    }

    /// The numbers of the messages that a key finds.
    fn search(&mut self, key: &str) -> Vec<usize> {
        let response = self.ok(&format!("SEARCH {key}")).concat();
        let numbers = response.trim_end().strip_prefix("* SEARCH").unwrap();
        numbers.split_whitespace().map(|number| number.parse().unwrap()).collect()
    }
}

/// The server as the kernel sees it.
struct Process(u32);

impl Process {
    fn of(demo: &Demo) -> Process {
        Process(demo.process_id())
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.0)).unwrap()
    }

    fn number(&self, file: &str, field: &str) -> u64 {
        let text = self.file(file);
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Octets resident now; the peak is counted from here on.
    fn memory(&self) -> u64 {
        // proc(5): 5 takes the peak back to what is resident now.
        std::fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
        self.number("status", "VmRSS:") << 10
    }

    /// The most octets that were resident since.
    fn peak(&self) -> u64 {
        self.number("status", "VmHWM:") << 10
    }

    /// Octets that it has read, from files and sockets.
    fn octets_read(&self) -> u64 {
        self.number("io", "rchar:")
    }

    /// Waits until it does nothing any more.
    fn rest(&self) {
        let ticks = || {
            let stat = self.file("stat");
            let fields = stat.rsplit(')').next().unwrap().split(' ').map(str::to_owned);
            fields.skip(12).take(2).collect::<Vec<_>>()
        };
        let (mut last, mut same) = (ticks(), 0);
        while same < 10 {
            sleep(Duration::from_millis(20));
            let now = ticks();
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
    }
}

fn message(number: usize) -> Vec<u8> {
    let text = "Words of no weight that fill a line of an ordinary message.\r\n".repeat(15);
    format!("From: a@b.example\r\nSubject: number {number:03}.\r\n\r\n{text}").into_bytes()
}

fn fill(client: &mut Client) {
    (0..DISTINCT).for_each(|number| client.append(&message(number)));
    client.ok("SELECT INBOX");
    let mut count = DISTINCT;
    while count < MESSAGES {
        let more = count.min(MESSAGES - count);
        client.ok(&format!("COPY 1:{more} INBOX"));
        count += more;
    }
}

#[test]
fn a_hundred_thousand_messages_are_served_in_little_memory() {
    let mut demo = Demo::start();
    let process = Process::of(&demo);
    let mut client = Client::new(&demo, 64 << 10);
    fill(&mut client);

    let selected = client.ok("SELECT INBOX").concat();
    assert!(selected.contains(&format!("* {MESSAGES} EXISTS")), "{selected}");
    let flags = client.ok("FETCH 1:* FLAGS");
    assert_eq!(flags.len(), MESSAGES);
    assert_eq!(flags[MESSAGES - 1], format!("* {MESSAGES} FETCH (FLAGS ())\r\n"));
    client.ok(&format!("STORE {MESSAGES} +FLAGS.SILENT (\\Flagged)"));
    assert_eq!(client.search("FLAGGED"), [MESSAGES]);
    assert_eq!(client.search("NOT FLAGGED"), (1..MESSAGES).collect::<Vec<_>>());
    let sevens = (0..MESSAGES / DISTINCT).map(|turn| turn * DISTINCT + 8);
    assert_eq!(client.search("SUBJECT \"number 007.\""), sevens.collect::<Vec<_>>());

    let before = process.memory();
    client.say("FETCH 1:* BODY.PEEK[]");
    for number in 1..=MESSAGES {
        assert_eq!(client.body(number), message((number - 1) % DISTINCT));
        if number == MESSAGES / 2 {
            process.rest();
        }
    }
    client.rest();
    let grown = process.peak() - before;
    assert!(grown < SLOW_CLIENT_BYTES, "{grown} octets for a slow client");

    // Many who do not read at all; somebody else's work goes on.
    let mut stuck: Vec<Client> = (0..STUCK).map(|_| Client::new(&demo, 4096)).collect();
    process.rest();
    let before = process.memory();
    for client in &mut stuck {
        client.ok("EXAMINE INBOX");
        client.say("FETCH 1:* BODY.PEEK[]");
        assert_eq!(client.body(1), message(0));
    }
    process.rest();
    demo.deliver("alice@example.com");
    assert_eq!(client.ok("NOOP")[0], format!("* {} EXISTS\r\n", MESSAGES + 1));
    let grown = process.peak() - before;
    assert!(grown < STUCK as u64 * STUCK_CLIENT_BYTES, "{grown} octets for {STUCK} stuck clients");
    // One of them wakes up, and misses nothing.
    let mut woken = stuck.pop().unwrap();
    (2..=5000).for_each(|number| assert_eq!(woken.body(number), message((number - 1) % DISTINCT)));
    drop((client, stuck, woken));
    demo.stop();
}

/// Octets that do not compress.
fn noise(octets: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        ALPHABET[(state >> 58) as usize]
    };
    (0..octets).map(|_| next()).collect()
}

#[test]
fn parts_and_partials_of_a_large_message_read_only_the_frames_that_they_need() {
    let mut demo = Demo::start();
    let process = Process::of(&demo);
    let mut client = Client::new(&demo, 64 << 10);
    let lines = noise(20 << 20);
    let lines = lines.chunks(76).collect::<Vec<_>>().join(b"\r\n".as_slice());
    let message = [
        b"Subject: large\r\nMIME-Version: 1.0\r\n\
          Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n\
          Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        lines.as_slice(),
        b"\r\n--b\r\nX-Last: yes\r\n\r\nlast\r\n--b--\r\n",
    ]
    .concat();
    client.append(&message);
    client.ok("SELECT INBOX");
    let middle = message.len() / 2;
    let mut check = |section: &str, frames: u64, want: &[u8]| {
        let before = process.octets_read();
        client.say(&format!("FETCH 1 BODY.PEEK[{section}"));
        let got = client.body(1);
        client.rest();
        let read = process.octets_read() - before;
        assert!(got == want, "{section}: {} octets", got.len());
        // Beside frames the row, the command, and pages of the database.
        assert!(read < (frames + 1) * FRAME_BYTES, "{section}: {read} octets for {frames} frames");
    };
    check(&format!("]<{middle}.100>"), 1, &message[middle..middle + 100]);
    check("1]", 1, b"first");
    check("3]", 1, b"last");
    check("3.MIME]", 1, b"X-Last: yes\r\n\r\n");
    check("HEADER]", 1, &message[..message.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4]);
    check("HEADER.FIELDS (Subject)]", 1, b"Subject: large\r\n\r\n");
    check("2]<0.9>", 1, &lines[..9]);
    let frame = FRAME_BYTES as usize;
    check(&format!("]<{}.2>", 8 * frame - 1), 2, &message[8 * frame - 1..8 * frame + 1]);
    check("2]", lines.len() as u64 / FRAME_BYTES + 2, &lines);
    drop(client);
    demo.stop();
}
