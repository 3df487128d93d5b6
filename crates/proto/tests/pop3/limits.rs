//! Each limit, reached and exceeded by one.

use crate::common::tls;
use crate::common::transcripts::Driver as _;
use crate::driver::{Driver, Shared, config};
use posthorn_base::{Clock, limits};
use posthorn_proto::pop3::{CloseReason, Config};
use posthorn_proto::sasl::scram::{AwaitFirst, Binding};
use posthorn_proto::sasl::{Failure, LoginMethod, Mechanism, Refusal, Secret};
use posthorn_testkit::fixtures::SampleMessage;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn open_config() -> Config {
    Config { auth_without_tls: true, ..config() }
}

fn connect(shared: &Rc<RefCell<Shared>>) -> Driver {
    let mut driver = Driver::connect(shared, &open_config(), None);
    assert_eq!(driver.said(), "+OK mail.example.com POP3 ready\r\n");
    driver
}

fn logged_in(shared: &Rc<RefCell<Shared>>) -> Driver {
    let mut driver = connect(shared);
    driver.send(b"USER alice\r\nPASS secret\r\n");
    assert!(driver.said().contains("maildrop has"));
    driver
}

#[test]
fn lines() {
    let mut driver = logged_in(&Shared::new());
    let name = "x".repeat(limits::POP3_LINE_BYTES_MAX - "QUIT \r\n".len());
    driver.send(format!("QUIT {name}\r\n").as_bytes());
    assert_eq!(driver.said(), "-ERR this command takes no arguments\r\n");
    driver.send(format!("QUIT {name}x\r\nCAPA x\r\n").as_bytes());
    let want = "-ERR the line is too long\r\n-ERR this command takes no arguments\r\n";
    assert_eq!(driver.said(), want);
}

#[test]
fn clear_text_behind_stls_is_counted_and_thrown_away() {
    let config = Config { starttls: true, ..config() };
    let mut driver = Driver::connect(&Shared::new(), &config, None);
    driver.send(b"CAPA\r\nSTLS\r\nUSER alice\r\n");
    assert!(driver.said().ends_with("+OK begin TLS\r\n"));
    assert_eq!(driver.discarded, "USER alice\r\n".len());
    driver.start_tls(&tls(false));
    driver.run();
    assert_eq!(driver.said(), "");
}

#[test]
fn credentials() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    let name = "x".repeat(limits::CREDENTIAL_BYTES_MAX);
    driver.send(format!("USER {name}\r\n").as_bytes());
    assert_eq!(driver.said(), "+OK now the password\r\n");
    driver.send(format!("USER {name}x\r\n").as_bytes());
    assert_eq!(driver.said(), "-ERR [AUTH] this is not a login name\r\n");
    driver.send(format!("USER x\r\nPASS {name}\r\nUSER x\r\nPASS {name}x\r\n").as_bytes());
    assert_eq!(shared.borrow().logins.failures.len(), 2);
}

#[test]
fn a_login_tells_its_method() {
    let shared = Shared::new();
    // With the name alice@example.com and the password secret.
    connect(&shared).send(b"USER alice@example.com\r\nPASS secret\r\nQUIT\r\n");
    let plain = b"AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\nQUIT\r\n";
    connect(&shared).send(plain);
    let want = [LoginMethod::UserPass, LoginMethod::Sasl(Mechanism::Plain)];
    assert_eq!(shared.borrow().logins.methods, want);
    assert_eq!(want.map(LoginMethod::name), ["USER/PASS", "PLAIN"]);
}

#[test]
fn errors() {
    let mut driver = connect(&Shared::new());
    for _ in 1..limits::POP3_ERRORS_MAX {
        driver.send(b"HELO\r\n");
        assert_eq!((driver.said().as_str(), driver.closed), ("-ERR unknown command\r\n", None));
    }
    driver.send(b"HELO\r\nNOOP\r\n");
    assert_eq!(driver.said(), "-ERR unknown command\r\n-ERR too many errors\r\n");
    assert_eq!(driver.closed, Some(CloseReason::Errors));
}

#[test]
fn failed_logins_are_delayed_reported_and_bounded() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    for _ in 1..limits::AUTH_FAILURES_MAX {
        driver.send(b"USER alice\r\nPASS wrong\r\n");
        let want = "+OK now the password\r\n-ERR [AUTH] wrong name or password\r\n";
        assert_eq!((driver.said().as_str(), driver.closed), (want, None));
    }
    driver.send(b"USER alice\r\nPASS wrong\r\nUSER alice\r\n");
    assert_eq!(driver.closed, Some(CloseReason::Logins));
    let shared = shared.borrow();
    let failures = usize::try_from(limits::AUTH_FAILURES_MAX).unwrap();
    assert_eq!(shared.logins.failures, vec![Failure::Refused(Refusal::Credentials); failures]);
    let delays: Vec<_> = (1..=limits::AUTH_FAILURES_MAX).map(|n| limits::POP3_TARPIT * n).collect();
    assert_eq!(shared.logins.delays, delays);
}

