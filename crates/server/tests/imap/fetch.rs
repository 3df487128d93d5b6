//! FETCH and APPEND: what a client is sent is, octet for octet, what the part map says.

use crate::server::Server;
use bytes::Bytes;
use posthorn_base::{ArrivalId, EmailId, Flags, MailboxId, Time, ZonedTime, limits};
use posthorn_message::parse;
use posthorn_message::part::{Section, SectionText};
use posthorn_message::structure::imap_text::{write_body_structure, write_envelope};
use posthorn_server::facts::email_facts;
use posthorn_store::bodies::BodyWriter;
use posthorn_store::mail::{
    Append, Expunge, ListMessages, Location, NewMessage, Purge, Purgeable, bulk,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

const PREFIX: &[u8] = b"Return-Path: <a@b.example>\r\nReceived: by mail.example;\r\n\tnow\r\n";

/// A client that waits for the end of each command.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Logged in as alice, with INBOX selected.
    pub(crate) fn selected(server: &Server) -> Client {
        let mut client = Client::new(server);
        client.ok("SELECT INBOX");
        client
    }

    pub(crate) fn new(server: &Server) -> Client {
        let mut stream = BufReader::new(TcpStream::connect(server.address()).unwrap());
        let mut greeting = String::new();
        stream.read_line(&mut greeting).unwrap();
        let mut client = Client { stream };
        client.ok("LOGIN alice@example.com password");
        client
    }

    /// The untagged responses to a command, and its completion without the tag.
    pub(crate) fn command(&mut self, command: &str) -> (Vec<u8>, String) {
        self.send(format!("t {command}\r\n").as_bytes());
        self.answer()
    }

    fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).unwrap();
    }

    fn answer(&mut self) -> (Vec<u8>, String) {
        let mut all = Vec::new();
        loop {
            let begin = all.len();
            assert!(self.stream.read_until(b'\n', &mut all).unwrap() > 0, "the server hung up");
            let line = &all[begin..];
            if line.starts_with(b"t ") {
                let completion = String::from_utf8(line[2..].to_vec()).unwrap();
                all.truncate(begin);
                return (all, completion.trim_end().to_owned());
            }
            // A literal may hold anything, also what looks like a completion.
            let mut rest = line.to_vec();
            while let Some(octets) = literal(&rest) {
                let mut literal = vec![0; octets];
                self.stream.read_exact(&mut literal).unwrap();
                all.extend_from_slice(&literal);
                let begin = all.len();
                self.stream.read_until(b'\n', &mut all).unwrap();
                rest = all[begin..].to_vec();
            }
        }
    }

    /// The responses to a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&mut self, command: &str) -> Vec<u8> {
        let (responses, completion) = self.command(command);
        assert!(completion.starts_with("OK "), "{command}: {completion}");
        responses
    }

    /// A command whose responses are known.
    #[track_caller]
    pub(crate) fn expect(&mut self, command: &str, want: &[u8]) {
        let got = self.ok(command);
        if got != want {
            let (got, want) = (got.escape_ascii(), want.escape_ascii());
            panic!("{command}\n got: {got}\nwant: {want}");
        }
    }

    /// APPEND to INBOX; its completion.
    pub(crate) fn append(&mut self, arguments: &str, message: &[u8]) -> String {
        self.send(format!("t APPEND {arguments} {{{}}}\r\n", message.len()).as_bytes());
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        if !line.starts_with('+') {
            return line.trim_start_matches("t ").trim_end().to_owned();
        }
        self.send(message);
        self.send(b"\r\n");
        self.answer().1
    }
}

/// The octets of the literal that a line announces.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let digits = line.rsplit(|byte| *byte == b'{').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A string as FETCH sends octets.
fn shown(octets: &[u8]) -> Vec<u8> {
    if octets.is_empty() {
        return b"\"\"".to_vec();
    }
    [format!("{{{}}}\r\n", octets.len()).as_bytes(), octets].concat()
}

fn response(number: usize, items: &[u8]) -> Vec<u8> {
    [format!("* {number} FETCH (").as_bytes(), items, b")\r\n"].concat()
}

