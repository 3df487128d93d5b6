//! The real server, killed with SIGKILL while real connections hand it mail: every 250 is kept.
//!
//! `POSTHORN_CRASH_ROUNDS` says how many rounds are wanted.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Connections that hand in mail at once.
const SENDERS: u64 = 4;
/// Who reads it, with which password.
const PEOPLE: [(&str, &str); 2] = [("alice", "secret"), ("bob", "secret")];
const ADDRESSES: [&str; 2] = ["alice@example.com", "bob@example.org"];

/// A server that is killed when the test lets go of it.
struct Server {
    child: Child,
    smtp: u16,
    pop3: u16,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_posthorn"))
            .args(["demo", "--json", "--dir"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the server is ready");
        let port = |name: &str| u16::try_from(ready[name]["port"].as_u64().unwrap()).unwrap();
        let (smtp, pop3) = (port("smtp"), port("pop3"));
        Server { child, smtp, pop3 }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of lines. Errors are those of a server that was killed.
struct Dialogue {
    reader: BufReader<TcpStream>,
}

impl Dialogue {
    fn connect(port: u16) -> std::io::Result<Self> {
        let mut dialogue =
            Dialogue { reader: BufReader::new(TcpStream::connect(("127.0.0.1", port))?) };
        dialogue.line()?;
        Ok(dialogue)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line)?;
        match String::from_utf8(line).unwrap().strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(octets)
    }

    /// The last line of a reply of SMTP.
    fn smtp(&mut self, command: &str) -> std::io::Result<String> {
        self.send(format!("{command}\r\n").as_bytes())?;
        loop {
            let line = self.line()?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    fn pop3(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes()).unwrap();
        let line = self.line().unwrap();
        assert!(line.starts_with("+OK"), "{command}: {line}");
        line
    }

    /// The lines up to the dot, with the dots that were added taken away.
    fn until_dot(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().unwrap();
            if line == "." {
                return lines;
            }
            lines.push(line.strip_prefix('.').unwrap_or(&line).to_owned());
        }
    }
}

/// The lines behind the header of a message. Sizes lie on both sides of the border between row and
/// file.
fn body(number: u64) -> Vec<String> {
    let lines = match number % 10 {
        0..=6 => 20 + number * 37 % 200,
        7 => 1_800 + number % 20,
        _ => 2_000 + number * 131 % 5_000,
    };
    let line = |index| format!("line {index} of {number} {:060x}", (index + 1) * (number + 7));
    (0..lines).map(line).collect()
}

/// How many of [`ADDRESSES`] a message is for.
fn copies(number: u64) -> usize {
    if number.is_multiple_of(3) { 2 } else { 1 }
}

/// Numbers of messages and how many of [`ADDRESSES`] each is for.
type Acknowledged = BTreeMap<u64, usize>;

/// Hands in messages until the server is gone; tells each 250.
fn send(port: u16, first: u64, acknowledged: &mpsc::Sender<(u64, usize)>) -> std::io::Result<()> {
    let mut dialogue = Dialogue::connect(port)?;
    dialogue.smtp("EHLO client.example.net")?;
    for number in (first..).step_by(usize::try_from(SENDERS).unwrap()) {
        let copies = copies(number);
        dialogue.smtp("MAIL FROM:<sender@example.net>")?;
        for address in &ADDRESSES[..copies] {
            let reply = dialogue.smtp(&format!("RCPT TO:<{address}>"))?;
            assert!(reply.starts_with("250"), "{reply}");
        }
        let reply = dialogue.smtp("DATA")?;
        assert!(reply.starts_with("354"), "{reply}");
        let head = format!("From: sender@example.net\r\nX-Number: {number}\r\n\r\n");
        let message = head + &body(number).join("\r\n") + "\r\n.";
        let reply = dialogue.smtp(&message)?;
        assert!(reply.starts_with("250"), "{reply}");
        acknowledged.send((number, copies)).unwrap();
    }
    Ok(())
}

/// Lets the senders work until so many messages are acknowledged, then kills the server.
fn load_and_kill(server: &mut Server, first: u64, enough: usize, spins: u64) -> Acknowledged {
    let (told, hear) = mpsc::channel();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (port, told) = (server.smtp, told.clone());
            std::thread::spawn(move || send(port, first + sender, &told))
        })
        .collect();
    drop(told);
    let mut acknowledged: Acknowledged = hear.iter().take(enough).collect();
    // Anywhere between two messages, not only at their ends.
    for _ in 0..spins {
        std::hint::spin_loop();
    }
    server.kill();
    for sender in senders {
        let ended = sender.join().unwrap();
        assert!(ended.is_err(), "senders end with the server");
    }
    acknowledged.extend(hear.iter());
    acknowledged
}

/// Reads a whole mailbox, compares each message, deletes them all. Answers their numbers.
fn read_and_delete(port: u16, user: &str, password: &str) -> BTreeSet<u64> {
    let mut dialogue = Dialogue::connect(port).unwrap();
    dialogue.pop3(&format!("USER {user}"));
    dialogue.pop3(&format!("PASS {password}"));
    let count: u64 = dialogue.pop3("STAT").split(' ').nth(1).unwrap().parse().unwrap();
    let mut numbers = BTreeSet::new();
    for index in 1..=count {
        dialogue.pop3(&format!("RETR {index}"));
        let lines = dialogue.until_dot();
        let end = lines.iter().position(String::is_empty).expect("an end of the header");
        let number = lines.iter().find_map(|line| line.strip_prefix("X-Number: ")).unwrap();
        let number = number.parse().unwrap();
        assert!(lines[end + 1..] == body(number), "{number} has other lines than were sent");
        assert!(numbers.insert(number), "{number} is there twice");
        dialogue.pop3(&format!("DELE {index}"));
    }
    dialogue.pop3("QUIT");
    numbers
}

#[test]
fn a_killed_server_has_kept_every_250() {
    let rounds: u64 = match std::env::var("POSTHORN_CRASH_ROUNDS") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => 2,
    };
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("demo");
    let mut kept = 0;
    for round in 0..rounds {
        let first = round * 1_000_000;
        let enough = usize::try_from(5 + round * 29 % 60).unwrap();
        let mut server = Server::start(&dir);
        let acknowledged = load_and_kill(&mut server, first, enough, round * 77_777 % 300_000);
        assert!(acknowledged.len() >= enough, "{} of {enough}", acknowledged.len());
        let server = Server::start(&dir);
        let there = PEOPLE.map(|(user, password)| read_and_delete(server.pop3, user, password));
        for (number, copies) in &acknowledged {
            assert!(there.iter().take(*copies).all(|there| there.contains(number)), "{number}");
        }
        for numbers in &there {
            // What was deleted in the round before stays deleted.
            assert!(numbers.iter().all(|number| *number >= first), "{first}: {numbers:?}");
            kept += numbers.len();
        }
        // What was not acknowledged is with all of its recipients or with none.
        let for_both = there[0].iter().filter(|number| copies(**number) == 2).copied().collect();
        assert_eq!(there[1], for_both);
    }
    println!("{rounds} rounds, {kept} copies read");
    let check = Command::new(env!("CARGO_BIN_EXE_posthorn"))
        .args(["store", "check", "--deep", "--dir"])
        .arg(&dir)
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}
