//! Logins (RFC 4954).

use super::play::*;
use crate::smtp::*;

const EHLO: &str = "EHLO a\r\n";
/// `\0alice@example.com\0secret` and `\0alice@example.com\0wrong`.
const GOOD: &str = "AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==";
const BAD: &str = "AGFsaWNlQGV4YW1wbGUuY29tAHdyb25n";

/// Plays lines after EHLO on port 465; returns the record behind EHLO's reply.
#[track_caller]
fn after_ehlo(lines: &str) -> Vec<String> {
    let scene = Scene::submissions();
    let opened = play(&scene, EHLO.as_bytes()).len();
    let log = play(&scene, format!("{EHLO}{lines}").as_bytes());
    log[opened..].to_vec()
}

#[test]
fn plain_with_and_without_an_initial_response() {
    let want = [
        "? login alice@example.com",
        "S: 235 2.7.0 Authentication succeeded",
        "logged in alice@example.com by PLAIN",
    ];
    assert_eq!(after_ehlo(&format!("AUTH PLAIN {GOOD}\r\n")), want);
    assert_eq!(after_ehlo(&format!("auth plain\r\n{GOOD}\r\n"))[1..], want);
    assert_eq!(after_ehlo(&format!("AUTH PLAIN\r\n{GOOD}\r\n"))[0], "S: 334 ");
}

#[test]
fn login_with_prompts() {
    let log = after_ehlo("AUTH LOGIN\r\nYWxpY2VAZXhhbXBsZS5jb20=\r\nc2VjcmV0\r\n");
    assert_eq!(log[..2], ["S: 334 VXNlcm5hbWU6", "S: 334 UGFzc3dvcmQ6"]);
    assert_eq!(log[2], "? login alice@example.com");
    assert_eq!(log[4], "logged in alice@example.com by LOGIN");
}

#[test]
fn scram_by_our_own_client() {
    use crate::sasl::scram::{AwaitFirst, Binding};
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut play = Play::greeted(&Scene::submissions());
    play.feed(EHLO.as_bytes());
    let (client, first) = AwaitFirst::start(
        "alice@example.com",
        None,
        crate::sasl::Secret::new("secret".into()),
        Binding::Unsupported,
        &[7; 18],
    )
    .unwrap();
    play.feed(format!("AUTH SCRAM-SHA-256 {}\r\n", STANDARD.encode(first)).as_bytes());
    let challenge = |play: &Play| {
        let line = play.log.last().unwrap().strip_prefix("S: 334 ").unwrap().to_owned();
        STANDARD.decode(line).unwrap()
    };
    let (client, last) = client.server_first(&challenge(&play)).unwrap();
    play.feed(format!("{}\r\n", STANDARD.encode(last)).as_bytes());
    client.server_final(&challenge(&play)).unwrap();
    // RFC 4954 4: the server's proof is a challenge, answered by an empty line.
    play.feed(b"\r\n");
    assert_eq!(play.log.last().unwrap(), "logged in alice@example.com by SCRAM-SHA-256");
    assert_eq!(&*play.session.login().unwrap().login, "alice@example.com");
}

