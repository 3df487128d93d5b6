use super::*;
use posthorn_base::limits;

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
                    found.push(
                        if framing.refuse() == Refused::Over { "over" } else { "refused" }.into(),
                    );
                }
                Found::Data(octets) => data.extend_from_slice(octets),
                Found::DataEnd => {
                    found.push(format!("data {}", std::mem::take(&mut data).escape_ascii()));
                }
                // The session closes.
                end @ (Found::BareLf | Found::Endless) => {
                    found.push(format!("{end:?}"));
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
    let message = "b NOOP\r\n".repeat(9) + "b NOO";
    assert_eq!(message.len(), 77);
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
fn announcements_in_lines_that_are_dropped() {
    let dropped = |end: &str| "x".repeat(300) + end + "\r\nb NOOP\r\n\r\nc NOOP\r\n";
    let swallowed = ["TooLong", "Dropped", "command c NOOP"];
    check(dropped("{8+}").as_bytes(), &swallowed);
    check(dropped("~{8+}").as_bytes(), &swallowed);
    check(dropped("{00000000000000000008+}").as_bytes(), &swallowed);
    // Its brace is out of sight.
    check(dropped("{000000000000000000000000008+}").as_bytes(), &["TooLong", "Endless"]);
    check(
        dropped(&("{".to_owned() + &"0".repeat(500) + "8+}")).as_bytes(),
        &["TooLong", "Endless"],
    );
    // No literal follows these.
    let over = ["TooLong", "Dropped", "command b NOOP", "command ", "command c NOOP"];
    check(dropped("{8}").as_bytes(), &over);
    check(dropped("{8+} ").as_bytes(), &over);
    check(dropped("8+}").as_bytes(), &over);
    check(dropped("{8+}\r").as_bytes(), &over);
}

/// Literals without octets one after the other cost time, but no stack.
#[test]
fn many_empty_literals() {
    let pairs = "{0+}\r\n".repeat(200_000);
    let wire = "x".repeat(300) + &pairs + "\r\nc NOOP\r\n";
    assert_eq!(frames(&[wire.as_bytes()]), ["TooLong", "Dropped", "command c NOOP"]);
    let wire = "a {500+}\r\n".to_owned() + &"y".repeat(500) + &pairs + "\r\nc NOOP\r\n";
    assert_eq!(frames(&[wire.as_bytes()]), ["refused", "Dropped", "command c NOOP"]);
}

#[test]
fn what_is_dropped_has_a_bound() {
    const MOST: usize = limits::IMAP_SKIPPED_LITERAL_BYTES_MAX as usize;
    let refused = |octets: usize| {
        let line = format!("a X {{{octets}+}}\r\n");
        let (mut framing, mut input) = (Framing::default(), line.as_bytes());
        assert!(matches!(framing.next(&mut input, 200), Found::Literal(_)));
        let refused = framing.refuse();
        (framing, refused)
    };
    assert_eq!(refused(MOST + 1).1, Refused::Endless);
    // The literal and the line behind it, to the last octet and one more; however it is cut.
    let rest = vec![b'x'; MOST - 10];
    for (tail, want) in [("12345678\r\n", Found::Dropped), ("123456789\r\n", Found::Endless)] {
        for cut in [1 << 16, usize::MAX] {
            let (mut framing, is_refused) = refused(MOST - 10);
            assert_eq!(is_refused, Refused::Dropping);
            for mut piece in rest.chunks(cut.min(rest.len())) {
                assert_eq!(framing.next(&mut piece, 200), Found::More);
            }
            assert_eq!(framing.next(&mut tail.as_bytes(), 200), want, "{tail:?}");
        }
    }
    // A line without an end.
    let mut framing = Framing::default();
    assert_eq!(framing.next(&mut rest.as_slice(), 200), Found::TooLong);
    assert_eq!(framing.next(&mut rest.as_slice(), 200), Found::More);
    assert_eq!(framing.next(&mut [b'x'; 11].as_slice(), 200), Found::Endless);
}
