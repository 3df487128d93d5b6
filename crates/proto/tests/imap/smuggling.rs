//! No octet of a literal is ever read as a command (RFC 3501 4.3, RFC 7888 3), whatever becomes of
//! the command that it belongs to.

use crate::common::transcripts::Driver as _;
use crate::driver::{AppendFault, Driver, Shared, open_config};
use posthorn_proto::imap::Config;

/// What the literals hold.
const EVIL: &str = "evil EXAMINE evil\r\n";

/// Literals of these sizes full of commands, `{N+}` unless told otherwise.
fn fill(wire: &str) -> Vec<u8> {
    let mut filled = Vec::new();
    for (at, part) in wire.split('<').enumerate() {
        let (size, rest) = if at == 0 { ("", part) } else { part.split_once('>').unwrap() };
        if !size.is_empty() {
            let octets = size.trim_start_matches('0').parse().unwrap();
            filled.extend_from_slice(format!("{{{size}+}}\r\n").as_bytes());
            filled.extend(EVIL.bytes().cycle().take(octets));
        }
        filled.extend_from_slice(rest.as_bytes());
    }
    filled
}

fn play<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    is_logged_in: bool,
    fault: Option<AppendFault>,
) -> (String, bool) {
    let shared = Shared::new();
    shared.borrow_mut().append_fault = fault;
    let config = Config { starttls: true, message_bytes_max: 6000, ..open_config() };
    let mut driver = Driver::connect(&shared, &config, None);
    if is_logged_in {
        driver.send(b"a LOGIN alice secret\r\n");
    }
    driver.said();
    for piece in pieces {
        driver.send(piece);
    }
    for asked in &shared.borrow().asked {
        assert!(!asked.contains("read_only: true"), "{asked}");
    }
    (driver.said(), driver.closed.is_some())
}

/// Plays it before and after a login, whole and byte by byte. `x NOOP` at the end is a command and
/// the only one, or the connection was closed.
#[track_caller]
fn check(wire: &str, may_close: bool) {
    let wire = fill(wire);
    let mut faults = vec![None];
    if wire.starts_with(b"a APPEND") {
        faults.extend([AppendFault::Refused, AppendFault::Broken, AppendFault::Late].map(Some));
    }
    for (is_logged_in, fault) in faults.into_iter().flat_map(|f| [(false, f), (true, f)]) {
        if !is_logged_in && wire.starts_with(b"a IDLE\r\n") {
            continue;
        }
        let (said, closed) = play([wire.as_slice()], is_logged_in, fault);
        let bytes = play(wire.chunks(1), is_logged_in, fault);
        assert_eq!((said.clone(), closed), bytes, "whole and byte by byte");
        assert!(!said.contains("evil"), "{said}");
        assert!(!closed || may_close, "{said}");
        let others = said.lines().filter(|line| !line.starts_with(['+', '*']));
        let tags: Vec<&str> = others.filter_map(|line| line.get(..2)).collect();
        if closed {
            assert!(tags.is_empty() || tags == ["a "], "{said}");
        } else {
            assert_eq!(tags, ["a ", "x "], "{said}");
        }
    }
}

#[test]
fn literals_that_are_commands() {
    // Kept, in commands that are none or cannot have them.
    check("a XYZZY <19>\r\nx NOOP\r\n", false);
    check("a NOOP <38>\r\nx NOOP\r\n", false);
    check("a CAPABILITY <38> <19>\r\nx NOOP\r\n", false);
    check("a <38>\r\nx NOOP\r\n", false);
    check("a SELECT <38>\r\nx NOOP\r\n", false);
    check("a ID (<38> <38>)\r\nx NOOP\r\n", false);
    check("a LOGIN <38> <38>\r\nx NOOP\r\n", false);
    check("a STARTTLS <38>\r\nx NOOP\r\n", false);
    check("a LOGOUT <38>\r\nx NOOP\r\n", false);
    check("a IDLE <38>\r\nx NOOP\r\n", false);
    check("a XYZZY <0000000000019>\r\nx NOOP\r\n", false);
    check("a XYZZY <000000000000000000000000000000000019>\r\nx NOOP\r\n", false);
    // Where no literal can be.
    check("a XYZZY \"<19>\r\nx NOOP\r\n", false);
    check("a XYZZY \"y\" \"z\\<19>\r\nx NOOP\r\n", false);
    check("a XYZZY y<19>\r\nx NOOP\r\n", false);
    check("a XYZZY ~<19>\r\nx NOOP\r\n", false);
    check("a XYZZY {{<19>\r\nx NOOP\r\n", false);
    check("a XYZZY \0 <19>\r\nx NOOP\r\n", false);
    check("a XYZZY \r <19>\r\nx NOOP\r\n", false);
}

