//! Each limit, reached and exceeded by one.

use crate::common::tls;
use crate::common::transcripts::Driver as _;
use crate::driver::{AppendFault, Driver, Shared, config, open_config};
use posthorn_base::{Clock, limits};
use posthorn_proto::imap::{CloseReason, Config, Session};
use posthorn_proto::sasl::scram::{AwaitFirst, Binding};
use posthorn_proto::sasl::{Failure, LoginMethod, Mechanism, Refusal, Secret};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn connect(shared: &Rc<RefCell<Shared>>) -> Driver {
    let mut driver = Driver::connect(shared, &open_config(), None);
    assert!(driver.said().ends_with("] mail.example.com IMAP ready\r\n"));
    driver
}

fn logged_in(shared: &Rc<RefCell<Shared>>) -> Driver {
    let mut driver = connect(shared);
    driver.send(b"a LOGIN alice secret\r\n");
    assert!(driver.said().starts_with("a OK [CAPABILITY "));
    driver
}

/// Sends this and tells the answer.
fn answer(driver: &mut Driver, wire: impl AsRef<[u8]>) -> String {
    driver.send(wire.as_ref());
    driver.said()
}

#[test]
fn lines() {
    for (mut driver, most) in [
        (connect(&Shared::new()), limits::IMAP_COMMAND_BEFORE_LOGIN_BYTES_MAX),
        (logged_in(&Shared::new()), limits::IMAP_COMMAND_BYTES_MAX),
    ] {
        let argument = "x".repeat(most - "a NOOP \r\n".len());
        let said = answer(&mut driver, format!("a NOOP {argument}\r\n"));
        assert!(said.starts_with("a BAD ") && !said.contains("TOOBIG"), "{said}");
        let said = answer(&mut driver, format!("a NOOP {argument}x\r\nb NOOP\r\n"));
        assert_eq!(said, "a BAD [TOOBIG] the command is too long\r\nb OK done\r\n");
    }
}

#[test]
fn literals_before_the_login() {
    let mut driver = connect(&Shared::new());
    let most = limits::IMAP_LITERAL_BEFORE_LOGIN_BYTES_MAX;
    assert_eq!(answer(&mut driver, format!("a LOGIN {{{most}}}\r\n")), "+ go on\r\n");
    let said = answer(&mut driver, "x".repeat(most) + " x\r\nb NOOP\r\n");
    assert!(said.starts_with("a NO ") && said.ends_with("\r\nb OK done\r\n"), "{said}");
    let refused = "a BAD [TOOBIG] the literal is too large\r\n";
    assert_eq!(answer(&mut driver, format!("a LOGIN {{{}}}\r\n", most + 1)), refused);
    let wire = format!("a LOGIN {{{}+}}\r\n{} x\r\nb NOOP\r\n", most + 1, "x".repeat(most + 1));
    assert_eq!(answer(&mut driver, wire), refused.to_owned() + "b OK done\r\n");
    // The sum of them has a limit as well.
    let one = format!("{{{most}+}}\r\n{}", "x".repeat(most));
    let said = answer(&mut driver, format!("a X {one}{one}{one}\r\nb NOOP\r\n"));
    assert_eq!(said, refused.to_owned() + "b OK done\r\n");
}

#[test]
fn literals_after_the_login() {
    let mut driver = logged_in(&Shared::new());
    let head = |octets: usize| format!("a X {{{octets}}}\r\n");
    let most = limits::IMAP_COMMAND_BYTES_MAX - (head(10_000).len() - 2);
    assert_eq!(answer(&mut driver, head(most)), "+ go on\r\n");
    let said = answer(&mut driver, "x".repeat(most) + "\r\nb NOOP\r\n");
    assert!(said.starts_with("a BAD ") && said.ends_with("\r\nb OK done\r\n"), "{said}");
    let refused = "a BAD [TOOBIG] the literal is too large\r\n";
    assert_eq!(answer(&mut driver, head(most + 1)), refused);
}

