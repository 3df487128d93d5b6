//! IMAP on a file system that is full: what needs room is refused with a reason, nothing is half
//! done, reading goes on, and so does everything once there is room.

#![cfg(test)]

mod common;

use common::Demo;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

/// The whole file system.
const DISK: &str = "64m";
/// Free space above which the demo takes new mail, and a bit less than that.
const BELOW_RESERVE: u64 = 12 << 20;
/// Messages in INBOX: more than one step of a large COPY.
const MESSAGES: usize = 1200;
const COPIED: usize = 3;
/// New keywords on all of them, until the disk is full.
const STORES: usize = 300;

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Logged in as alice.
    fn new(demo: &Demo) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", demo.port("imap"))).unwrap();
        let mut client = Client { stream: BufReader::new(stream) };
        client.line();
        client.ok("LOGIN alice@example.com password");
        client
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        assert!(line.ends_with(b"\r\n"), "the server hung up");
        String::from_utf8(line).unwrap()
    }

    /// The responses to a command, literals and all, and its completion without the tag.
    fn command(&mut self, command: &str) -> (Vec<u8>, String) {
        self.send(format!("t {command}\r\n").as_bytes());
        self.answer()
    }

    fn answer(&mut self) -> (Vec<u8>, String) {
        let mut all = Vec::new();
        loop {
            let line = self.line();
            if let Some(completion) = line.strip_prefix("t ") {
                return (all, completion.to_owned());
            }
            all.extend_from_slice(line.as_bytes());
            if let Some((_, octets)) = line.trim_end().trim_end_matches('}').rsplit_once('{') {
                let begin = all.len();
                all.resize(begin + octets.parse::<usize>().unwrap(), 0);
                self.stream.read_exact(&mut all[begin..]).unwrap();
            }
        }
    }

    #[track_caller]
    fn ok(&mut self, command: &str) -> String {
        let (responses, completion) = self.command(command);
        assert!(completion.starts_with("OK"), "{command}: {completion}");
        String::from_utf8(responses).unwrap()
    }

    /// A command that is refused because there is no room.
    #[track_caller]
    fn no(&mut self, command: &str) {
        let (_, completion) = self.command(command);
        assert!(is_no_room(&completion), "{command}: {completion}");
    }

    /// With a literal that is sent at once.
    fn append(&mut self, to: &str, message: &[u8]) -> String {
        self.send(format!("t APPEND {to} {{{}+}}\r\n", message.len()).as_bytes());
        self.send(message);
        self.send(b"\r\n");
        self.answer().1
    }

    fn count(&mut self, mailbox: &str) -> usize {
        let status = self.ok(&format!("STATUS {mailbox} (MESSAGES)"));
        let digits = status.split("MESSAGES ").nth(1).unwrap().split(')').next().unwrap();
        digits.parse().unwrap()
    }

    /// The flags and keywords of messages in INBOX, as far as they are not \Recent.
    fn flags(&mut self, set: &str) -> BTreeMap<usize, Vec<String>> {
        let responses = self.ok(&format!("FETCH {set} FLAGS"));
        let lines = responses.lines().filter(|line| line.contains(" FETCH (FLAGS ("));
        let flags = lines.map(|line| {
            let number = line.split(' ').nth(1).unwrap().parse().unwrap();
            let list = line.split("FLAGS (").nth(1).unwrap().trim_end_matches(')');
            let flags = list.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent");
            (number, flags.map(str::to_owned).collect())
        });
        flags.collect()
    }

    #[track_caller]
    fn has_body(&mut self, number: usize, item: &str, message: &[u8]) {
        let (responses, completion) = self.command(&format!("FETCH {number} {item}"));
        assert!(completion.starts_with("OK"), "{completion}");
        assert!(contains(&responses, message));
    }
}

/// Whether the octets of a message are a literal in these responses.
fn contains(responses: &[u8], message: &[u8]) -> bool {
    let literal = [format!("{{{}}}\r\n", message.len()).as_bytes(), message].concat();
    responses.windows(literal.len()).any(|part| part == literal)
}

fn is_no_room(completion: &str) -> bool {
    completion == "NO [UNAVAILABLE] The server has no room, try again later\r\n"
}

fn message(number: usize, octets: usize) -> Vec<u8> {
    let mut state = number as u64 + 1;
    let mut text = format!("Subject: {number}\r\n\r\n").into_bytes();
    while text.len() < octets {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        text.extend_from_slice(format!("{state:016x}\r\n").as_bytes());
    }
    text
}

/// What else is on the disk.
struct Ballast {
    path: PathBuf,
}

impl Ballast {
    /// As seen by the server.
    fn of(demo: &Demo) -> Ballast {
        let dir = demo.dir.path().strip_prefix("/").unwrap();
        let root = PathBuf::from(format!("/proc/{}/root", demo.process_id()));
        Ballast { path: root.join(dir).join("ballast") }
    }

