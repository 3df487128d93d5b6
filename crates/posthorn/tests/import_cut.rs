//! Imports that are cut off by SIGKILL, of the command and of the server, and taken up again: every
//! message once, with its flags and its date.

#![cfg(test)]

mod common;

use common::{Demo, command, good, json};
use posthorn_server::control::operations::{ImportItem, ImportRequest};
use posthorn_server::control::{Client, ControlError, Event, Refusal, RefusalKind, Request};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

/// So many that no machine imports them between two looks.
const MESSAGES: usize = 3000;
/// 2026-01-01 00:00:00 UTC, when the first one came; the others came on the same day.
const BEGAN: u64 = 1_767_225_600;

/// Seconds between the first one and this one.
fn since(n: usize) -> u64 {
    n as u64 * 20
}

fn received(n: usize) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(BEGAN + since(n))
}

fn flags(n: usize) -> &'static [&'static str] {
    match n % 4 {
        0 => &["\\Seen"],
        1 => &["\\Answered", "\\Seen"],
        2 => &["\\Flagged"],
        _ => &[],
    }
}

fn text(n: usize) -> String {
    format!(
        "From: A <a@example.com>\nSubject: message {n}\nMessage-ID: <{n}@example.com>\n\nHello\n"
    )
}

/// As an mbox; the `import` arguments that name it.
fn mbox(place: &Path) -> Vec<String> {
    let mut all = String::new();
    for n in 0..MESSAGES {
        let at = since(n);
        let clock = format!("{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60);
        let (head, body) =
            text(n).split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (mut status, mut other) = ("O", String::new());
        for flag in flags(n) {
            match *flag {
                "\\Seen" => status = "RO",
                "\\Answered" => other.push('A'),
                _ => other.push('F'),
            }
        }
        write!(
            all,
            "From a@example.com Thu Jan  1 {clock} 2026\n{head}\nStatus: {status}\n\
             X-Status: {other}\n\n{body}\n"
        )
        .expect("a String takes everything");
    }
    let path = place.join("mbox");
    std::fs::write(&path, all).unwrap();
    vec!["--mbox".into(), path.to_str().unwrap().into()]
}

/// As a Maildir.
fn maildir(place: &Path) -> Vec<String> {
    let root = place.join("Maildir");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(root.join(part)).unwrap();
    }
    for n in 0..MESSAGES {
        let letters: String = ["\\Flagged", "\\Answered", "\\Seen"]
            .iter()
            .zip(['F', 'R', 'S'])
            .filter(|(flag, _)| flags(n).contains(flag))
            .map(|(_, letter)| letter)
            .collect();
        let path = root.join(format!("cur/{}.{n}.host:2,{letters}", BEGAN + n as u64));
        std::fs::write(&path, text(n)).unwrap();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(received(n))
            .unwrap();
    }
    vec!["--maildir".into(), root.to_str().unwrap().into()]
}