#[test]
fn messages() {
    let shared = Shared::new();
    let config = Config { message_bytes_max: 100, ..open_config() };
    let mut driver = Driver::connect(&shared, &config, None);
    driver.send(b"a LOGIN alice secret\r\n");
    assert!(driver.said().contains(" APPENDLIMIT=100"));
    assert_eq!(answer(&mut driver, "a APPEND INBOX {100}\r\n"), "+ go on\r\n");
    assert_eq!(answer(&mut driver, "y".repeat(100) + "\r\n"), "a OK appended\r\n");
    let refused = "a NO [TOOBIG] the message is larger than APPENDLIMIT\r\n";
    assert_eq!(answer(&mut driver, "a APPEND INBOX {101}\r\n"), refused);
    let wire = "a APPEND INBOX {101+}\r\n".to_owned() + &"z".repeat(101) + "\r\nb NOOP\r\n";
    assert_eq!(answer(&mut driver, wire), refused.to_owned() + "b OK done\r\n");
    assert_eq!(shared.borrow().messages, [b"y".repeat(100)]);
}

#[test]
fn a_message_may_hold_nul() {
    // RFC 3501 9 keeps NUL out of literals; but a message that cannot be kept is lost mail.
    let shared = Shared::new();
    let mut driver = logged_in(&shared);
    let said =
        answer(&mut driver, b"a APPEND INBOX {3+}\r\nx\0y\r\nb NOOP\0\r\nc X {1+}\r\n\0\r\n");
    let nul = "BAD a command must not contain NUL\r\n";
    assert_eq!(said, format!("a OK appended\r\nb {nul}c {nul}"));
    assert_eq!(shared.borrow().messages, [b"x\0y".to_vec()]);
}

#[test]
fn literals_that_are_not_worth_skipping() {
    let most = limits::IMAP_SKIPPED_LITERAL_BYTES_MAX;
    for head in ["X", "LOGIN", "APPEND INBOX"] {
        let mut driver = logged_in(&Shared::new());
        driver.send(format!("a {head} {{{most}+}}\r\n").as_bytes());
        assert_eq!(driver.closed, None, "{head}");
        let mut driver = logged_in(&Shared::new());
        driver.send(format!("a {head} {{{}+}}\r\nevil NOOP\r\n", most + 1).as_bytes());
        assert_eq!(driver.closed, Some(CloseReason::TooLong), "{head}");
        let said = driver.said();
        assert!(said.ends_with("* BYE the literal is too large to be skipped\r\n"), "{said}");
        assert!(said.starts_with("a ") && !said.contains("evil"), "{said}");
    }
    let mut driver = logged_in(&Shared::new());
    let said = answer(&mut driver, "a X {99999999999999999999}\r\nb NOOP\r\n");
    assert_eq!(said, "a BAD [TOOBIG] the literal is too large\r\nb OK done\r\n");
}

#[test]
fn the_largest_response_of_sasl() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    let most = limits::SASL_RESPONSE_BYTES_MAX;
    let text = |octets: usize| base64(&b"x".repeat(octets));
    // Not a response of PLAIN, but it was read.
    for initial in [true, false] {
        let wire = |text: String| match initial {
            true => format!("a AUTHENTICATE PLAIN {text}\r\n"),
            false => format!("a AUTHENTICATE PLAIN\r\n{text}\r\n"),
        };
        let said = answer(&mut driver, wire(text(most)));
        assert!(said.ends_with("a BAD the response breaks the mechanism's rules\r\n"), "{said}");
        let said = answer(&mut driver, wire(text(most + 3)));
        assert!(said.ends_with("a BAD the response is too long\r\n"), "{said}");
    }
    driver.send(b"a AUTHENTICATE PLAIN\r\n");
    driver.send(&b"A".repeat(limits::IMAP_COMMAND_BEFORE_LOGIN_BYTES_MAX));
    assert_eq!(driver.closed, Some(CloseReason::TooLong));
    assert!(shared.borrow().logins.failures.is_empty());
}

#[test]
fn errors() {
    let mut driver = connect(&Shared::new());
    for _ in 1..limits::IMAP_ERRORS_MAX {
        let said = answer(&mut driver, "a XYZZY\r\nb NOOP\r\n");
        assert!(said.starts_with("a BAD ") && said.ends_with("b OK done\r\n"));
        assert_eq!(driver.closed, None);
    }
    let said = answer(&mut driver, "a XYZZY\r\nb NOOP\r\n");
    assert!(said.ends_with("\r\n* BYE too many errors\r\n"), "{said}");
    assert_eq!(driver.closed, Some(CloseReason::Errors));
}

