//! Messages on their way in: DATA's end, smuggling, chunks, sizes.

use super::play::*;
use crate::smtp::transfer::{Chunked, Dotted, Found};

const ACCEPTED: &str = "S: 250 2.0.0 Message accepted, id 0000000000001";
const BARE: &str = "S: 550 5.6.11 Message has a CR or LF that is not part of a CR LF pair";

/// Runs data through the scanner, in the given pieces: the text, whether something was bare, and
/// what is left behind the end (`None` when it has not come).
fn scan<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool, Option<Vec<u8>>) {
    let (mut text, mut bare, mut rest) = (Vec::new(), false, None::<Vec<u8>>);
    let mut dotted = Dotted::new();
    for piece in pieces {
        if let Some(rest) = &mut rest {
            rest.extend_from_slice(piece);
            continue;
        }
        let mut input = piece;
        loop {
            match dotted.next(&mut input) {
                Found::Text(t) => {
                    assert!(!t.is_empty());
                    if !bare {
                        text.extend_from_slice(t);
                    }
                }
                Found::Bare => bare = true,
                Found::More => break,
                Found::End => {
                    rest = Some(input.to_vec());
                    break;
                }
            }
        }
    }
    (text, bare, rest)
}

#[test]
fn the_end_of_data_and_every_way_to_fake_it() {
    /// `want` is the message, or `None` when it has a bare CR or LF; `rest` is what follows its
    /// end.
    #[track_caller]
    fn check(wire: &str, want: Option<&str>, rest: Option<&str>) {
        let bytes = wire.as_bytes();
        // Whole, byte by byte, and cut once at every place.
        let mut cuts = vec![vec![bytes], bytes.chunks(1).collect(), bytes.chunks(2).collect()];
        cuts.extend((0..bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]));
        for pieces in cuts {
            let (text, bare, end) = scan(pieces.iter().copied());
            assert_eq!(end.as_deref(), rest.map(str::as_bytes), "{wire:?} in {}", pieces.len());
            assert_eq!(bare, want.is_none(), "{wire:?} in {}", pieces.len());
            if let Some(want) = want {
                assert_eq!(String::from_utf8_lossy(&text), want, "{wire:?} in {}", pieces.len());
            }
        }
    }
    // Honest ends and dots.
    check(".\r\nrest", Some(""), Some("rest"));
    check("a\r\n.\r\nrest", Some("a\r\n"), Some("rest"));
    check("\r\n.\r\n", Some("\r\n"), Some(""));
    check("\r\n\r\n.\r\n", Some("\r\n\r\n"), Some(""));
    check("..\r\n.\r\n", Some(".\r\n"), Some(""));
    check("...a\r\n.\r\n", Some("..a\r\n"), Some(""));
    check(".a\r\n.\r\n", Some("a\r\n"), Some(""));
    check("a.\r\n.b\r\n..\r\n.\r\n", Some("a.\r\nb\r\n.\r\n"), Some(""));
    check("a\r\n..\r\n", Some("a\r\n.\r\n"), None);
    check("a\r\n. \r\n", Some("a\r\n \r\n"), None);
    check("a\r\n.\0\r\n", Some("a\r\n\0\r\n"), None);
    check("a\0\r\n\0.\r\n.\r\n", Some("a\0\r\n\0.\r\n"), Some(""));
    check("a\r\n.", Some("a\r\n"), None);
    // What is not known to be bare yet, is not.
    check("a\r", Some("a\r"), None);
    check("a\r\n.\r", Some("a\r\n"), None);

    // Fakes: none of them ends the data, whatever follows; and all are refused.
    for fake in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\n.\r",
        "\r.\n",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\r\n\r.\r\n",
        "\r\n\n.\r\n",
        "\r\n.\n\r\n",
        "\r\n.\r\0\n",
        "\r\0\n.\r\n",
        "\n\r.\n\r",
        "\r\n.\r.\r\n",
        "\n\n.\n\n",
        "\r\r.\r\r",
    ] {
        check(&format!("a{fake}MAIL FROM:<evil@b.example>\r\n"), None, None);
        let ended = format!("a{fake}MAIL FROM:<evil@b.example>\r\n.\r\nQUIT\r\n");
        check(&ended, None, Some("QUIT\r\n"));
    }
    // A true end that a bare CR or LF precedes.
    check("a\rb\r\n.\r\nx", None, Some("x"));
    check("a\nb\r\n.\r\nx", None, Some("x"));
    check("a\r\r\n.\r\nx", None, Some("x"));
    check("\n\r\n.\r\nx", None, Some("x"));
    check(".\r\r\n.\r\nx", None, Some("x"));
    check(".\n.\r\nx\r\n.\r\n", None, Some(""));
}