impl Server {
    /// Puts a message into INBOX.
    pub(crate) fn arrive(&self, prefix: &'static [u8], message: &[u8]) -> EmailId {
        let new = self.letter(prefix, message);
        let email = new.email;
        self.arrive_together(vec![new]);
        email
    }

    /// A message behind our trace fields, unread.
    pub(crate) fn letter(&self, prefix: &'static [u8], message: &[u8]) -> NewMessage {
        let node = self.node();
        let prefix = Bytes::from_static(prefix);
        let body = BodyWriter::encode(&node.files, node.next_id(), message, prefix).unwrap();
        let facts = email_facts(&parse(message), &body.prefix, message).unwrap();
        NewMessage {
            arrival: node.next_id::<ArrivalId>(),
            email: node.next_id(),
            body,
            facts,
            received: ZonedTime { time: Time::from_seconds(1_795_425_540), offset_minutes: -90 },
            flags: Flags::NONE,
            keywords: Vec::new(),
            story: None,
        }
    }

    /// Puts messages into INBOX, all at once.
    pub(crate) fn arrive_together(&self, messages: Vec<NewMessage>) {
        let node = self.node();
        let append = Append {
            account: self.alice,
            mailbox: self.inbox(),
            messages,
            now: node.now(),
            within_quota: true,
        };
        self.runtime.block_on(node.engine.write(append)).unwrap();
    }

    pub(crate) fn inbox(&self) -> MailboxId {
        self.find("INBOX").unwrap().id
    }
}

fn samples() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/mime-mime4j");
    let mut files = Vec::new();
    for folder in ["testmsgs", "mimetools-testmsgs"] {
        for entry in std::fs::read_dir(dir.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "msg") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 50);
    files
}

#[test]
fn every_section_is_where_the_part_map_says() {
    let server = Server::start();
    let messages: Vec<Vec<u8>> = samples()
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .filter(|m| !m.is_empty())
        .collect();
    for message in &messages {
        server.arrive(PREFIX, message);
    }
    let mut client = Client::selected(&server);
    for (number, message) in (1..).zip(&messages) {
        check_message(&mut client, number, message);
    }
    let budget = &server.node().budget;
    assert_eq!(budget.free(), budget.bytes(), "all memory has come back");
}

#[track_caller]
fn check_message(client: &mut Client, number: usize, message: &[u8]) {
    let parsed = parse(message);
    let whole = [PREFIX, message].concat();
    let mut items = format!("RFC822.SIZE {} ENVELOPE ", whole.len()).into_bytes();
    write_envelope(&mut items, &parsed.envelope().to_bytes()).unwrap();
    items.extend_from_slice(b" BODYSTRUCTURE ");
    write_body_structure(&mut items, &parsed.map().to_bytes(), true).unwrap();
    items.extend_from_slice(b" BODY ");
    write_body_structure(&mut items, &parsed.map().to_bytes(), false).unwrap();
    let command = format!("FETCH {number} (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY)");
    client.expect(&command, &response(number, &items));

    let mut check = |section: &str, octets: Option<&[u8]>| {
        let value = octets.map_or(b"NIL".to_vec(), shown);
        let items = [format!("BODY[{section}] ").as_bytes(), &value].concat();
        let command = format!("FETCH {number} BODY.PEEK[{section}]");
        client.expect(&command, &response(number, &items));
        let Some(octets) = octets else { return };
        let len = octets.len();
        for (start, count) in [(0, 1), (len / 2, 10), (len, 1), (len + 7, 1), (1, len)] {
            let count = count.max(1);
            let part = &octets[start.min(len)..(start + count).min(len)];
            let name = format!("BODY[{section}]<{start}> ");
            let items = [name.as_bytes(), &shown(part)].concat();
            let command = format!("FETCH {number} BODY.PEEK[{section}]<{start}.{count}>");
            client.expect(&command, &response(number, &items));
        }
    };
    let map = parsed.map();
    let header = usize::try_from(map.parts()[0].body_start).unwrap();
    check("", Some(&whole));
    check("HEADER", Some(&whole[..PREFIX.len() + header]));
    check("TEXT", Some(&message[header..]));
    for index in 0..map.parts().len() {
        let Some(part) = map.number_of(index) else { continue };
        let name: Vec<String> = part.iter().map(u32::to_string).collect();
        let name = name.join(".");
        let octets = |text| map.section(&Section { part: part.clone(), text })?.of(message);
        check(&name, octets(SectionText::Whole));
        check(&format!("{name}.HEADER"), octets(SectionText::Header));
        check(&format!("{name}.TEXT"), octets(SectionText::Text));
        // The header of a message with one part is that part's, our fields included.
        match index {
            0 => check(&format!("{name}.MIME"), Some(&whole[..PREFIX.len() + header])),
            _ => check(&format!("{name}.MIME"), octets(SectionText::Mime)),
        }
    }
    check("99", None);
    check("1.2.3.4.5.6.7.8.9.TEXT", None);
}

