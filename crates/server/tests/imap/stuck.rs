//! Clients that stop reading, stop sending, or go away: they are cut off with a reason in the log,
//! what was held for them is free again, and nobody else waits for them.

use crate::log;
use crate::server::Server;
use posthorn_base::limits;
use posthorn_server::run::{ServiceKind, Settings};
use posthorn_store::mail::{CopyMessages, CopyMode, ListUids, bulk};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Octets that the kernel takes ahead of a client.
const WINDOW: usize = 4096;
/// More than all buffers between the server and a client hold.
const LARGE: usize = 8 << 20;
/// Memory for messages, where clients are to use it up.
const BUDGET: usize = 32 << 20;

struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    fn new(address: SocketAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_recv_buffer_size(WINDOW).unwrap();
        socket.connect(&SockAddr::from(address)).unwrap();
        let stream = TcpStream::from(socket);
        let address = stream.local_addr().unwrap();
        let mut client = Client { stream: BufReader::with_capacity(64, stream), address };
        client.line();
        client
    }

    /// Logged in as alice, with INBOX selected.
    fn selected(server: &Server) -> Client {
        let mut client = Client::new(server.address());
        client.ok("LOGIN alice@example.com password");
        client.ok("SELECT INBOX");
        client
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).unwrap();
    }

    fn say(&mut self, command: &str) {
        self.send(format!("t {command}\r\n").as_bytes());
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    /// The lines up to the completion of a command that succeeds; without literals.
    fn ok(&mut self, command: &str) -> String {
        self.say(command);
        self.finish()
    }

    fn finish(&mut self) -> String {
        let mut lines = String::new();
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the server hung up after {lines:?}");
            if line.starts_with("t ") {
                assert!(line.starts_with("t OK"), "{line}");
                return lines;
            }
            lines += &line;
        }
    }

    /// Reads what comes, to the end; how many octets, and whether the end was one.
    fn drain(&mut self) -> (usize, bool) {
        let (mut count, mut octets) = (0, [0; 4096]);
        loop {
            match self.stream.read(&mut octets) {
                Ok(0) => return (count, true),
                Ok(more) => count += more,
                Err(_) => return (count, false),
            }
        }
    }

    fn send_is_over(&self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }
}

impl Server {
    fn inbox_has(&self, octets: usize) {
        let text = b"Words of no weight that fill a line of some message.\r\n".repeat(octets / 54);
        let message = [b"Subject: x\r\n\r\n".as_slice(), &text].concat();
        self.deliver(self.find("INBOX").unwrap().id, &message, &[]);
    }

    /// Copies of the message that INBOX has.
    fn copies(&self, count: usize) {
        let (node, inbox) = (self.node(), self.find("INBOX").unwrap().id);
        let mut have = 1;
        while have < count + 1 {
            let more = u32::try_from(have.min(count + 1 - have)).unwrap();
            let list = ListUids { account: self.alice, mailbox: inbox };
            let uids = self.runtime.block_on(node.engine.read(&list)).unwrap();
            let copy = CopyMessages {
                account: self.alice,
                from: inbox,
                to: inbox,
                uids: uids.into_iter().take(more as usize).collect(),
                mode: CopyMode::Copy,
                now: node.now(),
            };
            self.runtime.block_on(bulk::copy(&node.engine, copy)).unwrap();
            have += more as usize;
        }
    }

    /// All memory for messages has come back, and no file of one that arrives is left.
    fn holds_nothing(&self) {
        let budget = &self.node().budget;
        assert_eq!(budget.free(), budget.bytes());
        let spool = std::fs::read_dir(self.dir.path().join("spool")).unwrap();
        assert_eq!(spool.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), [""; 0]);
    }

    /// A message comes in as mail does.
    fn receive(&self, octets: usize) {
        let mut client = Client::new(self.address_of(ServiceKind::Smtp));
        let reply = |client: &mut Client, code: &str| {
            let line = client.line();
            assert!(line.starts_with(code), "{line}");
        };
        client.send(b"HELO client.example\r\nMAIL FROM:<a@b.example>\r\n");
        client.send(b"RCPT TO:<alice@example.com>\r\nDATA\r\n");
        ["250", "250", "250", "354"].iter().for_each(|code| reply(&mut client, code));
        client.send(b"Subject: in between\r\n\r\n");
        client
            .send(&b"Words of no weight that fill a line of some message.\r\n".repeat(octets / 54));
        client.send(b".\r\nQUIT\r\n");
        reply(&mut client, "250 2.0.0");
    }
}

fn impatient(settings: &mut Settings) {
    settings.timeouts.write = Duration::from_millis(300);
}