#[test]
fn errors_in_a_row_after_the_login() {
    let mut driver = logged_in(&Shared::new());
    for _ in 0..limits::IMAP_ERRORS_MAX {
        driver.send(b"a XYZZY\r\nb NOOP\r\n");
    }
    assert_eq!(driver.closed, None);
    for _ in 1..limits::IMAP_ERRORS_MAX {
        driver.send(b"a XYZZY\r\n");
    }
    assert_eq!(driver.closed, None);
    driver.send(b"a XYZZY\r\n");
    assert_eq!(driver.closed, Some(CloseReason::Errors));
}

#[test]
fn failed_logins_are_delayed_reported_and_bounded() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    let no = "a NO [AUTHENTICATIONFAILED] wrong name or password\r\n";
    for _ in 1..limits::AUTH_FAILURES_MAX {
        assert_eq!(answer(&mut driver, "a LOGIN alice wrong\r\n"), no);
        assert_eq!(driver.closed, None);
    }
    let said = answer(&mut driver, "a LOGIN alice wrong\r\nb LOGIN alice secret\r\n");
    assert_eq!(said, no.to_owned() + "* BYE too many failed logins\r\n");
    assert_eq!(driver.closed, Some(CloseReason::Logins));
    let shared = shared.borrow();
    let failures = usize::try_from(limits::AUTH_FAILURES_MAX).unwrap();
    assert_eq!(shared.logins.failures, vec![Failure::Refused(Refusal::Credentials); failures]);
    let delays: Vec<_> = (1..=limits::AUTH_FAILURES_MAX).map(|n| limits::IMAP_TARPIT * n).collect();
    assert_eq!(shared.logins.delays, delays);
}

#[test]
fn a_login_tells_its_method() {
    let shared = Shared::new();
    connect(&shared).send(b"a LOGIN alice@example.com secret\r\n");
    connect(&shared).send(b"a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n");
    let want = [LoginMethod::LoginCommand, LoginMethod::Sasl(Mechanism::Plain)];
    assert_eq!(shared.borrow().logins.methods, want);
}

#[test]
fn silence() {
    for idle in ["", "a IDLE\r\n"] {
        let shared = Shared::new();
        let mut driver = logged_in(&shared);
        driver.send(idle.as_bytes());
        driver.said();
        shared.borrow().logins.clock.advance(limits::IMAP_IDLE_MAX - Duration::from_millis(1));
        driver.run();
        assert_eq!(driver.closed, None, "{idle}");
        // Output that the client takes is a sign of life, the beginning of a line is none.
        let now = shared.borrow().logins.clock.now();
        driver.session.written(now);
        shared.borrow().logins.clock.advance(limits::IMAP_IDLE_MAX - Duration::from_millis(1));
        driver.send(b"x");
        assert_eq!(driver.closed, None, "{idle}");
        shared.borrow().logins.clock.advance(Duration::from_millis(1));
        driver.run();
        assert_eq!(driver.said(), "* BYE you were silent for too long\r\n");
        assert_eq!(driver.closed, Some(CloseReason::Timeout));
    }
}

/// What has come of a message is worth time, but no more than its octets.
#[test]
fn a_message_that_comes_slowly() {
    let shared = Shared::new();
    let mut driver = logged_in(&shared);
    let octets = usize::try_from(limits::IMAP_APPEND_BYTES_PER_SECOND_MIN).unwrap();
    driver.send(format!("a APPEND INBOX {{{}}}\r\n", octets + 5).as_bytes());
    driver.send(&b"x".repeat(octets));
    driver.said();
    let millisecond = Duration::from_millis(1);
    shared.borrow().logins.clock.advance(limits::IMAP_IDLE_MAX - millisecond);
    driver.send(b"x");
    shared.borrow().logins.clock.advance(Duration::from_secs(1));
    driver.run();
    assert_eq!(driver.closed, None);
    shared.borrow().logins.clock.advance(millisecond);
    driver.run();
    assert_eq!(driver.said(), "* BYE you were silent for too long\r\n");
    assert_eq!(driver.closed, Some(CloseReason::Timeout));
}