#[test]
fn many_at_once_are_each_whole_and_a_damaged_one_takes_none_along() {
    let server = Server::start();
    // On both sides of what is read together, and of what lies in the row.
    let sizes = [100, 12_000, 12_000, 30_000, 40_000, 70_000, 300_000, 63_000, 5, 12_000, 1];
    let messages: Vec<Vec<u8>> = (0_u8..)
        .zip(sizes)
        .map(|(n, size)| noise(size).iter().map(|octet| b'a' + octet.wrapping_add(n) % 8).collect())
        .collect();
    let whole = |message: &[u8]| shown(&[PREFIX, message].concat());
    let all = |item: &dyn Fn(&[u8]) -> Vec<u8>| -> Vec<u8> {
        (1..).zip(&messages).flat_map(|(n, message)| response(n, &item(message))).collect()
    };
    for message in &messages {
        server.arrive(PREFIX, message);
    }
    let mut client = Client::selected(&server);
    client.expect(
        "FETCH 1:* BODY.PEEK[]",
        &all(&|message| [b"BODY[] ".as_slice(), &whole(message)].concat()),
    );
    client.expect(
        "FETCH 1:* (BODY.PEEK[] BODY.PEEK[]<0.7> BODY.PEEK[]<0.400000>)",
        &all(&|message| {
            let (whole, part) = (whole(message), shown(&PREFIX[..7]));
            [b"BODY[] ".as_slice(), &whole, b" BODY[]<0> ", &part, b" BODY[]<0> ", &whole].concat()
        }),
    );

    // Behind the others, between two of them that would be read together with it.
    let mut damaged = server.letter(b"", b"damaged");
    damaged.body.location = Location::Inline(Bytes::from_static(b"Damaged"));
    server.arrive_together(vec![damaged]);
    server.arrive(b"", b"behind it");
    let mut client = Client::selected(&server);
    client.ok("COPY 11,13 INBOX");
    let (data, completion) = client.command("FETCH 10:15 BODY.PEEK[]");
    assert!(completion.starts_with("NO [SERVERBUG]"), "{completion}");
    let body = |number, octets: &[u8]| response(number, &[b"BODY[] ", octets].concat());
    let want = [
        body(10, &whole(&messages[9])),
        body(11, &whole(&messages[10])),
        body(13, &shown(b"behind it")),
        body(14, &whole(&messages[10])),
        body(15, &shown(b"behind it")),
    ];
    assert!(data == want.concat(), "{}", data.escape_ascii());
    let budget = &server.node().budget;
    assert_eq!(budget.free(), budget.bytes(), "all memory has come back");
}