#[test]
fn smuggled_commands_stay_data() {
    let wire = b"DATA\r\nhi\n.\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<x@y.example>\r\n\
        DATA\r\nevil\r\n.\r\nNOOP\r\n";
    let log = after_opening(&Scene::mx(), wire);
    let want = [
        "? data <a@b.example> -> <bob@example.org>",
        "S: 354 Send the message, then a line with only a dot",
        "data refused: a bare CR or LF",
        BARE,
        "S: 250 2.0.0 OK",
    ];
    assert_eq!(log, want);
}

#[test]
fn chunk_endings() {
    #[track_caller]
    fn check(pieces: &[&[u8]], bare: bool, ends_in_cr: bool) {
        let mut chunked = Chunked::new();
        let mut got = false;
        for piece in pieces {
            let mut input = *piece;
            loop {
                match chunked.next(&mut input) {
                    Found::More => break,
                    Found::Bare => got = true,
                    Found::Text(_) => {}
                    Found::End => panic!("chunks have no end of their own"),
                }
            }
        }
        assert_eq!((got, chunked.ends_in_cr()), (bare, ends_in_cr), "{pieces:?}");
    }
    check(&[b"a\r\n.\r\n.\r\n"], false, false);
    check(&[b"a\r", b"\nb"], false, false);
    check(&[b"a\r"], false, true);
    check(&[b"a\r", b"b"], true, false);
    check(&[b"a\n"], true, false);
    check(&[b"\r\n", b"\n"], true, false);
    check(&[b"\r\r\n"], true, false);
}

#[test]
fn chunks() {
    let log =
        after_opening(&Scene::mx(), b"BDAT 6\r\na\r\n.\r\nBDAT 2\r\n..BDAT 0 LAST\r\nNOOP\r\n");
    let want = [
        "? data <a@b.example> -> <bob@example.org>",
        "S: 250 2.0.0 6 octets received",
        "S: 250 2.0.0 2 octets received",
        "? message \"a\\r\\n.\\r\\n..\"",
        ACCEPTED,
        "S: 250 2.0.0 OK",
    ];
    assert_eq!(log, want);
    let log = after_opening(&Scene::mx(), b"BDAT 3 LAST\r\nabcNOOP\r\n");
    assert_eq!(log[1..], ["? message \"abc\"", ACCEPTED, "S: 250 2.0.0 OK"]);
    let log = after_opening(&Scene::mx(), b"BDAT 0 LAST\r\n");
    assert_eq!(log[1..], ["? message \"\"", ACCEPTED]);
}

#[test]
fn chunks_that_fail() {
    // A bare LF across two chunks; the second fails, the third is out of order, its octets no
    // commands.
    let log =
        after_opening(&Scene::mx(), b"BDAT 2\r\na\rBDAT 2\r\nbcBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n");
    assert_eq!(
        log[1..4],
        ["S: 250 2.0.0 2 octets received", "data refused: a bare CR or LF", BARE]
    );
    assert!(log[4].starts_with("S: 503 5.5.1 Say MAIL"));
    assert_eq!(log[5..], ["S: 250 2.0.0 OK"]);
    // A CR at the very end.
    let log = after_opening(&Scene::mx(), b"BDAT 2 LAST\r\na\rNOOP\r\n");
    assert_eq!(log[1..], ["data refused: a bare CR or LF", BARE, "S: 250 2.0.0 OK"]);
    // Nothing but BDAT, RSET and the like between chunks.
    let wire = b"BDAT 1\r\naDATA\r\nRCPT TO:<x@y.example>\r\nMAIL FROM:<>\r\nSTARTTLS\r\nNOOP\r\n\
        RSET\r\nBDAT 1 LAST\r\nb";
    let log = after_opening(&Scene::mx(), wire);
    assert!(log[2..6].iter().all(|line| line.starts_with("S: 503 5.5.1 A message is being")));
    let want = ["S: 250 2.0.0 OK", "S: 250 2.0.0 OK", "abandoned"];
    assert_eq!(log[6..9], want);
    assert!(log[9].starts_with("S: 503 5.5.1 Say MAIL"));
    // A size that cannot be read leaves no way to go on.
    for size in ["", "x", "-1", "18446744073709551616", "1 FIRST"] {
        let log = after_opening(&Scene::mx(), format!("BDAT {size}\r\nNOOP\r\n").as_bytes());
        assert!(log[0].starts_with("S: 501 5.5.4"));
        assert_eq!(log[1..], ["closed: a BDAT command had no readable size"]);
    }
    // Octets of a refused chunk are swallowed, however many there were to be.
    let log = after_opening(&Scene::mx(), b"RSET\r\nBDAT 18446744073709551615\r\nQUIT\r\n");
    assert_eq!(log, ["S: 250 2.0.0 OK", "abandoned"]);
    // No recipients.
    let log = play(&Scene::mx(), b"HELO a\r\nMAIL FROM:<>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n");
    assert!(log[3].starts_with("S: 503 5.5.1 Say RCPT"));
    assert_eq!(log[4], "S: 250 2.0.0 OK");
}

