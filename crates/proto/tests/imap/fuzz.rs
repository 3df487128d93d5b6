//! The checks of `fuzz/` with random and mutated input, on a stable compiler, with fixed seeds.
//! `POSTHORN_SEED` repeats a failure.

use crate::checks;
use posthorn_base::Random;
use posthorn_testkit::SimRandom;

/// Lines of dialogues; random ones of these get further than random octets.
const LINES: &[&str] = &[
    "a LOGIN alice secret\r\n",
    "a LOGIN {5}\r\nalice {6}\r\nsecret\r\n",
    "a LOGIN {5+}\r\nalice {6+}\r\nsecret\r\n",
    "a LOGIN alice wrong\r\n",
    "a AUTHENTICATE PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\n",
    "a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n",
    "a AUTHENTICATE PLAIN =\r\n",
    "a AUTHENTICATE LOGIN\r\n",
    "a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbA==\r\n",
    "*\r\n",
    "a CAPABILITY\r\n",
    "a ID (\"name\" \"x\" \"version\" NIL)\r\n",
    "a NOOP\r\n",
    "a COMPRESS DEFLATE\r\n",
    "a ENABLE CONDSTORE QRESYNC\r\n",
    "a SELECT INBOX\r\n",
    "a EXAMINE \"INBOX\" (QRESYNC (1 20 1:5))\r\n",
    "a FETCH 1:*,3 (FLAGS UID BODY.PEEK[1.2.HEADER.FIELDS (To \"From\")]<0.100>)\r\n",
    "a UID FETCH $ (FLAGS) (CHANGEDSINCE 12 VANISHED)\r\n",
    "a FETCH 1 BODY[{3}\r\n",
    "a STORE 1 +FLAGS.SILENT (\\Seen $Junk)\r\n",
    "a STORE 1 (UNCHANGEDSINCE 5) FLAGS ()\r\n",
    "a SEARCH RETURN (MIN COUNT) OR (FROM x NOT SEEN) SINCE 1-Feb-1994\r\n",
    "a SEARCH CHARSET UTF-8 SUBJECT {4+}\r\nblah TEXT \"\\\"\"\r\n",
    "a LIST (SUBSCRIBED) \"\" (\"*\" \"%\") RETURN (CHILDREN STATUS (MESSAGES))\r\n",
    "a STATUS INBOX (MESSAGES HIGHESTMODSEQ)\r\n",
    "a CREATE \"a/&AOQ-\" (USE (\\Sent))\r\n",
    "a COPY 1,2:4 Trash\r\n",
    "a UID MOVE 1 Trash\r\n",
    "a UID EXPUNGE 1:3\r\n",
    "a APPEND INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {8}\r\nb NOOP\r\n\r\n",
    "a APPEND INBOX {8+}\r\nb NOOP\r\n\r\n",
    "a APPEND INBOX {3+}\r\nabc {3+}\r\nabc\r\n",
    "a APPEND other {8+}\r\nb NOOP\r\n\r\n",
    "a APPEND INBOX {2001+}\r\n",
    "a APPEND INBOX ~{3+}\r\nabc\r\n",
    "a IDLE\r\nDONE\r\n",
    "a IDLE\r\n",
    "done\r\n",
    "a CLOSE\r\n",
    "a LOGOUT\r\n",
    "GET / HTTP/1.1\r\n",
    "{5+}\r\n",
    "{4097+}\r\n",
    "{99999999999999999999+}\r\n",
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\u{16}",
    "\"",
    "\\",
    "(",
    ")",
    " ",
    "é",
];

const CHOICES_PER_RUN: u64 = 12;

/// A dialogue of these lines, most of them as they are.
fn dialogue(random: &mut SimRandom) -> Vec<u8> {
    let mut wire = Vec::new();
    if random.one_in(2) {
        wire.extend_from_slice(LINES[0].as_bytes());
    }
    for _ in 0..random.up_to(CHOICES_PER_RUN) {
        let line = random.pick(LINES).unwrap().as_bytes();
        wire.extend_from_slice(line);
        if random.one_in(60) {
            let length = 4090 + random.up_to(12);
            wire.extend(std::iter::repeat_n(b'x', usize::try_from(length).unwrap()));
        }
    }
    mutate(&mut wire, random);
    wire
}

/// Some octets are changed, dropped, doubled or moved.
fn mutate(wire: &mut Vec<u8>, random: &mut SimRandom) {
    for _ in 0..random.up_to(3) {
        let at = usize::try_from(random.up_to(wire.len() as u64)).unwrap();
        match random.up_to(3) {
            0 if at < wire.len() => wire[at] = u8::try_from(random.up_to(255)).unwrap(),
            1 if at < wire.len() => drop(wire.remove(at)),
            2 => wire.insert(at, *random.pick(b"{}+0159\r\n\"\\() *%~\0").unwrap()),
            _ => wire.truncate(at.max(wire.len() / 2)),
        }
    }
}

fn octets(random: &mut SimRandom, most: u64) -> Vec<u8> {
    let mut octets = vec![0; usize::try_from(random.up_to(most)).unwrap()];
    random.fill(&mut octets);
    octets
}

/// Runs a check this many times; the input of a failure is printed.
fn repeat(times: u32, seed: u64, mut run: impl FnMut(&mut SimRandom)) {
    let mut random = SimRandom::from_environment_or(seed);
    for _ in 0..times {
        run(&mut random);
    }
}

#[test]
fn sessions() {
    repeat(3000, 1, |random| {
        let mut input = vec![u8::try_from(random.up_to(255)).unwrap()];
        input.extend(dialogue(random));
        checks::session(&input);
    });
    repeat(500, 2, |random| checks::session(&octets(random, 300)));
}

#[test]
fn grammar() {
    repeat(6000, 3, |random| {
        let mut line = random.pick(LINES).unwrap().as_bytes().to_vec();
        mutate(&mut line, random);
        checks::grammar(&line);
    });
    repeat(500, 4, |random| {
        checks::grammar(&[b"a FETCH ", octets(random, 60).as_slice()].concat());
    });
}

#[test]
fn framing() {
    repeat(400, 5, |random| checks::framing(&octets(random, 60)));
}