#[test]
fn header_fields() {
    let server = Server::start();
    server.arrive(PREFIX, b"Subject: one\r\n two\r\nTO: x\r\nto: y\r\nno field\r\n\r\ntext\r\n");
    server.arrive(b"", b"Subject: no blank line");
    server.arrive(b"", b"\r\nno header");
    let nested = b"Content-Type: message/rfc822\r\n\r\nFrom: a\r\nSubject: inner\r\n\r\ntext\r\n";
    server.arrive(b"", nested);
    let mut client = Client::selected(&server);
    let mut check = |number: usize, section: &str, octets: &[u8]| {
        let items = [format!("BODY[{section}] ").as_bytes(), &shown(octets)].concat();
        let command = format!("FETCH {number} BODY.PEEK[{section}]");
        client.expect(&command, &response(number, &items));
    };
    check(1, "HEADER.FIELDS (To)", b"TO: x\r\nto: y\r\n\r\n");
    check(
        1,
        "HEADER.FIELDS (received SUBJECT)",
        b"Received: by mail.example;\r\n\tnow\r\nSubject: one\r\n two\r\n\r\n",
    );
    check(1, "HEADER.FIELDS (X \"\")", b"\r\n");
    check(
        1,
        "HEADER.FIELDS.NOT (Received To Return-Path)",
        b"Subject: one\r\n two\r\nno field\r\n\r\n",
    );
    check(2, "HEADER.FIELDS (Subject)", b"Subject: no blank line");
    check(2, "HEADER.FIELDS.NOT (Subject)", b"");
    check(2, "HEADER", b"Subject: no blank line");
    check(2, "TEXT", b"");
    check(3, "HEADER.FIELDS (Subject)", b"\r\n");
    check(3, "HEADER", b"\r\n");
    check(3, "TEXT", b"no header");
    check(4, "1.HEADER.FIELDS (Subject)", b"Subject: inner\r\n\r\n");
    check(4, "1.HEADER", b"From: a\r\nSubject: inner\r\n\r\n");
    check(4, "1.TEXT", b"text\r\n");
    client.expect(
        "FETCH 4 BODY.PEEK[2.HEADER.FIELDS (Subject)]<3.4>",
        b"* 4 FETCH (BODY[2.HEADER.FIELDS (Subject)]<3> NIL)\r\n",
    );
    client.expect(
        "FETCH 1 BODY.PEEK[HEADER.FIELDS (To)]<4.2>",
        b"* 1 FETCH (BODY[HEADER.FIELDS (To)]<4> {2}\r\nx\r)\r\n",
    );
}

#[test]
fn items_of_the_view_and_of_the_store() {
    let server = Server::start();
    let email = server.arrive(b"", b"Subject: x\r\n\r\ntext\r\n");
    let mut client = Client::selected(&server);
    client.expect(
        "UID FETCH 1 (UID FLAGS RFC822.SIZE EMAILID INTERNALDATE)",
        format!(
            "* 1 FETCH (UID 1 FLAGS (\\Recent) RFC822.SIZE 20 EMAILID (m{email}) \
             INTERNALDATE \"23-Nov-2026 07:49:00 -0130\")\r\n"
        )
        .as_bytes(),
    );
    client.ok("STORE 1 FLAGS (\\Flagged $Forwarded Todo)");
    client.expect("FETCH 1 FLAGS", b"* 1 FETCH (FLAGS (\\Flagged $Forwarded \\Recent Todo))\r\n");
    let other = String::from_utf8(client.ok("FETCH 1 (THREADID SAVEDATE)")).unwrap();
    assert!(
        other.starts_with("* 1 FETCH (THREADID (t") && other.contains(" SAVEDATE \""),
        "{other}"
    );
    for (name, want) in [
        ("RFC822", "RFC822 {20}\r\nSubject: x\r\n\r\ntext\r\n"),
        ("RFC822.TEXT", "RFC822.TEXT {6}\r\ntext\r\n"),
    ] {
        let got = client.ok(&format!("FETCH 1 {name}"));
        assert!(got.starts_with(format!("* 1 FETCH ({want})\r\n").as_bytes()), "{name}");
    }
    client.expect(
        "FETCH 1 RFC822.HEADER",
        b"* 1 FETCH (RFC822.HEADER {14}\r\nSubject: x\r\n\r\n)\r\n",
    );
    client.expect("UID FETCH 2:4 FLAGS", b"");
    let (_, completion) = client.command("FETCH 2 FLAGS");
    assert!(completion.starts_with("BAD "), "{completion}");
}

