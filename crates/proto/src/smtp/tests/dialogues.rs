//! Conversations: the order of commands and what they lead to.

use super::play::*;
use crate::smtp::*;
use std::time::Duration;

#[test]
fn a_message_is_received() {
    let wire = format!("{OPENING}DATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n");
    let log = play(&Scene::mx(), wire.as_bytes());
    let want = [
        "S: 250-mx.example",
        "S: 250-PIPELINING",
        "S: 250-SIZE 35651584",
        "S: 250-8BITMIME",
        "S: 250-SMTPUTF8",
        "S: 250-ENHANCEDSTATUSCODES",
        "S: 250-CHUNKING",
        "S: 250-LIMITS MAILMAX=10000 RCPTMAX=1000",
        "S: 250 STARTTLS",
        "? sender <a@b.example>",
        "S: 250 2.1.0 Sender OK",
        "? recipient <bob@example.org>",
        "S: 250 2.1.5 Recipient OK",
        "? data <a@b.example> -> <bob@example.org>",
        "S: 354 Send the message, then a line with only a dot",
        "? message \"Subject: hi\\r\\n\\r\\n.dot\\r\\n\"",
        "S: 250 2.0.0 Message accepted, id 0000000000001",
        "S: 221 2.0.0 Goodbye",
        "closed: the client said goodbye",
    ];
    assert_eq!(log, want);
}

/// The scenarios of RFC 5321 appendix D: typical, aborted, relayed, verifying and sending.
#[test]
fn rfc_5321_appendix_d() {
    let hello = ["250 mx.example"];
    let d1 = "HELO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\n\
              RCPT TO:<unknown@foo.com>\r\nRCPT TO:<Brown@foo.com>\r\nDATA\r\nBlah blah\r\n.\r\n\
              QUIT\r\n";
    let replies_d1 = ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354 ", "250 2.0.0"];
    replies(&Scene::mx(), d1, &[&hello[..], &replies_d1, &["221 2.0.0"]].concat());

    let d2 = "HELO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\n\
              RCPT TO:<unknown@foo.com>\r\nRSET\r\nQUIT\r\n";
    let replies_d2 = ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.0.0", "221 2.0.0"];
    replies(&Scene::mx(), d2, &[&hello[..], &replies_d2].concat());

    let d3 = "HELO bar.com\r\nMAIL FROM:<JQP@bar.com>\r\nRCPT TO:<@foo.com:Jones@XYZ.COM>\r\n\
              DATA\r\nDate: Thu, 21 May 1998 05:33:29 -0700\r\n\r\nBlah\r\n.\r\nQUIT\r\n";
    let replies_d3 = ["250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0", "221 2.0.0"];
    replies(&Scene::mx(), d3, &[&hello[..], &replies_d3].concat());

    let d4 = "HELO bar.com\r\nVRFY Crispin\r\nMAIL FROM:<EAK@bar.com>\r\n\
              RCPT TO:<Admin.MRC@foo.com>\r\nDATA\r\nBlah\r\n.\r\nQUIT\r\n";
    let replies_d4 = ["252 2.0.0", "250 2.1.0", "250 2.1.5", "354 ", "250 2.0.0", "221 2.0.0"];
    replies(&Scene::mx(), d4, &[&hello[..], &replies_d4].concat());
}