#[test]
fn literals_that_are_refused() {
    check("a LOGIN <70000>\r\nx NOOP\r\n", false);
    check("a LOGIN <70000> <19>\r\nx NOOP\r\n", false);
    check("a LOGIN <70000> <5>\r\nx NOOP\r\n", false);
    check("a LOGIN <70000> <70000> <70000>\r\nx NOOP\r\n", false);
    check("a LOGIN <19> <70000> <19>\r\nx NOOP\r\n", false);
    check("a LOGIN <70000> ~<19>\r\nx NOOP\r\n", false);
    check("a LOGIN <70000> <00000000019>\r\nx NOOP\r\n", false);
    // A synchronizing one ends what is dropped: the client waits for our word.
    check("a LOGIN <70000> {19}\r\nx NOOP\r\n", false);
    check("a LOGIN {70000}\r\nx NOOP\r\n", false);
    // More than anybody would send.
    check("a LOGIN {99999999999999999999+}\r\nevil NOOP\r\nx NOOP\r\n", true);
    check("a LOGIN <70000> {00000000000000000000000000019+}\r\nevil NOOP\r\n", true);
}

#[test]
fn lines_that_are_too_long() {
    let long = "y".repeat(70_000);
    check(&format!("a X {long}\r\nx NOOP\r\n"), false);
    check(&format!("a X {long} <19>\r\nx NOOP\r\n"), false);
    check(&format!("a X {long} <19> <70000>\r\nx NOOP\r\n"), false);
    check(&format!("a X <19> {long} <19>\r\nx NOOP\r\n"), false);
}

#[test]
fn messages() {
    check("a APPEND INBOX <38>\r\nx NOOP\r\n", false);
    check("a APPEND INBOX (\\Seen) <5700>\r\nx NOOP\r\n", false);
    check("a APPEND other <38>\r\nx NOOP\r\n", false);
    check("a APPEND INBOX <6001>\r\nx NOOP\r\n", false);
    check("a APPEND <38> <38>\r\nx NOOP\r\n", false);
    check("a APPEND INBOX x <38>\r\nx NOOP\r\n", false);
    check("a APPEND INBOX ~<38>\r\nx NOOP\r\n", false);
    // RFC 3502 is not spoken here.
    check("a APPEND INBOX <38> <38>\r\nx NOOP\r\n", false);
    check("a APPEND INBOX <38> (\\Seen) <38> <70000>\r\nx NOOP\r\n", false);
    check("a APPEND INBOX <38> {38}\r\nx NOOP\r\n", false);
    check("a APPEND INBOX <38> x\r\nx NOOP\r\n", false);
    check(&format!("a APPEND INBOX <38> {} <19>\r\nx NOOP\r\n", "y".repeat(70_000)), false);
}

#[test]
fn lines_that_are_no_commands() {
    // Neither has literals; what stands behind would be one or the other.
    check("a AUTHENTICATE PLAIN\r\n<38>\r\nx NOOP\r\n", true);
    check("a IDLE\r\n<38>\r\nx NOOP\r\n", true);
    check("a IDLE\r\nDONE <38>\r\nx NOOP\r\n", true);
    // A bare LF: nobody knows where the next command begins.
    check("a XYZZY\nevil NOOP\r\nx NOOP\r\n", true);
    check("a XYZZY <19>\nevil NOOP\r\nx NOOP\r\n", true);
    check("a LOGIN <70000>\nevil NOOP\r\nx NOOP\r\n", true);
    check("a APPEND INBOX <38>\nevil NOOP\r\nx NOOP\r\n", true);
}