    fn free(&self) -> u64 {
        let disk = nix::sys::statvfs::statvfs(self.path.parent().unwrap()).unwrap();
        disk.blocks_available() * disk.fragment_size()
    }

    /// Grows until so much is free.
    fn leave(&self, octets: u64) {
        let mut file = File::options().create(true).append(true).open(&self.path).unwrap();
        while self.free() > octets {
            // The last bit of the last page may not fit.
            if file.write_all(&[1; 4096]).is_err() {
                break;
            }
        }
    }

    fn remove(&self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}

/// What a client was told is in the account.
struct Known {
    small: Vec<u8>,
    large: Vec<u8>,
    inbox: usize,
    folder: usize,
}

fn fill(client: &mut Client) -> Known {
    let (small, large) = (message(1, 3000), message(2, 300_000));
    let known = Known { small, large, inbox: MESSAGES, folder: COPIED };
    assert!(client.append("INBOX", &known.small).starts_with("OK"));
    assert!(client.append("INBOX", &known.large).starts_with("OK"));
    client.ok("SELECT INBOX");
    let mut count = 2;
    while count < MESSAGES {
        let more = count.min(MESSAGES - count);
        client.ok(&format!("COPY 1:{more} INBOX"));
        count += more;
    }
    client.ok("CREATE folder");
    client.ok(&format!("COPY 1:{COPIED} folder"));
    client.ok("NOOP");
    known
}

/// Nothing that a refused command would have made is there, and everything else is.
fn is_as_before(client: &mut Client, known: &Known) {
    assert_eq!((client.count("INBOX"), client.count("folder")), (known.inbox, known.folder));
    assert!(!client.ok("LIST \"\" *").contains("another"));
    client.has_body(1, "BODY.PEEK[]", &known.small);
    client.has_body(2, "BODY.PEEK[]", &known.large);
}

fn refused(client: &mut Client, known: &Known) {
    // Told before the message is sent, where it waits for that.
    client.no(&format!("APPEND INBOX {{{}}}", known.small.len()));
    for message in [&known.small, &known.large] {
        let completion = client.append("INBOX", message);
        assert!(is_no_room(&completion), "{completion}");
    }
    client.no("COPY 1:2 folder");
    client.no("COPY 1:* folder");
    client.no("CREATE another");
    is_as_before(client, known);
}

#[test]
#[ignore = "needs the right to mount"]
fn a_full_disk_refuses_what_needs_room_and_nothing_else() {
    let mut demo = Demo::on_small_disk(DISK);
    let ballast = Ballast::of(&demo);
    let mut client = Client::new(&demo);
    let mut known = fill(&mut client);

    // Less is free than is kept for making room.
    ballast.leave(BELOW_RESERVE);
    refused(&mut client, &known);
    client.ok("STORE 1 +FLAGS (\\Flagged)");
    assert_eq!(client.flags("1")[&1], ["\\Flagged"]);
    client.has_body(2, "BODY[]", &known.large);
    assert_eq!(client.flags("2")[&2], ["\\Seen"]);
    client.ok(&format!("STORE {MESSAGES} +FLAGS.SILENT (\\Deleted)"));
    client.ok("EXPUNGE");
    known.inbox -= 1;
    is_as_before(&mut client, &known);

    // Nothing at all is free. What is small may find room within the log, until that is full.
    ballast.leave(0);
    refused(&mut client, &known);
    let mut stores = 0..STORES;
    let is_refused = |number| {
        let (_, completion) = client.command(&format!("STORE 1:* +FLAGS.SILENT (word{number})"));
        assert!(completion.starts_with("OK") || is_no_room(&completion), "{completion}");
        is_no_room(&completion)
    };
    assert!(stores.any(is_refused), "room was never needed");
    // Whatever came of it, everybody knows the same, and who comes now as well.
    client.ok("NOOP");
    let mut other = Client::new(&demo);
    other.ok("SELECT INBOX");
    assert_eq!(client.flags("1:*"), other.flags("1:*"));
    is_as_before(&mut other, &known);
    // Without room for \Seen the octets come all the same.
    let (responses, _) = client.command("FETCH 1 BODY[]");
    assert!(contains(&responses, &known.small));

    ballast.remove();
    assert!(client.append("INBOX", &known.large).starts_with("OK"));
    client.ok("COPY 1:* folder");
    client.ok("CREATE another");
    client.ok("STORE 1:* +FLAGS.SILENT (last)");
    client.ok("NOOP");
    assert_eq!(client.count("folder"), COPIED + MESSAGES);
    assert!(client.flags("1:*").values().all(|flags| flags.contains(&"last".to_owned())));
    drop((client, other));
    demo.stop();
}