#[test]
fn seen_is_set_behind_the_octets_and_told_once() {
    let server = Server::start();
    for _ in 0..3 {
        server.arrive(b"", b"Subject: x\r\n\r\ntext\r\n");
    }
    let mut client = Client::selected(&server);
    client.expect("FETCH 1 BODY.PEEK[TEXT]", b"* 1 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n");
    client.expect(
        "FETCH 1:2 BODY[TEXT]",
        b"* 1 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n* 2 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n\
          * 1 FETCH (FLAGS (\\Seen \\Recent))\r\n* 2 FETCH (FLAGS (\\Seen \\Recent))\r\n",
    );
    client.expect("FETCH 1 BODY[TEXT]", b"* 1 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n");
    client.expect("NOOP", b"");
    let mut examining = Client::new(&server);
    examining.ok("EXAMINE INBOX");
    examining.expect("FETCH 3 BODY[TEXT]", b"* 3 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n");
    client.expect("FETCH 3 FLAGS", b"* 3 FETCH (FLAGS (\\Recent))\r\n");
}

#[test]
fn what_another_session_expunged_is_shown_until_it_is_gone_for_good() {
    let server = Server::start();
    for _ in 0..2 {
        server.arrive(b"", b"Subject: x\r\n\r\ntext\r\n");
    }
    let mut client = Client::selected(&server);
    let node = server.node();
    let expunge = Expunge {
        account: server.alice,
        mailbox: server.inbox(),
        uids: vec![posthorn_base::Uid::FIRST],
        only_deleted: false,
        now: node.now(),
    };
    server.runtime.block_on(bulk::expunge(&node.engine, expunge)).unwrap();
    client.expect("FETCH 1 BODY.PEEK[TEXT]", b"* 1 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n");
    let purge = Purge {
        account: server.alice,
        what: Purgeable::EndedBefore(node.now() + std::time::Duration::from_secs(1)),
        limit: 100,
        reason: "test".into(),
        now: node.now(),
    };
    server.runtime.block_on(node.engine.write(purge)).unwrap();
    for items in ["BODY.PEEK[TEXT]", "BODY.PEEK[]", "ENVELOPE", "INTERNALDATE"] {
        let (responses, completion) = client.command(&format!("FETCH 1:2 {items}"));
        assert!(completion.starts_with("NO [EXPUNGEISSUED] "), "{items}: {completion}");
        assert!(responses.starts_with(b"* 2 FETCH ("), "{}", responses.escape_ascii());
    }
    client.expect("NOOP", b"* 1 EXPUNGE\r\n* 1 RECENT\r\n");
    client.ok("FETCH 1 (ENVELOPE BODY.PEEK[])");
}

#[test]
fn changed_since_and_vanished() {
    let server = Server::start();
    for _ in 0..4 {
        server.arrive(b"", b"Subject: x\r\n\r\ntext\r\n");
    }
    let mut client = Client::selected(&server);
    let (_, completion) = client.command("UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)");
    assert!(completion.starts_with("BAD "), "QRESYNC is not enabled: {completion}");
    client.ok("ENABLE QRESYNC");
    let selected = String::from_utf8(client.ok("SELECT INBOX")).unwrap();
    let (_, since) = selected.split_once("[HIGHESTMODSEQ ").unwrap();
    let since: u64 = since.split(']').next().unwrap().parse().unwrap();
    client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)");
    client.ok("EXPUNGE");
    client.ok("STORE 3 +FLAGS.SILENT (\\Flagged)");
    let got = client.ok(&format!("UID FETCH 1:* FLAGS (CHANGEDSINCE {since} VANISHED)"));
    let got = String::from_utf8(got).unwrap();
    let (vanished, rest) = got.split_once("\r\n").unwrap();
    assert_eq!(vanished, "* VANISHED (EARLIER) 2");
    assert!(rest.starts_with("* 3 FETCH (") && rest.contains("UID 4"), "{rest}");
    assert_eq!(rest.matches("FETCH").count(), 1, "{rest}");
    assert!(rest.contains("MODSEQ ("), "{rest}");
    client.expect(&format!("UID FETCH 3:4 UID (CHANGEDSINCE {} VANISHED)", since + 100), b"");
}

