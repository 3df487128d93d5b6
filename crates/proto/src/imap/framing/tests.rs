use super::*;

/// What framing makes of the input when every literal up to 100 octets is kept, larger ones are
/// refused, and one of 77 octets is streamed.
fn frames(pieces: &[&[u8]]) -> Vec<String> {
    let (mut framing, mut found, mut data) = (Framing::default(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut input = *piece;
        loop {
            match framing.next(&mut input, 200) {
                Found::More => break,
                Found::Command => found.push(format!("command {}", framing.take().escape_ascii())),
                Found::Literal(Announcement { octets: 77, .. }) => framing.stream(),
                Found::Literal(announcement) if announcement.octets <= 100 => framing.accept(),
                Found::Literal(_) => {
                    found.push(if framing.refuse() { "over" } else { "refused" }.into());
                }
                Found::Data(octets) => data.extend_from_slice(octets),
                Found::DataEnd => {
                    found.push(format!("data {}", std::mem::take(&mut data).escape_ascii()));
                }
                Found::BareLf => {
                    found.push("BareLf".into());
                    return found;
                }
                other => found.push(format!("{other:?}")),
            }
        }
        assert!(input.is_empty());
    }
    found
}

#[track_caller]
fn check(bytes: &[u8], want: &[&str]) {
    assert_eq!(frames(&[bytes]), want, "in one piece");
    assert_eq!(frames(&bytes.chunks(1).collect::<Vec<_>>()), want, "byte by byte");
}

#[test]
fn commands_and_their_literals() {
    check(b"a NOOP\r\nb NOOP\r\nc", &["command a NOOP", "command b NOOP"]);
    check(b"\r\n", &["command "]);
    check(
        b"a LOGIN {5}\r\nalice {6+}\r\nsecret\r\nb NOOP\r\n",
        &[r"command a LOGIN {5}\r\nalice {6+}\r\nsecret", "command b NOOP"],
    );
    check(b"a X {4+}\r\n\r\n\r\n\r\nb\r\n", &[r"command a X {4+}\r\n\r\n\r\n", "command b"]);
    check(b"a X \"{3}\"\r\n", &[r#"command a X \"{3}\""#]);
    // A line end within quotes is none: the announcement counts.
    check(b"a X \"{3}\r\nabc\r\n", &[r#"command a X \"{3}\r\nabc"#]);
}

#[test]
fn no_octet_of_a_refused_literal_is_a_command() {
    let literal =
        |head: &str, octets: &[u8], rest: &str| [head.as_bytes(), octets, rest.as_bytes()].concat();
    let evil = b"b NOOP\r\n".repeat(20);
    assert_eq!(evil.len(), 160);
    check(&literal("a X {160+}\r\n", &evil, " y {160+}\r\n"), &["refused"]);
    check(
        &literal("a X {160+}\r\n", &evil, " tail\r\nc NOOP\r\n"),
        &["refused", "Dropped", "command c NOOP"],
    );
    let twice = literal("a X {160+}\r\n", &evil, " y {160+}\r\n");
    check(
        &literal(std::str::from_utf8(&twice).unwrap(), &evil, "\r\nc NOOP\r\n"),
        &["refused", "Dropped", "command c NOOP"],
    );
    // The client waits at a synchronizing one: what it says next is a command.
    check(
        &literal("a X {160+}\r\n", &evil, " y {5}\r\nc NOOP\r\n"),
        &["refused", "Dropped", "command c NOOP"],
    );
    check(b"a X {160}\r\nc NOOP\r\n", &["over", "command c NOOP"]);
    check(b"a X {99999999999999999999}\r\nc NOOP\r\n", &["over", "command c NOOP"]);
}

#[test]
fn streamed_literals() {
    let message = "b NOOP\r\n".repeat(10)[..77].to_owned();
    let shown = message.as_bytes().escape_ascii().to_string();
    check(
        format!("a APPEND x {{77}}\r\n{message}\r\nc NOOP\r\n").as_bytes(),
        &[&format!("data {shown}"), "command ", "command c NOOP"],
    );
}

#[test]
fn long_lines() {
    let line = |length: usize| "x".repeat(length) + "\r\nb NOOP\r\n";
    check(line(198).as_bytes(), &[&format!("command {}", "x".repeat(198)), "command b NOOP"]);
    check(line(199).as_bytes(), &["TooLong", "Dropped", "command b NOOP"]);
    check(line(1000).as_bytes(), &["TooLong", "Dropped", "command b NOOP"]);
    // A literal at the end of a line that was too long belongs to it.
    let tail = "x".repeat(300) + " {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n";
    check(tail.as_bytes(), &["TooLong", "Dropped", "command c NOOP"]);
    // Literals and lines together.
    let sum = "a X {100+}\r\n".to_owned() + &"y".repeat(100) + &"z".repeat(88) + "\r\nb NOOP\r\n";
    check(sum.as_bytes(), &["TooLong", "Dropped", "command b NOOP"]);
}

#[test]
fn line_ends() {
    check(b"a NOOP\nb NOOP\r\n", &["BareLf"]);
    check(b"a \rNOOP\r\n", &[r"command a \rNOOP"]);
    check(&["x".repeat(300).as_bytes(), b"\n"].concat(), &["TooLong", "BareLf"]);
}

#[test]
fn what_is_dropped_has_a_bound() {
    let mut framing = Framing::default();
    let mut input: &[u8] = b"a X {99999999999999999999+}\r\n";
    assert!(matches!(framing.next(&mut input, 200), Found::Literal(_)));
    assert!(!framing.refuse());
    let piece = vec![b'x'; 1 << 20];
    let mut pieces = 0;
    while framing.next(&mut piece.as_slice(), 200) == Found::More {
        pieces += 1;
        assert!(pieces < 100);
    }
    assert_eq!(framing.next(&mut piece.as_slice(), 200), Found::Endless);
}