#[test]
fn silence() {
    let shared = Shared::new();
    shared.borrow_mut().add(SampleMessage::new().build());
    let mut driver = logged_in(&shared);
    driver.send(b"DELE 1\r\n");
    driver.said();
    shared.borrow().logins.clock.advance(limits::POP3_IDLE_MAX - Duration::from_millis(1));
    // An unfinished line is no activity, a whole one is.
    driver.send(b"NOOP");
    assert_eq!(driver.closed, None);
    driver.send(b"\r\n");
    assert_eq!(driver.said(), "+OK nothing done\r\n");
    shared.borrow().logins.clock.advance(limits::POP3_IDLE_MAX);
    driver.send(b"QUIT\r\n");
    assert_eq!((driver.said().as_str(), driver.closed), ("", Some(CloseReason::Timeout)));
    assert_eq!(shared.borrow().messages.len(), 1, "nothing is deleted");
    assert!(!shared.borrow().is_locked, "the lock is free");
}

#[test]
fn logging_in_takes_a_bounded_time() {
    let shared = Shared::new();
    let mut driver = connect(&shared);
    let end = shared.borrow().logins.clock.now() + limits::POP3_LOGIN_TOTAL_MAX;
    while driver.session.deadline().unwrap() < end {
        shared.borrow().logins.clock.advance(Duration::from_secs(60));
        driver.send(b"CAPA\r\n");
        assert_eq!(driver.closed, None);
    }
    shared.borrow().logins.clock.set(end);
    driver.run();
    assert_eq!(driver.closed, Some(CloseReason::Timeout));
}

#[test]
fn output_waits_for_the_client() {
    let shared = Shared::new();
    {
        let mut shared = shared.borrow_mut();
        (0..20_000).for_each(|_| shared.add(b"A: b\r\n\r\nc\r\n".to_vec()));
        shared.add(SampleMessage::new().lines(20_000).build());
        shared.piece = 16 * 1024;
    }
    let mut driver = logged_in(&shared);
    driver.send(b"UIDL\r\nLIST\r\nRETR 20001\r\nNOOP\r\n");
    let said = driver.said();
    assert!(said.len() > 1_000_000 && said.ends_with("\r\n.\r\n+OK nothing done\r\n"));
    assert!(said.contains("\r\n19999 0000002a00004e1f\r\n"));
    let peak = driver.output_peak;
    let bound = limits::POP3_OUTPUT_BYTES_MAX + 20 * 1024;
    assert!(peak < bound, "at most {bound} bytes wait, {peak} did");
}

#[test]
fn replies_wait_for_the_client() {
    let mut driver = connect(&Shared::new());
    driver.send(&b"CAPA\r\n".repeat(5000));
    assert!(driver.said().len() > 500_000);
    assert!(driver.output_peak < limits::POP3_OUTPUT_BYTES_MAX + 512);
}

#[test]
fn top_reads_no_more_than_it_needs() {
    let shared = Shared::new();
    shared.borrow_mut().add(SampleMessage::new().lines(10_000).build());
    shared.borrow_mut().piece = 1024;
    let mut driver = logged_in(&shared);
    driver.send(b"TOP 1 3\r\n");
    assert!(driver.said().ends_with("Line 3 of the message.\r\n.\r\n"));
    assert_eq!(shared.borrow().read, 1024);
}

#[test]
fn draining_spares_open_maildrops() {
    let shared = Shared::new();
    let mut open = logged_in(&shared);
    let mut fresh = connect(&shared);
    for driver in [&mut open, &mut fresh] {
        driver.session.drain();
        driver.send(b"NOOP\r\n");
    }
    assert_eq!((open.said().as_str(), open.closed), ("+OK nothing done\r\n", None));
    assert_eq!(fresh.said(), "-ERR [SYS/TEMP] the server is stopping\r\n");
    assert_eq!(fresh.closed, Some(CloseReason::Shutdown));
}

#[test]
fn scram_with_channel_binding() {
    let tls = tls(false);
    let mut driver = Driver::connect(&Shared::new(), &config(), Some(&tls));
    driver.said();
    let binding = Binding::Bound { name: "tls-exporter", data: &[4; 32] };
    let password = Secret::new("secret".into());
    let (client, first) = AwaitFirst::start("alice", None, password, binding, &[2; 18]).unwrap();
    driver.send(format!("AUTH SCRAM-SHA-256-PLUS {}\r\n", base64(&first)).as_bytes());
    let (client, last) = client.server_first(&challenge(&mut driver)).unwrap();
    driver.send(format!("{}\r\n", base64(&last)).as_bytes());
    client.server_final(&challenge(&mut driver)).unwrap();
    driver.send(b"\r\n");
    assert_eq!(driver.said(), "+OK maildrop has 0 messages (0 octets)\r\n");
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