#[test]
fn logging_in_takes_a_bounded_time() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    let end = shared.borrow().logins.clock.now() + limits::IMAP_LOGIN_TOTAL_MAX;
    while shared.borrow().logins.clock.now() + Duration::from_secs(20) < end {
        shared.borrow().logins.clock.advance(Duration::from_secs(20));
        driver.send(b"a NOOP\r\n");
        assert_eq!(driver.closed, None);
    }
    shared.borrow().logins.clock.set(end);
    driver.run();
    assert_eq!(driver.closed, Some(CloseReason::Timeout));
}

#[test]
fn replies_wait_for_the_client() {
    let mut driver = connect(&Shared::new());
    driver.send(&b"a CAPABILITY\r\n".repeat(5000));
    assert!(driver.said().len() > 500_000);
    assert!(driver.output_peak < limits::IMAP_OUTPUT_BYTES_MAX + 1024);
}

#[test]
fn an_idle_session_is_small() {
    let size = std::mem::size_of::<Session>();
    assert!(size <= 1024, "{size} bytes");
}

#[test]
fn clear_text_behind_starttls_is_counted_and_thrown_away() {
    let config = Config { starttls: true, ..config() };
    let mut driver = Driver::connect(&Shared::new(), &config, None);
    driver.said();
    driver.send(b"a STARTTLS\r\nb LOGIN alice secret\r\n");
    assert_eq!(driver.said(), "a OK begin TLS now\r\n");
    assert_eq!(driver.discarded, "b LOGIN alice secret\r\n".len());
    driver.start_tls(&tls(false));
    driver.run();
    assert_eq!(driver.said(), "");
    let said = answer(&mut driver, "c LOGIN alice secret\r\n");
    assert!(said.starts_with("c OK "), "{said}");
}

#[test]
fn draining_lets_commands_end() {
    let shared = Shared::new();
    let bye = "* BYE the server is stopping\r\n";
    let mut silent = logged_in(&shared);
    let mut idling = logged_in(&shared);
    idling.send(b"a IDLE\r\n");
    let mut appending = logged_in(&shared);
    appending.send(b"a APPEND INBOX {5+}\r\nab");
    for driver in [&mut silent, &mut idling, &mut appending] {
        driver.said();
        driver.session.drain();
        driver.run();
    }
    assert_eq!((silent.said().as_str(), silent.closed), (bye, Some(CloseReason::Shutdown)));
    assert_eq!((idling.said().as_str(), idling.closed), (bye, Some(CloseReason::Shutdown)));
    assert_eq!((appending.said().as_str(), appending.closed), ("", None));
    appending.send(b"cde\r\n");
    assert_eq!(appending.said(), format!("a OK appended\r\n{bye}"));
    assert_eq!(shared.borrow().messages, [b"abcde".to_vec()]);
}

#[test]
fn the_driver_ends_a_session() {
    let mut driver = logged_in(&Shared::new());
    let mut out = Vec::new();
    driver.session.close("your password was changed", CloseReason::Revoked, &mut out);
    driver.session.close("twice", CloseReason::Broken, &mut out);
    assert_eq!(out, b"* BYE your password was changed\r\n");
    driver.send(b"a NOOP\r\n");
    assert_eq!((driver.said().as_str(), driver.closed), ("", Some(CloseReason::Revoked)));
}

#[test]
fn appends_that_fail() {
    let wire = b"a APPEND INBOX {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n";
    for (fault, want) in [
        (AppendFault::Refused, "a NO [OVERQUOTA] the mailbox is full\r\nc OK done\r\n"),
        (AppendFault::Broken, "a NO [UNAVAILABLE] the message cannot be kept\r\nc OK done\r\n"),
        (AppendFault::Late, "a NO [OVERQUOTA] the mailbox is full\r\nc OK done\r\n"),
    ] {
        let shared = Shared::new();
        shared.borrow_mut().append_fault = Some(fault);
        let mut driver = logged_in(&shared);
        assert_eq!(answer(&mut driver, wire), want);
        assert!(shared.borrow().messages.is_empty());
    }
}