#[test]
fn commands_out_of_order() {
    #[track_caller]
    fn check(wire: &str, want: &[&str]) {
        replies(&Scene::mx(), wire, want);
    }
    check("MAIL FROM:<a@b.example>\r\n", &["503 5.5.1 Say EHLO"]);
    check("RCPT TO:<a@b.example>\r\n", &["503 5.5.1 Say EHLO"]);
    check("DATA\r\n", &["503 5.5.1 Say EHLO"]);
    check("BDAT 2\r\nxxNOOP\r\n", &["503 5.5.1 Say EHLO", "250 2.0.0"]);
    let helo = "HELO a\r\n";
    check(&format!("{helo}RCPT TO:<a@b.example>\r\n"), &["250 ", "503 5.5.1 Say MAIL"]);
    check(&format!("{helo}DATA\r\n"), &["250 ", "503 5.5.1 Say MAIL"]);
    let mail = format!("{helo}MAIL FROM:<a@b.example>\r\n");
    check(&format!("{mail}MAIL FROM:<>\r\n"), &["250 ", "250 2.1.0", "503 5.5.1 A message"]);
    check(&format!("{mail}DATA\r\n"), &["250 ", "250 2.1.0", "503 5.5.1 Say RCPT"]);
    check(&format!("{mail}STARTTLS\r\n"), &["250 ", "250 2.1.0", "503 5.5.1 Bad"]);
    let lost = format!("{mail}RCPT TO:<unknown@b.example>\r\nDATA\r\nNOOP\r\n");
    check(&lost, &["250 ", "250 2.1.0", "550 5.1.1", "554 5.5.1 No valid", "250 2.0.0"]);
    // One message after another, and again after a refused sender.
    let twice = format!("{mail}RCPT TO:<a@b.example>\r\nDATA\r\n.\r\nMAIL FROM:<>\r\n");
    check(&twice, &["250 ", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0", "250 2.1.0"]);
    let banned = format!("{helo}MAIL FROM:<banned@b.example>\r\nMAIL FROM:<>\r\n");
    check(&banned, &["250 ", "553 5.7.1", "250 2.1.0"]);
}

#[test]
fn small_commands() {
    #[track_caller]
    fn check(line: &str, want: &str) {
        replies(&Scene::mx(), &format!("{line}\r\n"), &[want]);
    }
    check("NOOP", "250 2.0.0");
    check("noop with words", "250 2.0.0");
    check("NOOP \t ", "250 2.0.0");
    check("RSET", "250 2.0.0");
    check("RSET now", "501 5.5.4");
    check("QUIT now", "501 5.5.4");
    check("STARTTLS now", "501 5.5.4");
    check("VRFY bob", "252 2.0.0");
    check("VRFY", "501 5.5.4");
    check("EXPN list", "502 5.5.1");
    check("ETRN x", "502 5.5.1");
    check("FOO", "500 5.5.1");
    check("", "500 5.5.1");
    check(" NOOP", "500 5.5.1");
    check("NO\u{7}OP", "500 5.5.2");
    check("NOOP\0", "500 5.5.2");
    check("EHLO", "501 5.5.4");
    check("EHLO  ", "501 5.5.4");
    check("HELO", "501 5.5.4");
    check("EHLO a\tb", "500 5.5.2");
    check("AUTH PLAIN", "502 5.5.1");
    let log = play(&Scene::mx(), b"NOOP \xff\r\nHELP\r\n");
    assert_eq!(log[0], "S: 500 5.5.2 Commands are printable text");
    assert!(log[1].starts_with("S: 214-2.0.0 ") && log[3].starts_with("S: 214 2.0.0 "));
}

#[test]
fn names_that_are_no_domains_are_taken_and_known_as_such() {
    let mut play = Play::greeted(&Scene::mx());
    play.feed(b"EHLO My PC (at home)\r\n");
    let hello = play.session.hello().unwrap();
    assert_eq!((hello.as_given(), hello.domain()), ("My PC (at home)", None));
    play.feed(b"HELO [192.0.2.1]\r\n");
    let hello = play.session.hello().unwrap();
    assert!(hello.domain().unwrap().is_literal() && !hello.is_extended());
}

#[test]
fn hello_again_gives_up_the_message() {
    let log = after_opening(&Scene::mx(), b"HELO again\r\nRCPT TO:<a@b.example>\r\n");
    assert_eq!(log[0], "S: 250 mx.example");
    assert_eq!(log[1], "abandoned");
    assert!(log[2].starts_with("S: 503 5.5.1 Say MAIL"));
    let log = after_opening(&Scene::mx(), b"RSET\r\nDATA\r\n");
    assert_eq!(log[..2], ["S: 250 2.0.0 OK", "abandoned"]);
    let log = after_opening(&Scene::mx(), b"QUIT\r\n");
    assert_eq!(log[1..], ["abandoned", "closed: the client said goodbye"]);
    // A greeting that is refused changes nothing (RFC 5321 4.1.4).
    let log = after_opening(&Scene::mx(), b"EHLO\r\nDATA\r\n");
    assert!(log[0].starts_with("S: 501") && log.last().unwrap().starts_with("S: 354"));
}

#[test]
fn what_mail_and_rcpt_ask_for_and_do_not_get() {
    #[track_caller]
    fn check(scene: &Scene, mail: &str, want: &str) {
        replies(scene, &format!("HELO a\r\nMAIL FROM:<a@b.example> {mail}\r\n"), &["250", want]);
    }
    let plain = Scene::mx();
    check(&plain, "BODY=BINARYMIME", "504 5.5.4");
    check(&plain, "REQUIRETLS", "555 5.5.4");
    check(&plain, "SIZE=35651584", "250 2.1.0");
    check(&plain, "SIZE=35651585", "552 5.3.4");
    check(&plain, "RET=FULL ENVID=x", "250 2.1.0");
    check(&plain, "FOO=BAR", "555 5.5.4");
    check(&plain, "SIZE=99999999999999999999", "501 5.5.4");
    let mut rich = Scene::mx().with(|c| (c.binarymime, c.requiretls) = (true, true));
    check(&rich, "REQUIRETLS", "555 5.5.4");
    rich.tls = true;
    check(&rich, "REQUIRETLS BODY=BINARYMIME", "250 2.1.0");

    let wire = "HELO a\r\nMAIL FROM:a@b.example\r\nMAIL FROM:<é@b.example>\r\n\
                MAIL FROM:<a@b..c>\r\nMAIL <a@b.example>\r\nMAIL FROM:<>\r\n\
                RCPT TO:bob@b.example\r\nRCPT TO:<é@b.example>\r\nRCPT TO:<b@>\r\nRCPT\r\n\
                RCPT TO:<full@b.example>\r\n";
    let mail = ["501 5.1.7 Put", "553 5.6.7", "501 5.1.7", "501 5.5.2 Say MAIL", "250 2.1.0"];
    let rcpt = ["501 5.1.3 Put", "553 5.6.7", "501 5.1.3", "501 5.5.2 Say RCPT", "452 4.2.2"];
    let scene = Scene::mx().with(|c| c.errors_max = 100);
    replies(&scene, wire, &[&["250"][..], &mail, &rcpt].concat());
}

#[test]
fn what_is_announced() {
    #[track_caller]
    fn check(scene: &Scene, want: &[&str]) {
        let log = play(scene, b"EHLO a\r\n");
        let words: Vec<&str> =
            log[1..].iter().filter_map(|line| line.get("S: 250-".len()..)).collect();
        assert_eq!(words, want);
    }
    let base =
        ["PIPELINING", "SIZE 35651584", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"];
    let limits = ["LIMITS MAILMAX=10000 RCPTMAX=1000"];
    let all = |c: &mut Config| (c.dsn, c.binarymime, c.requiretls) = (true, true, true);
    let mut mx = Scene::mx().with(all);
    check(&mx, &[&base[..], &["BINARYMIME", "DSN"], &limits, &["STARTTLS"]].concat());
    mx.tls = true;
    check(&mx, &[&base[..], &["BINARYMIME", "DSN", "REQUIRETLS"], &limits].concat());
    let submission = Scene::new(Service::Submission);
    check(&submission, &[&base[..], &limits, &["STARTTLS"]].concat());
    let auth = ["AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS"];
    check(&Scene::submissions(), &[&base[..], &limits, &auth].concat());
    let open = submission.with(|c| (c.auth_without_tls, c.starttls) = (true, false));
    check(&open, &[&base[..], &limits, &["AUTH PLAIN LOGIN SCRAM-SHA-256"]].concat());
}

#[test]
fn starttls_forgets_everything_and_discards_what_follows() {
    let mut play = Play::greeted(&Scene::mx());
    play.feed(b"EHLO before.example\r\n");
    play.log.clear();
    // CVE-2011-0411: the command behind STARTTLS must not be carried out after the handshake.
    play.feed(b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n");
    assert_eq!(play.log, ["S: 220 2.0.0 Ready to start TLS", "TLS, 28 bytes discarded"]);
    assert!(play.session.hello().is_none() && play.session.tls().is_some());
    play.log.clear();
    play.feed(b"MAIL FROM:<a@b.example>\r\nSTARTTLS\r\n");
    assert!(play.log[0].starts_with("S: 503 5.5.1 Say EHLO"));
    assert!(play.log[1].starts_with("S: 503 5.5.1 TLS is"));
    play.log.clear();
    play.feed(b"EHLO after.example\r\n");
    assert!(!play.log.iter().any(|line| line.contains("STARTTLS")));

    let mut half = Play::greeted(&Scene::mx());
    half.feed(b"STARTTLS\r\nEHLO unfinis");
    half.feed(b"EHLO a\r\n");
    assert!(half.log.iter().any(|line| line == "S: 250-mx.example"), "{:?}", half.log);
    replies(&Scene::mx().with(|c| c.starttls = false), "STARTTLS\r\n", &["502 5.5.1"]);
}

#[test]
fn wrong_protocols_are_closed() {
    for wire in ["GET / HTTP/1.1\r\nHost: x\r\n", "post / HTTP/1.0\n", "CONNECT a:25 HTTP/1.1\r\n"]
    {
        let log = play(&Scene::mx(), wire.as_bytes());
        assert!(log[0].starts_with("S: 500 5.5.2 This is a mail server"));
        assert_eq!(log[1..], ["closed: the client speaks HTTP"]);
    }
    let log = play(&Scene::mx(), b"\x16\x03\x01\x02\x00");
    assert_eq!(log, ["closed: the client began TLS without STARTTLS"]);
}

#[test]
fn bare_line_feeds_in_commands_close() {
    for wire in ["EHLO a\n", "EHLO a\r\nMAIL FROM:<a@b>\nNOOP\r\n", "\n"] {
        let log = play(&Scene::mx(), wire.as_bytes());
        assert_eq!(log.last().unwrap(), "closed: a line ended in a bare LF");
        assert!(log[log.len() - 2].starts_with("S: 500 5.5.2 Lines end with CR LF"));
    }
    // A CR inside a line is a control character, no more.
    replies(&Scene::mx(), "NOOP\rQUIT\r\nNOOP\r\r\n", &["500 5.5.2", "500 5.5.2"]);
}

#[test]
fn greetings_refused_and_talked_over() {
    let mut play = Play::new(&Scene::mx());
    play.feed(b"EHLO a\r\nNOOP\r\nQUIT\r\n");
    let log = &play.log;
    assert_eq!(
        log[..2],
        ["S: 554 5.5.0 Wait for the greeting before you speak (RFC 5321 3.1)", "early talk"]
    );
    assert!(log[2].starts_with("S: 503") && log[3].starts_with("S: 503"));
    assert_eq!(log[4..], ["S: 221 2.0.0 Goodbye", "closed: the client said goodbye"]);

    let mut lenient = Play::new(&Scene::mx().with(|c| c.early_talkers_refused = false));
    lenient.feed(b"HELO a\r\n");
    assert_eq!(lenient.log, ["early talk"]);
    let mut out = Vec::new();
    lenient.session.greet(&mut out);
    lenient.feed(b"");
    assert_eq!(lenient.log[1..], ["S: 250 mx.example"]);

    let mut out = Vec::new();
    let mut busy = Play::new(&Scene::mx());
    busy.session.refuse(&Reply::TOO_MANY_CONNECTIONS, &mut out);
    assert!(out.starts_with(b"421 4.7.0 "));
    busy.feed(b"");
    assert_eq!(busy.log, ["closed: refused"]);
}

#[test]
fn time_runs_out() {
    let idle = posthorn_base::limits::SMTP_IDLE_MAX;
    let mut play = Play::greeted(&Scene::mx());
    play.feed(b"EHLO a\r\n");
    play.now = play.now + idle / 2;
    play.feed(b"NOO");
    // An unfinished line is no activity.
    assert_eq!(play.session.deadline(), Some(NOW + idle));
    play.feed(b"P\r\n");
    let deadline = play.session.deadline().unwrap();
    assert_eq!(deadline, NOW + idle / 2 + idle);
    play.log.clear();
    play.time_out(deadline - Duration::from_millis(1));
    assert!(play.log.is_empty());
    play.time_out(deadline);
    assert_eq!(play.log, ["S: 421 4.4.2 Timeout; closing", "closed: the client took too long"]);
    assert_eq!(play.session.deadline(), None);
}

#[test]
fn data_may_not_drip_for_ever() {
    let mut play = Play::greeted(&Scene::mx());
    play.feed(format!("{OPENING}DATA\r\n").as_bytes());
    let total = posthorn_base::limits::SMTP_DATA_TOTAL_MAX;
    let mut last = play.now;
    while play.session.deadline().unwrap() > play.now && play.now < NOW + total * 2 {
        play.now = play.now + Duration::from_secs(60);
        play.feed(b"x");
        last = play.session.deadline().unwrap();
    }
    assert_eq!(last, NOW + total);
}

#[test]
fn draining_lets_a_message_finish() {
    let mut play = Play::greeted(&Scene::mx());
    play.feed(OPENING.as_bytes());
    play.session.drain();
    play.log.clear();
    play.feed(b"DATA\r\nx\r\n.\r\n");
    assert!(play.log.iter().any(|line| line.starts_with("S: 250 2.0.0 Message accepted")));
    assert!(play.log[play.log.len() - 2].starts_with("S: 421 4.3.2"));
    assert_eq!(play.log.last().unwrap(), "closed: the server is stopping");
}