#[test]
fn binary_messages() {
    let scene = Scene::mx().with(|c| c.binarymime = true);
    let wire = b"HELO a\r\nMAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<b@c.example>\r\n\
        DATA\r\nBDAT 4 LAST\r\n\r\n\n\rNOOP\r\n";
    let log = play(&scene, wire);
    assert!(log[5].starts_with("S: 503 5.5.1 A BINARYMIME"));
    assert_eq!(log[7..], ["? message \"\\r\\n\\n\\r\"", ACCEPTED, "S: 250 2.0.0 OK"]);
}

#[test]
fn sizes_at_the_limit() {
    let scene = Scene::mx().with(|c| c.message_bytes_max = 10);
    let too_big = [
        "data refused: larger than the size limit",
        "S: 552 5.3.4 Message is bigger than this server accepts",
    ];
    // Stuffed dots and the end don't count (RFC 1870 5).
    let log = after_opening(&scene, b"DATA\r\n..234567\r\n.\r\n");
    assert_eq!(log.last().unwrap(), ACCEPTED);
    let log = after_opening(&scene, b"DATA\r\n..2345678\r\n\r\n.\r\nNOOP\r\n");
    assert_eq!(log[2..], [too_big[0], too_big[1], "S: 250 2.0.0 OK"]);
    let log = after_opening(&scene, b"BDAT 10\r\n0123456789BDAT 0 LAST\r\n");
    assert_eq!(log.last().unwrap(), ACCEPTED);
    let log = after_opening(&scene, b"BDAT 10\r\n0123456789BDAT 1 LAST\r\nxNOOP\r\n");
    assert_eq!(log[2..], [too_big[0], too_big[1], "S: 250 2.0.0 OK"]);
    // What is found first counts.
    let log = after_opening(&scene, b"DATA\r\n0123456789\rx\r\n.\r\n");
    assert_eq!(log[2..], too_big);
    let log = after_opening(&scene, b"DATA\r\n012345678\rx\r\n\r\n\r\n.\r\n");
    assert_eq!(log[2], "data refused: a bare CR or LF");
}

#[test]
fn lines_of_any_length_are_taken() {
    for length in [998, 999, 100_000] {
        let wire = format!("{OPENING}DATA\r\n{}\r\n.\r\n", "x".repeat(length));
        let log = play_in(&Scene::mx(), [wire.into_bytes()]);
        assert_eq!(log.last().unwrap(), ACCEPTED, "{length}");
    }
}

#[test]
fn what_the_driver_refuses() {
    let opening =
        |from: &str| format!("HELO a\r\nMAIL FROM:<{from}@b.example>\r\nRCPT TO:<b@c.example>\r\n");
    let check = |from: &str, data: &str, want: &[&str]| {
        let wire = format!("{}{data}NOOP\r\n", opening(from));
        let want = [&["250", "250 2.1.0", "250 2.1.5"][..], want, &["250 2.0.0 OK"]].concat();
        replies(&Scene::mx(), &wire, &want);
    };
    check("nodisk", "DATA\r\n", &["452 4.3.1"]);
    check("nodisk", "BDAT 6\r\nQUIT\r\n", &["452 4.3.1"]);
    check("nodisk", "BDAT 6 LAST\r\nQUIT\r\n", &["452 4.3.1"]);
    check("diskfull", "DATA\r\na\r\nb\r\n.\r\n", &["354", "452 4.3.1"]);
    check("diskfull", "BDAT 2\r\nab", &["452 4.3.1"]);
    check("a", "DATA\r\nREFUSE\r\n.\r\n", &["354", "550 5.7.1"]);
    check("a", "BDAT 6 LAST\r\nREFUSE", &["550 5.7.1"]);
}