#[test]
fn who_stops_reading_within_a_literal_is_cut_while_mail_comes_in() {
    log::keep();
    let server = Server::start_with(impatient);
    server.inbox_has(LARGE);
    let mut other = Client::selected(&server);
    let mut stuck = Client::selected(&server);
    stuck.say("FETCH 1 BODY.PEEK[]");
    assert!(stuck.line().starts_with("* 1 FETCH (BODY[] {"));
    // Mail comes in, and others are told.
    server.receive(100);
    assert!(other.ok("NOOP").starts_with("* 2 EXISTS\r\n"));

    let line = log::wait_for(stuck.address, "closed");
    assert!(line.contains("reason=the peer read too slowly"), "{line}");
    server.holds_nothing();
    // What is on its way may still come, but not all of it, and no end that looks like one.
    let (count, is_end) = stuck.drain();
    assert!(count < LARGE && !is_end, "{count} octets");
    other.ok("FETCH 2 FLAGS");
}

#[test]
fn many_who_stop_reading_stop_no_delivery() {
    let server = Server::start_with(|settings| {
        settings.message_memory = BUDGET;
        // Nobody is cut: all of them are stuck to the end.
        settings.timeouts.write = Duration::from_secs(3600);
    });
    server.inbox_has(LARGE);
    let budget = &server.node().budget;
    let enough = budget.bytes() / limits::BODY_FRAME_BYTES + 10;
    let stuck = (0..enough).map(|_| {
        let mut client = Client::selected(&server);
        client.say("FETCH 1 BODY.PEEK[]");
        client
    });
    let mut stuck = stuck.collect::<Vec<_>>();
    for octets in [100, limits::INLINE_BODY_BYTES_MAX / 2, 3 * limits::INLINE_BODY_BYTES_MAX] {
        server.receive(octets);
    }
    // The first of them got what there was.
    let mut first = stuck.swap_remove(0);
    assert!(first.line().starts_with("* 1 FETCH (BODY[] {"));
}

#[test]
fn an_append_that_ends_within_its_message_leaves_nothing() {
    log::keep();
    let server = Server::start_with(|settings| settings.imap_idle = Duration::from_millis(500));
    for announced in [limits::INLINE_BODY_BYTES_MAX, 1 << 20] {
        let begin = || {
            let mut client = Client::new(server.address());
            client.ok("LOGIN alice@example.com password");
            client.send(format!("t APPEND INBOX {{{announced}+}}\r\n").as_bytes());
            client.send(&vec![b'x'; announced - 100]);
            client
        };
        // Gone without a word.
        let client = begin();
        let address = client.address;
        drop(client);
        let line = log::wait_for(address, "closed");
        assert!(line.contains("reason=closed by the peer"), "{line}");
        server.holds_nothing();
        // Nothing more comes, but an answer may be waited for.
        let mut client = begin();
        client.send_is_over();
        let line = log::wait_for(client.address, "closed");
        assert!(line.contains("reason=closed by the peer"), "{line}");
        assert_eq!(client.drain(), (0, true));
        server.holds_nothing();
        // Silent.
        let mut client = begin();
        let line = log::wait_for(client.address, "closed");
        assert!(line.contains("reason=the peer was silent for too long"), "{line}");
        assert!(client.line().starts_with("* BYE "));
        server.holds_nothing();
    }
    let inbox = server.find("INBOX").unwrap();
    assert_eq!((inbox.counts.total, inbox.uidnext), (0, posthorn_base::Uid::FIRST));
}

#[test]
fn a_search_ends_when_nobody_waits_for_it() {
    log::keep();
    let server = Server::start();
    server.inbox_has(20_000);
    server.copies(20_000);
    let search = "SEARCH NOT TEXT \"not there\"";
    // The whole answer, for comparison: it is long, and comes to who waits for it.
    let mut client = Client::selected(&server);
    assert_eq!(client.ok(search).split(' ').count(), 2 + 20_001);
    for goes in [true, false] {
        let mut client = Client::selected(&server);
        client.say(search);
        client.send_is_over();
        let address = client.address;
        if goes {
            drop(client);
        } else {
            // Who has closed its direction has gone, for work that takes long.
            assert_eq!(client.drain(), (0, true));
        }
        let line = log::wait_for(address, "closed");
        assert!(line.contains("reason=closed by the peer"), "{line}");
        let sent = line.split_once(" sent=").unwrap().1.split(' ').next().unwrap();
        assert!(sent.parse::<u32>().unwrap() < 5000, "no answer was made: {line}");
        server.holds_nothing();
    }
}

#[test]
fn a_fetch_ends_when_its_client_goes() {
    log::keep();
    let server = Server::start();
    server.inbox_has(20_000);
    server.copies(2000);
    let mut client = Client::selected(&server);
    client.say("FETCH 1:* BODY.PEEK[]");
    client.line();
    let address = client.address;
    drop(client);
    let line = log::wait_for(address, "closed");
    assert!(line.contains("reason=reset by the peer"), "{line}");
    server.holds_nothing();
    // Who only says nothing more, and reads, gets all that it asked for.
    let mut client = Client::selected(&server);
    client.say("FETCH 1:* BODY.PEEK[]");
    client.send_is_over();
    let (count, is_end) = client.drain();
    assert!(count > 2001 * 20_000 && is_end, "{count} octets");
}