fn import(dir: &Path, source: &[String]) -> Child {
    let mut arguments = vec!["import", "alice", "Old", "--json"];
    arguments.extend(source.iter().map(String::as_str));
    command(dir, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Imports to the end. The last batch of a command that was killed may still be under way; who
/// meets it is told to start again.
fn import_all(dir: &Path, source: &[String]) -> u64 {
    loop {
        let output = import(dir, source).wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => {
                let done: Value = serde_json::from_slice(&output.stdout).unwrap();
                return done["imported"].as_u64().unwrap();
            }
            Some(75) => assert!(told.contains("start it again"), "{told}"),
            code => panic!("{code:?}: {told}"),
        }
    }
}

fn stored(dir: &Path) -> u64 {
    json(dir, &["store", "sql", "SELECT COUNT(*) AS n FROM placement"])[0]["n"].as_u64().unwrap()
}

/// Waits until some of the messages are stored.
fn is_under_way(dir: &Path, child: &mut Child, more_than: u64) {
    while stored(dir) <= more_than {
        assert_eq!(child.try_wait().unwrap(), None, "the import ended before it was cut off");
    }
}

/// What there must be: by subject the flags and the date.
fn expected() -> BTreeMap<String, (Vec<String>, String)> {
    let one = |n: usize| {
        let at = posthorn_base::Time::from_seconds((BEGAN + since(n)) as i64);
        let flags = flags(n).iter().map(|&flag| flag.to_owned()).collect();
        (format!("message {n}"), (flags, at.to_string()))
    };
    (0..MESSAGES).map(one).collect()
}

#[track_caller]
fn is_whole(dir: &Path) {
    let listed = json(dir, &["message", "list", "alice", "Old"]);
    assert_eq!(listed.len(), MESSAGES, "every message once");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |message: &Value| {
        let mut flags: Vec<String> =
            message["flags"].as_array().unwrap().iter().map(text).collect();
        flags.sort();
        (text(&message["subject"]), (flags, text(&message["received_at"])))
    };
    assert_eq!(listed.iter().map(one).collect::<BTreeMap<_, _>>(), expected());
    assert!(good(dir, &["store", "check", "--deep"]).contains("found 0 faults"));
}

fn cut_off_twice(source: fn(&Path) -> Vec<String>) {
    let mut demo = Demo::start();
    let dir = demo.dir.path().to_owned();
    let files = tempfile::tempdir().unwrap();
    let source = source(files.path());

    // The command goes.
    let mut child = import(&dir, &source);
    is_under_way(&dir, &mut child, 0);
    child.kill().unwrap();
    child.wait().unwrap();

    // The server goes, and takes the second try along.
    let before = stored(&dir);
    let mut child = import(&dir, &source);
    while stored(&dir) <= before + 100 {
        if child.try_wait().unwrap().is_some() {
            child = import(&dir, &source);
        }
    }
    demo.kill();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(74), "{}", String::from_utf8_lossy(&output.stderr));

    // Without a server the command has the store itself.
    let cut = stored(&dir);
    assert!(cut > before && cut < MESSAGES as u64, "{before} and {cut} were stored");
    assert_eq!(import_all(&dir, &source), MESSAGES as u64 - cut, "nothing twice");
    is_whole(&dir);
}

#[test]
fn two_imports_of_one_source_bring_nothing_twice() {
    let demo = Demo::start();
    let begin = || {
        let mut client = Client::connect(demo.dir.path()).unwrap();
        let (account, mailbox) = ("alice".to_owned(), "INBOX".to_owned());
        let request = ImportRequest { account, mailbox, source: "/old.mbox".to_owned() };
        client.send(&Request::Import(request)).unwrap();
        assert!(matches!(client.next_event(), Ok(Event::Item(_))));
        client
    };
    let end = |mut client: Client| {
        let message = ImportItem::Message {
            received: None,
            offset_minutes: 0,
            flags: Vec::new(),
            unique_id: None,
            place: "7".to_owned(),
        };
        client.send_item(&ImportItem::Commit {}).unwrap();
        client.send_item(&message).unwrap();
        client.send_content(b"Subject: once\r\n\r\n").unwrap();
        client.send_end().unwrap();
        client.next_event()
    };
    let (one, two) = (begin(), begin());
    assert_eq!(end(one).unwrap(), Event::Done(1.into()));
    let refused = end(two);
    let is_temporary = |no: &Refusal| no.kind == RefusalKind::Temporary;
    assert!(matches!(&refused, Err(ControlError::Refused(no)) if is_temporary(no)), "{refused:?}");
    assert_eq!(json(demo.dir.path(), &["message", "list", "alice"]).len(), 1);
}

#[test]
fn an_mbox_is_taken_up_again_after_kills() {
    cut_off_twice(mbox);
}

#[test]
fn a_maildir_is_taken_up_again_after_kills() {
    cut_off_twice(maildir);
}
