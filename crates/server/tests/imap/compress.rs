//! COMPRESS=DEFLATE (RFC 4978) on a real connection, with an inflater of the client's own.

use crate::server::Server;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A client that has COMPRESS behind it.
struct Packed {
    stream: TcpStream,
    pack: Compress,
    unpack: Decompress,
    /// What was unpacked and not looked at.
    text: Vec<u8>,
    /// Octets that came over the wire.
    received: usize,
}

impl Packed {
    /// Logged in as alice. What stands in `behind` is sent compressed, in one write with COMPRESS.
    fn new(server: &Server, behind: &str) -> Packed {
        let mut plain = BufReader::new(TcpStream::connect(server.address()).unwrap());
        let mut line = String::new();
        plain.read_line(&mut line).unwrap();
        plain.get_mut().write_all(b"1 LOGIN alice@example.com password\r\n").unwrap();
        while !line.starts_with("1 ") {
            line.clear();
            plain.read_line(&mut line).unwrap();
        }
        assert!(line.contains("COMPRESS=DEFLATE"), "{line}");
        let mut pack = Compress::new(Compression::fast(), false);
        let mut octets = b"2 COMPRESS DEFLATE\r\n".to_vec();
        octets.extend_from_slice(&packed(&mut pack, behind.as_bytes(), FlushCompress::Sync));
        plain.get_mut().write_all(&octets).unwrap();
        // Octet by octet: what comes behind the line is compressed.
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut octet = [0];
            plain.read_exact(&mut octet).unwrap();
            line.extend_from_slice(&octet);
        }
        assert!(line.starts_with(b"2 OK"), "{}", line.escape_ascii());
        let rest = plain.buffer().to_vec();
        let unpack = Decompress::new(false);
        let stream = plain.into_inner();
        let mut client = Packed { stream, pack, unpack, text: Vec::new(), received: 0 };
        client.unpack(&rest);
        client
    }

    fn say(&mut self, text: &[u8], flush: FlushCompress) {
        let octets = packed(&mut self.pack, text, flush);
        self.stream.write_all(&octets).unwrap();
    }

    fn unpack(&mut self, mut octets: &[u8]) {
        self.received += octets.len();
        let mut room = vec![0; 1 << 16];
        loop {
            let (ins, outs) = (self.unpack.total_in(), self.unpack.total_out());
            self.unpack.decompress(octets, &mut room, FlushDecompress::Sync).unwrap();
            let used = usize::try_from(self.unpack.total_in() - ins).unwrap();
            let made = usize::try_from(self.unpack.total_out() - outs).unwrap();
            self.text.extend_from_slice(&room[..made]);
            octets = &octets[used..];
            if octets.is_empty() && made < room.len() {
                return;
            }
        }
    }

    /// Everything up to a line that begins so, which it includes.
    fn hear(&mut self, last: &str) -> Vec<u8> {
        let begin = [b"\r\n".as_slice(), last.as_bytes()].concat();
        loop {
            let starts = self.text.starts_with(last.as_bytes()).then_some(0);
            let inside = self.text.windows(begin.len()).position(|part| part == begin);
            if let Some(at) = starts.or(inside.map(|at| at + 2))
                && let Some(end) = self.text[at..].windows(2).position(|part| part == b"\r\n")
            {
                return self.text.drain(..at + end + 2).collect();
            }
            let mut octets = [0; 4096];
            let count = self.stream.read(&mut octets).unwrap();
            assert!(count > 0, "the server hung up: {}", self.text.escape_ascii());
            self.unpack(&octets[..count]);
        }
    }
}

fn packed(pack: &mut Compress, text: &[u8], flush: FlushCompress) -> Vec<u8> {
    // Room for what earlier calls kept back, too.
    let mut octets = Vec::with_capacity(text.len() + (1 << 20));
    pack.compress_vec(text, &mut octets, flush).unwrap();
    octets
}

#[test]
fn a_compressed_session_says_what_a_plain_one_does() {
    let server = Server::start();
    // More than any buffer, and as compressible as mail is.
    let line = "Words of no weight that fill a line of an ordinary message.\r\n";
    let large = format!("Subject: large\r\n\r\n{}", line.repeat(10_000));
    // Commands stand right behind COMPRESS, compressed already.
    let mut client = Packed::new(&server, "3 SELECT INBOX\r\n4 CAPABILITY\r\n");
    let said = String::from_utf8(client.hear("4 ")).unwrap();
    assert!(said.contains("* 0 EXISTS\r\n") && said.contains("3 OK [READ-WRITE]"), "{said}");
    // RFC 4978 3: announced no more, and refused.
    assert!(!said.contains("COMPRESS"), "{said}");
    client.say(b"5 COMPRESS DEFLATE\r\n", FlushCompress::Sync);
    let said = String::from_utf8(client.hear("5 ")).unwrap();
    assert!(said.starts_with("5 NO [COMPRESSIONACTIVE] "), "{said}");

    // A literal, in pieces that end anywhere in the compressed stream.
    client.say(format!("6 APPEND INBOX {{{}}}\r\n", large.len()).as_bytes(), FlushCompress::Sync);
    assert!(client.hear("+ ").starts_with(b"+ "));
    for piece in large.as_bytes().chunks(100_001) {
        client.say(piece, FlushCompress::None);
    }
    client.say(b"\r\n", FlushCompress::Full);
    let said = String::from_utf8(client.hear("6 ")).unwrap();
    assert!(said.starts_with("* 1 EXISTS\r\n") && said.contains("6 OK [APPENDUID "), "{said}");

    let before = client.received;
    client.say(b"7 FETCH 1 BODY.PEEK[]\r\n8 NOOP\r\n", FlushCompress::Sync);
    let said = client.hear("8 ");
    let literal = format!("* 1 FETCH (BODY[] {{{}}}\r\n{large})\r\n7 OK ", large.len());
    assert!(said.starts_with(literal.as_bytes()), "{}", said[..100].escape_ascii());
    let octets = client.received - before;
    assert!(octets * 10 < large.len(), "{octets} octets for {}", large.len());

    // What others do is told during IDLE, at once: it is flushed.
    client.say(b"9 IDLE\r\n", FlushCompress::Sync);
    client.hear("+ ");
    server.deliver(server.find("INBOX").unwrap().id, b"Subject: x\r\n\r\ny\r\n", &[]);
    client.hear("* 2 EXISTS");
    client.say(b"DONE\r\n10 LOGOUT\r\n", FlushCompress::Sync);
    let said = String::from_utf8(client.hear("10 ")).unwrap();
    assert!(said.contains("9 OK ") && said.contains("* BYE "), "{said}");
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).unwrap();
}

#[test]
fn what_is_no_deflate_ends_the_session() {
    let server = Server::start();
    let mut client = Packed::new(&server, "");
    // A block of the reserved type (RFC 1951 3.2.3).
    client.stream.write_all(&[0xff; 100]).unwrap();
    let mut rest = Vec::new();
    client.stream.read_to_end(&mut rest).unwrap();
    client.unpack(&rest);
    // Another session is as it was.
    let mut other = Packed::new(&server, "3 NOOP\r\n");
    assert!(other.hear("3 ").starts_with(b"3 OK"));
}