#[test]
fn refusals() {
    #[track_caller]
    fn check(lines: &str, want: &[&str]) {
        let log = after_ehlo(lines);
        let got: Vec<&str> = log.iter().filter_map(|l| l.strip_prefix("S: ")).collect();
        let agree = got.len() == want.len() && got.iter().zip(want).all(|(g, w)| g.starts_with(w));
        assert!(agree, "{got:#?}");
    }
    check("AUTH\r\n", &["501 5.5.4"]);
    check("AUTH GSSAPI\r\n", &["504 5.5.4"]);
    check("AUTH EXTERNAL =\r\n", &["504 5.5.4"]);
    check("AUTH PLAIN !!!\r\nNOOP\r\n", &["501 5.5.2", "250 2.0.0"]);
    check("AUTH PLAIN =\r\n", &["501 5.5.2"]);
    check("AUTH LOGIN\r\n*\r\nNOOP\r\n", &["334", "501 5.7.0", "250 2.0.0"]);
    check(&format!("AUTH PLAIN {BAD}\r\n"), &["535 5.7.8"]);
    check(&format!("AUTH PLAIN {GOOD}\r\nAUTH PLAIN {GOOD}\r\n"), &["235", "503 5.5.1 Already"]);
    check("MAIL FROM:<a@b.example>\r\n", &["530 5.7.0 Authentication"]);
    check("VRFY bob\r\n", &["530 5.7.0"]);
    let within = format!("AUTH PLAIN {GOOD}\r\nMAIL FROM:<a@b.example>\r\nAUTH PLAIN {GOOD}\r\n");
    check(&within, &["235", "250 2.1.0", "503 5.5.1"]);
    // EHLO again keeps the login; AUTH= in MAIL is read and ignored.
    let again = format!("AUTH PLAIN {GOOD}\r\nHELO b\r\nMAIL FROM:<a@b.example> AUTH=<>\r\n");
    check(&again, &["235", "250 mx", "250 2.1.0"]);

    let scene = Scene::submissions();
    replies(&scene, &format!("AUTH PLAIN {GOOD}\r\n"), &["503 5.5.1 Say EHLO"]);
    let helo = format!("HELO a\r\nAUTH PLAIN {GOOD}\r\n");
    replies(&scene, &helo, &["250", "503 5.5.1 Say EHLO"]);
}

#[test]
fn no_login_without_tls_unless_configured() {
    let wire = format!("{EHLO}AUTH PLAIN {GOOD}\r\nAUTH FOO\r\nMAIL FROM:<a@b.example>\r\n");
    let scene = Scene::new(Service::Submission);
    let log = play(&scene, wire.as_bytes());
    let tail =
        log[log.len() - 3..].iter().zip(["S: 538 5.7.11 ", "S: 504 5.5.4 ", "S: 530 5.7.0 "]);
    assert!(tail.into_iter().all(|(got, want)| got.starts_with(want)), "{log:?}");
    assert!(log.last().unwrap().contains("STARTTLS"));
    let open = scene.with(|c| c.auth_without_tls = true);
    let log = play(&open, wire.as_bytes());
    assert!(log.iter().any(|l| l == "logged in alice@example.com by PLAIN"));
}

#[test]
fn starttls_drops_the_login() {
    let open = Scene::new(Service::Submission).with(|c| c.auth_without_tls = true);
    let mut play = Play::greeted(&open);
    play.feed(format!("{EHLO}AUTH PLAIN {GOOD}\r\n").as_bytes());
    assert!(play.session.login().is_some());
    play.feed(b"STARTTLS\r\n");
    assert!(play.session.login().is_none());
    play.log.clear();
    play.feed(b"HELO a\r\nMAIL FROM:<a@b.example>\r\n");
    assert!(play.log[1].starts_with("S: 530 5.7.0"));
}

#[test]
fn failed_logins_are_answered_late_and_counted() {
    let line = format!("AUTH PLAIN {BAD}\r\n");
    let log = after_ehlo(&line.repeat(4));
    let once = |n: u32| {
        [
            "? login alice@example.com".to_owned(),
            "S: 535 5.7.8 User name or password is wrong".to_owned(),
            "login failed: wrong name or password".to_owned(),
            format!("delay {n}s"),
        ]
    };
    let mut want: Vec<String> = [once(1), once(2), once(3)].concat();
    want.insert(want.len() - 2, "S: 421 4.7.0 Too many failed logins; closing".into());
    want.push("closed: too many failed logins".into());
    assert_eq!(log, want);
}

#[test]
fn an_endless_response_is_refused_and_ends_the_login() {
    let long = "A".repeat(posthorn_base::limits::SMTP_LINE_BYTES_MAX);
    let log = after_ehlo(&format!("AUTH PLAIN\r\n{long}\r\nNOOP\r\n"));
    assert_eq!(log[1], "S: 500 5.5.6 Line too long");
    assert_eq!(log[2], "login failed: the response is too long");
    assert_eq!(log[3], "S: 250 2.0.0 OK");
    let just = "A".repeat(posthorn_base::limits::SASL_RESPONSE_BYTES_MAX.div_ceil(3) * 4 + 4);
    let log = after_ehlo(&format!("AUTH PLAIN {just}\r\n"));
    assert_eq!(log[0], "S: 500 5.5.6 Authentication response is too long");
}
