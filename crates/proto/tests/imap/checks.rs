//! What must hold whatever a client sends. Each check takes any octets at all: the tests give it
//! random and mutated dialogues, `fuzz/` gives it what libFuzzer finds.

use crate::common::transcripts::Driver as _;
use crate::driver::{AppendFault, Driver, Shared, open_config};
use posthorn_proto::imap::{CloseReason, Config};

/// Everything that can be seen of a dialogue from outside.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) said: Vec<u8>,
    pub(crate) asked: Vec<String>,
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) closed: Option<CloseReason>,
    failures: usize,
    delays: usize,
}

/// Plays these pieces.
pub(crate) fn play<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    fault: Option<AppendFault>,
) -> Record {
    let shared = Shared::new();
    shared.borrow_mut().append_fault = fault;
    let config = Config { message_bytes_max: 2000, ..open_config() };
    let mut driver = Driver::connect(&shared, &config, None);
    for piece in pieces {
        driver.send(piece);
    }
    let shared = shared.borrow();
    Record {
        said: std::mem::take(&mut driver.output),
        asked: shared.asked.clone(),
        messages: shared.messages.clone(),
        closed: driver.closed,
        failures: shared.logins.failures.len(),
        delays: shared.logins.delays.len(),
    }
}

/// A dialogue does not depend on how it is cut. The first octet says where it is.
pub(crate) fn session(bytes: &[u8]) {
    let Some((choice, wire)) = bytes.split_first() else { return };
    let fault = match choice >> 6 {
        0 => Some(AppendFault::Refused),
        1 => Some(AppendFault::Broken),
        2 => Some(AppendFault::Late),
        _ => None,
    };
    let whole = play([wire], fault);
    assert!(whole.said.ends_with(b"\r\n"), "replies are lines");
    let cut = play(wire.chunks(usize::from(choice & 63) + 1), fault);
    assert_eq!(whole, cut, "in pieces of {}", (choice & 63) + 1);
}

/// Whatever a line says, the session goes on behind it: it was answered once, and the next command
/// is one. The octets become a single line (what announces a literal is left to [`framing`]).
pub(crate) fn grammar(bytes: &[u8]) {
    let mut line: Vec<u8> = bytes.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    if line.ends_with(b"}") {
        line.push(b' ');
    }
    if line.first() == Some(&22) {
        line.insert(0, b' ');
    }
    let opening = b"o1 LOGIN alice secret\r\no2 ENABLE QRESYNC\r\no3 SELECT INBOX\r\n";
    // IDLE goes on to DONE.
    let wire = [opening, line.as_slice(), b"\r\nDONE\r\nzz NOOP\r\n"].concat();
    let record = play([wire.as_slice()], None);
    let is_over = matches!(record.closed, Some(CloseReason::Logout));
    let said = String::from_utf8_lossy(&record.said);
    assert!(is_over || said.ends_with("\r\nzz OK done\r\n"), "{said}");
}

/// What no client of a framing check ever says as a command.
const EVIL: &[u8] = b"evil EXAMINE evil\r\n";

/// Commands made of the octets, with literals full of commands: each command is answered once and
/// in order, and none that stands in a literal is carried out.
pub(crate) fn framing(bytes: &[u8]) {
    let mut choices = bytes.iter().copied();
    let mut wire = b"o1 LOGIN alice secret\r\n".to_vec();
    let mut tags = vec!["o1".to_owned()];
    while let Some(choice) = choices.next() {
        if tags.len() > 40 {
            break;
        }
        let tag = format!("t{}", tags.len());
        wire.extend_from_slice(
            format!("{tag} {}", HEADS[usize::from(choice) % HEADS.len()]).as_bytes(),
        );
        for _ in 0..choice >> 6 {
            let size = sizes(choices.next().unwrap_or_default());
            let zeros = "0".repeat(usize::from(choices.next().unwrap_or_default()) % 12);
            wire.extend_from_slice(format!("{{{zeros}{size}+}}\r\n").as_bytes());
            wire.extend(EVIL.iter().cycle().take(size));
            wire.push(b' ');
        }
        wire.extend_from_slice(b"\r\n");
        tags.push(tag);
    }
    let cut = usize::from(bytes.first().copied().unwrap_or_default()) * 37 + 1;
    let record = play(wire.chunks(cut), None);
    for asked in &record.asked {
        assert!(!asked.contains("evil") || asked.contains("AppendBegin"), "{asked}");
    }
    // What is tagged: in order, each once, up to where the session was closed.
    let said = String::from_utf8_lossy(&record.said);
    let answered: Vec<&str> = said
        .split("\r\n")
        .filter_map(|line| line.split_once(' '))
        .map(|(tag, _)| tag)
        .filter(|tag| !matches!(*tag, "*" | "+"))
        .collect();
    let expected: Vec<&str> = tags.iter().map(String::as_str).take(answered.len()).collect();
    assert_eq!(answered, expected, "{said}");
    assert!(record.closed.is_some() || answered.len() == tags.len(), "{said}");
}

/// Fronts of commands; literals follow, or nothing.
const HEADS: [&str; 16] = [
    "NOOP ",
    "XYZZY ",
    "SELECT ",
    "APPEND INBOX ",
    "APPEND INBOX (\\Seen) ",
    "APPEND other ",
    "APPEND ",
    "LOGIN alice ",
    "SEARCH SUBJECT ",
    "SEARCH CHARSET UTF-8 TEXT \"",
    "UID FETCH 1 BODY[HEADER.FIELDS (",
    "STATUS INBOX (MESSAGES) ",
    "~",
    "CREATE \"a\\\\",
    "ID (\"name\" ",
    "",
];

/// Sizes on both sides of each limit.
fn sizes(choice: u8) -> usize {
    const SIZES: [usize; 12] = [0, 1, 19, 38, 100, 1999, 2000, 2001, 4096, 65_000, 65_536, 70_000];
    SIZES.get(usize::from(choice) % 16).copied().unwrap_or(usize::from(choice))
}