#[test]
fn appended_messages_come_back_as_they_were() {
    let server = Server::start();
    let mut client = Client::selected(&server);
    // Bare line feeds, NUL, no header, no line end.
    let small = b"Subject: a\nX: \x00\xff\n\nb\r\n\nc".as_slice();
    // Frames of a body file, and beyond them.
    let large =
        [b"Subject: large\r\n\r\n".as_slice(), &noise(3 * limits::BODY_FRAME_BYTES + 17)].concat();
    let date = "\" 3-Feb-2001 04:05:06 -0700\"";
    let done = client.append(&format!("INBOX (\\Seen Todo \\Flagged) {date}"), small);
    assert!(done.starts_with("OK [APPENDUID ") && done.contains(" 1] "), "{done}");
    let done = client.append("INBOX", &large);
    assert!(done.contains(" 2] "), "{done}");
    // The first to meet a keyword is told of it before (RFC 3501 7.2.6).
    let told = client.ok("FETCH 1 FLAGS");
    assert!(told.starts_with(b"* FLAGS ("), "{}", told.escape_ascii());
    client.expect(
        "FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])",
        &response(
            1,
            &[
                format!("FLAGS (\\Seen \\Flagged \\Recent Todo) INTERNALDATE {date} BODY[] ")
                    .as_bytes(),
                &shown(small),
            ]
            .concat(),
        ),
    );
    client.expect("FETCH 2 BODY.PEEK[]", &response(2, &[b"BODY[] ", &*shown(&large)].concat()));
    let frame = limits::BODY_FRAME_BYTES;
    for (start, count) in
        [(0, 20), (frame - 5, 10), (frame, frame), (frame - 1, 2 * frame), (large.len() - 3, 99)]
    {
        let part = &large[start..(start + count).min(large.len())];
        let items = [format!("BODY[]<{start}> ").as_bytes(), &shown(part)].concat();
        client.expect(&format!("FETCH 2 BODY.PEEK[]<{start}.{count}>"), &response(2, &items));
    }
    client.expect(
        "FETCH 2 BODY.PEEK[HEADER.FIELDS (Subject)]",
        b"* 2 FETCH (BODY[HEADER.FIELDS (Subject)] {18}\r\nSubject: large\r\n\r\n)\r\n",
    );
    let budget = &server.node().budget;
    assert_eq!(budget.free(), budget.bytes(), "all memory has come back");
}

fn noise(octets: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
        (state >> 56) as u8
    };
    (0..octets).map(|_| next()).collect()
}

#[test]
fn appends_that_are_refused_before_they_come() {
    let server = Server::start();
    let mut client = Client::new(&server);
    let mut check = |arguments: &str, octets: usize, want: &str| {
        let done = client.append(arguments, &vec![b'x'; octets]);
        assert!(done.starts_with(want), "{arguments}: {done}");
    };
    check("Nowhere", 9, "NO [TRYCREATE] ");
    check("INBOX", 0, "NO ");
    check("INBOX", (1 << 20) + 1, "NO [TOOBIG] ");
    check("INBOX", 9, "OK [APPENDUID ");
    let quota = posthorn_store::directory::SetQuota {
        account: server.alice,
        bytes: Some(20),
        messages: None,
    };
    server.runtime.block_on(server.node().engine.write(quota)).unwrap();
    let mut check = |octets: usize, want: &str| {
        let done = client.append("INBOX", &vec![b'x'; octets]);
        assert!(done.starts_with(want), "{octets}: {done}");
    };
    check(12, "NO [OVERQUOTA] ");
    check(11, "OK [APPENDUID ");
    let list =
        ListMessages { account: server.alice, mailbox: server.inbox(), after: None, limit: 9 };
    let messages = server.runtime.block_on(server.node().engine.read(&list)).unwrap();
    assert_eq!(messages.len(), 2);
}