#[test]
fn what_the_client_says_of_itself() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    let said = answer(&mut driver, "a ID (\"name\" \"mutt\" \"version\" NIL)\r\n");
    assert!(said.starts_with("* ID (\"name\" \"Posthorn\")\r\na OK "), "{said}");
    let said = answer(&mut driver, "a ID NIL\r\n");
    assert!(said.starts_with("* ID (\"name\" \"Posthorn\")\r\na OK "), "{said}");
    assert_eq!(shared.borrow().asked, [r#"Id [("name", Some("mutt")), ("version", None)]"#]);
}

/// RFC 7162 3.1: what enables CONDSTORE, and that the driver knows it with the command.
#[test]
fn commands_that_enable_condstore() {
    for command in [
        "SELECT INBOX (CONDSTORE)",
        "STATUS INBOX (HIGHESTMODSEQ)",
        "FETCH 1 (MODSEQ)",
        "FETCH 1 (FLAGS) (CHANGEDSINCE 5)",
        "STORE 1 (UNCHANGEDSINCE 5) +FLAGS (\\Seen)",
        "SEARCH NOT MODSEQ 5",
        "ENABLE CONDSTORE",
    ] {
        let shared = Shared::new();
        let mut driver = logged_in(&shared);
        driver.send(format!("b SELECT INBOX\r\nc {command}\r\n").as_bytes());
        let said = driver.said();
        assert!(said.ends_with("c OK done\r\n") || said.contains("c OK [READ-WRITE]"), "{said}");
        let asked = shared.borrow().asked.clone();
        let [before, after] = asked.as_slice() else { panic!("{asked:?}") };
        assert!(before.ends_with("Enabled { condstore: false, qresync: false }"), "{before}");
        assert!(
            after.ends_with("Enabled { condstore: true, qresync: false }"),
            "{command} {after}"
        );
    }
}

#[test]
fn qresync_is_enabled_before_it_is_used() {
    let shared = Shared::new();
    let mut driver = logged_in(&shared);
    let select = "b SELECT INBOX (QRESYNC (1 20))\r\n";
    let bad = "b BAD [CLIENTBUG] ENABLE QRESYNC first\r\n";
    assert_eq!(answer(&mut driver, select), bad);
    driver.send(b"b SELECT INBOX\r\n");
    driver.said();
    assert_eq!(answer(&mut driver, "b UID FETCH 1 (FLAGS) (CHANGEDSINCE 5 VANISHED)\r\n"), bad);
    assert_eq!(answer(&mut driver, "b ENABLE QRESYNC X\r\n"), "* ENABLED QRESYNC\r\nb OK done\r\n");
    assert!(answer(&mut driver, select).starts_with("b OK "));
    let asked = shared.borrow().asked.last().cloned().unwrap();
    assert!(asked.ends_with("Enabled { condstore: true, qresync: true }"), "{asked}");
    // What is not known is passed over (RFC 5161 3.1).
    assert_eq!(answer(&mut driver, "b ENABLE X\r\n"), "* ENABLED\r\nb OK done\r\n");
}

#[test]
fn a_mailbox_that_is_gone_is_no_longer_selected() {
    let mut driver = logged_in(&Shared::new());
    driver.send(b"a SELECT INBOX\r\n");
    driver.said();
    assert_eq!(answer(&mut driver, "b CHECK\r\n"), "b OK done\r\n");
    for deselects in ["b SELECT other\r\n", "b CLOSE\r\n", "b UNSELECT\r\n"] {
        driver.send(b"a EXAMINE INBOX\r\n");
        driver.send(deselects.as_bytes());
        driver.said();
        assert_eq!(answer(&mut driver, "c CHECK\r\n"), "c BAD no mailbox is selected\r\n");
    }
}

#[test]
fn scram_with_channel_binding() {
    let tls = tls(false);
    let mut driver = Driver::connect(&Shared::new(), &config(), Some(&tls));
    driver.said();
    let binding = Binding::Bound { name: "tls-exporter", data: &[4; 32] };
    let password = Secret::new("secret".into());
    let (client, first) = AwaitFirst::start("alice", None, password, binding, &[2; 18]).unwrap();
    driver.send(format!("a AUTHENTICATE SCRAM-SHA-256-PLUS {}\r\n", base64(&first)).as_bytes());
    let (client, last) = client.server_first(&challenge(&mut driver)).unwrap();
    driver.send(format!("{}\r\n", base64(&last)).as_bytes());
    client.server_final(&challenge(&mut driver)).unwrap();
    driver.send(b"\r\n");
    assert!(driver.said().starts_with("a OK [CAPABILITY "));
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

fn challenge(driver: &mut Driver) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let said = driver.said();
    STANDARD.decode(said.strip_prefix("+ ").unwrap().trim_end()).unwrap()
}
