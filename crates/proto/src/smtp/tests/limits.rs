//! Every limit, reached and exceeded by one.

use super::play::*;
use posthorn_base::limits;

#[test]
fn command_lines() {
    let line = |length: usize| format!("NOOP {}\r\n", "x".repeat(length - "NOOP \r\n".len()));
    let max = limits::SMTP_LINE_BYTES_MAX;
    replies(&Scene::mx(), &line(max), &["250 2.0.0"]);
    let wire = format!("{}NOOP\r\n", line(max + 1));
    replies(&Scene::mx(), &wire, &["500 5.5.6", "250 2.0.0"]);
    let wire = format!("{}NOOP\r\n", line(5 * max));
    replies(&Scene::mx(), &wire, &["500 5.5.6", "250 2.0.0"]);
    // The end of a line that is too long is no less strict.
    let log = play(&Scene::mx(), format!("{}\nNOOP\r\n", "x".repeat(max)).as_bytes());
    assert_eq!(log.last().unwrap(), "closed: a line ended in a bare LF");
    let log = play(&Scene::mx(), format!("{}\r\nNOOP\r\n", "x".repeat(max - 1)).as_bytes());
    assert_eq!(log, ["S: 500 5.5.6 Line too long", "S: 250 2.0.0 OK"]);
    // Nor is anything read into what is too long: how much of it we still have is chance.
    let log = play(&Scene::mx(), format!("GET {}\n", "x".repeat(max)).as_bytes());
    assert_eq!(log.last().unwrap(), "closed: a line ended in a bare LF");
}

#[test]
fn an_endless_line_leaves_nothing_to_keep() {
    let mut play = Play::greeted(&Scene::mx());
    // The driver of the tests asserts that less than a line is left after each of these.
    for _ in 0..100 {
        play.feed(&[b'x'; 5000]);
    }
    play.feed(b"\r\n");
    assert_eq!(play.log[1..], ["S: 500 5.5.6 Line too long"]);
}

#[test]
fn recipients() {
    let scene = Scene::mx().with(|c| c.recipients_max = 3);
    let rcpt = "RCPT TO:<b@c.example>\r\n";
    let wire = format!("HELO a\r\nMAIL FROM:<>\r\n{}DATA\r\n.\r\n", rcpt.repeat(4));
    let good = ["250", "250 2.1.0", "250 2.1.5", "250 2.1.5", "250 2.1.5"];
    replies(&scene, &wire, &[&good[..], &["452 4.5.3", "354", "250 2.0.0"]].concat());
}

#[test]
fn the_memory_of_an_envelope() {
    let mut play = Play::greeted(&Scene::mx());
    play.feed(b"HELO a\r\nMAIL FROM:<>\r\n");
    let orcpt = format!("rfc822;{}", "x".repeat(limits::DSN_ORCPT_BYTES_MAX - 7));
    play.log.clear();
    for n in 0..limits::SMTP_RECIPIENTS_MAX {
        play.feed(format!("RCPT TO:<b{n}@c.example> ORCPT={orcpt}\r\n").as_bytes());
    }
    let taken = play.log.iter().filter(|l| l.starts_with("S: 250 2.1.5")).count();
    let refused = play.log.iter().filter(|l| l.starts_with("S: 452 4.5.3")).count();
    assert_eq!(taken + refused, limits::SMTP_RECIPIENTS_MAX);
    let each = limits::SMTP_ENVELOPE_BYTES_MAX / taken;
    assert!(refused > 0 && (500..1000).contains(&each), "{taken} of {each} bytes");
}

#[test]
fn messages() {
    let scene = Scene::mx().with(|c| c.messages_max = 2);
    let wire = format!("HELO a\r\n{}", "MAIL FROM:<>\r\nRSET\r\n".repeat(3));
    let good = ["250", "250 2.1.0", "250 2.0.0", "250 2.1.0", "250 2.0.0", "421 4.7.0"];
    replies(&scene, &wire, &good);
}

#[test]
fn errors() {
    let free = limits::SMTP_ERRORS_FREE as usize;
    let max = limits::SMTP_ERRORS_MAX as usize;
    let log = play(&Scene::mx(), "FOO\r\n".repeat(max + 1).as_bytes());
    let count = |what: &str| log.iter().filter(|l| l.starts_with(what)).count();
    assert_eq!((count("S: 500"), count("S: 421"), count("closed: too many errors")), (max, 1, 1));
    assert_eq!(count("delay 1s"), max - 1 - free);
    // A delivered message makes up for them.
    let wire = format!(
        "{}{OPENING}DATA\r\n.\r\n{}NOOP\r\n",
        "FOO\r\n".repeat(max - 1),
        "FOO\r\n".repeat(max - 1)
    );
    assert_eq!(play(&Scene::mx(), wire.as_bytes()).last().unwrap(), "S: 250 2.0.0 OK");
}

#[test]
fn refused_recipients() {
    let max = limits::SMTP_REFUSED_RECIPIENTS_MAX as usize;
    let rcpt = "RCPT TO:<unknown@c.example>\r\n";
    let wire = |n| format!("HELO a\r\nMAIL FROM:<>\r\n{}", rcpt.repeat(n));
    let log = play(&Scene::mx(), wire(max - 1).as_bytes());
    assert_eq!(log.last().unwrap(), "delay 1s");
    let log = play(&Scene::mx(), wire(max).as_bytes());
    assert_eq!(log.last().unwrap(), "closed: too many errors");
    let quick = Scene::mx().with(|c| c.tarpit = std::time::Duration::ZERO);
    assert!(!play(&quick, wire(max).as_bytes()).iter().any(|l| l.starts_with("delay")));
}

#[test]
fn replies_that_nobody_reads_do_not_pile_up() {
    use crate::smtp::Event;
    let Play { mut session, now, .. } = Play::greeted(&Scene::mx());
    let commands = b"RSET\r\n".repeat(5000);
    let mut input = commands.as_slice();
    let mut out = Vec::new();
    for _ in 0..2 {
        out.clear();
        assert_eq!(session.receive(&mut input, &mut out, now), Event::Flush);
        let max = limits::SMTP_OUTPUT_BYTES_MAX + limits::SMTP_REPLY_LINE_BYTES_MAX;
        assert!((limits::SMTP_OUTPUT_BYTES_MAX..max).contains(&out.len()));
        assert!(!input.is_empty());
    }
}

/// RFC 2920 3.2: replies to MAIL and RCPT may wait for those that follow, the one to NOOP may not.
#[test]
fn replies_that_may_not_wait() {
    use crate::smtp::Event;
    let Play { mut session, now, .. } = Play::greeted(&Scene::mx());
    let mut out = Vec::new();
    for command in ["NOOP", "EHLO a", "VRFY a", "EXPN a", "FOO"] {
        let wire = format!("{command}\r\nRSET\r\nRSET\r\n");
        let mut input = wire.as_bytes();
        assert_eq!(session.receive(&mut input, &mut out, now), Event::Flush, "{command}");
        assert_eq!(input, b"RSET\r\nRSET\r\n");
        assert_eq!(session.receive(&mut input, &mut out, now), Event::Read);
    }
}

#[test]
fn a_session_is_small() {
    // The line is in the driver's buffer; what is larger is bounded by the envelope's limits.
    assert!(size_of::<crate::smtp::Session>() <= 1024);
}
