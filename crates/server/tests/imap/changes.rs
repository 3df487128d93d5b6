//! What a client is told of changes, where that is much, and where they fail.

use crate::fetch::Client;
use crate::server::Server;
use posthorn_base::{Uid, limits};
use posthorn_store::mail::{Expunge, bulk};
use posthorn_store::story::{Kind, Label, ListStories, ReadStory};

/// Expunges these messages of INBOX, as another session would.
fn expunge(server: &Server, uids: Vec<Uid>) {
    let node = server.node();
    let (account, mailbox) = (server.alice, server.inbox());
    let expunge = Expunge { account, mailbox, uids, only_deleted: false, now: node.now() };
    server.runtime.block_on(bulk::expunge(&node.engine, expunge)).unwrap();
}

/// The ranges of all VANISHED among the responses; none of their lines is long.
#[track_caller]
fn vanished(responses: &[u8], word: &str) -> Vec<String> {
    let text = std::str::from_utf8(responses).unwrap();
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(word)).collect();
    assert!(lines.len() > 1, "{} line", lines.len());
    assert!(lines.iter().all(|line| line.len() < 22 * 1024));
    lines.into_iter().flat_map(|line| line.split(',')).map(str::to_owned).collect()
}

#[test]
fn much_that_vanished_is_told_in_several_lines() {
    const HALF: u32 = 1050;
    let server = Server::start();
    let mut letters: Vec<_> =
        (0..2 * HALF).map(|_| server.letter(b"", b"Subject: x\r\n\r\n")).collect();
    while !letters.is_empty() {
        let rest = letters.split_off(letters.len().min(limits::BULK_STEP_MESSAGES));
        server.arrive_together(std::mem::replace(&mut letters, rest));
    }
    let mut client = Client::new(&server);
    client.ok("ENABLE QRESYNC");
    let selected = String::from_utf8(client.ok("SELECT INBOX")).unwrap();
    let number = |word: &str| {
        let (_, behind) = selected.split_once(word).unwrap();
        behind.split(']').next().unwrap().parse::<u64>().unwrap()
    };
    let (since, validity) = (number("[HIGHESTMODSEQ "), number("[UIDVALIDITY "));
    expunge(&server, (1..=HALF).filter_map(|n| Uid::new(2 * n)).collect());
    let want: Vec<String> = (1..=HALF).map(|n| (2 * n).to_string()).collect();

    let fetch = format!("UID FETCH 1:* (UID) (CHANGEDSINCE {since} VANISHED)");
    let mut other = Client::new(&server);
    other.ok("ENABLE QRESYNC");
    other.ok("SELECT INBOX");
    assert_eq!(vanished(&other.ok(&fetch), "* VANISHED (EARLIER) "), want);
    let select = format!("SELECT INBOX (QRESYNC ({validity} {since}))");
    assert_eq!(vanished(&other.ok(&select), "* VANISHED (EARLIER) "), want);
    assert_eq!(vanished(&client.ok("NOOP"), "* VANISHED "), want);
}

/// Who reads mail gets it, also when it cannot be marked as read.
#[test]
fn mail_is_shown_when_seen_cannot_be_stored() {
    let server = Server::start();
    server.arrive(b"", b"Subject: x\r\n\r\ntext\r\n");
    let mut client = Client::selected(&server);
    server.break_flags();
    client.expect("FETCH 1 BODY[TEXT]", b"* 1 FETCH (BODY[TEXT] {6}\r\ntext\r\n)\r\n");
    client.expect("FETCH 1 FLAGS", b"* 1 FETCH (FLAGS (\\Recent))\r\n");
    let (_, refused) = client.command("STORE 1 +FLAGS (\\Seen)");
    assert!(refused.starts_with("NO "), "who asks for the flag itself hears of it: {refused}");
}

/// An account's keywords are those that are in use: others make room when there is none left.
#[test]
fn keywords_that_no_message_carries_make_room_for_others() {
    let server = Server::start();
    for _ in 0..2 {
        server.arrive(b"", b"Subject: x\r\n\r\ntext\r\n");
    }
    let all: Vec<String> = (0..limits::KEYWORDS_PER_ACCOUNT_MAX).map(|n| format!("k{n}")).collect();
    let mut client = Client::selected(&server);
    let mut other = Client::selected(&server);
    client.ok(&format!("STORE 1 FLAGS.SILENT ({})", all.join(" ")));
    other.ok("NOOP");
    let (_, full) = client.command("STORE 2 +FLAGS (new)");
    assert!(full.starts_with("NO [LIMIT] "), "{full}");
    let wildcard = |client: &mut Client| {
        let selected = String::from_utf8(client.ok("SELECT INBOX")).unwrap();
        let line = selected.lines().find(|line| line.contains("[PERMANENTFLAGS ")).unwrap();
        line.contains("\\*")
    };
    assert!(!wildcard(&mut Client::new(&server)), "there is no room for more");

    client.ok("STORE 1 FLAGS.SILENT (k0)");
    let told = String::from_utf8(client.ok("STORE 2 +FLAGS (new)")).unwrap();
    assert!(told.ends_with("* 2 FETCH (FLAGS (\\Recent new))\r\n"), "{told}");
    assert!(client.append("INBOX (newer)", b"Subject: y\r\n\r\n").starts_with("OK "));
    assert!(wildcard(&mut Client::new(&server)), "and now there is");

    // Who was told of them before shows them until it is told of the change.
    let old = String::from_utf8(other.ok("FETCH 1 UID")).unwrap();
    assert!(old.contains("* 1 FETCH (FLAGS (k0))\r\n"), "{old}");
    assert!(old.contains("* 2 FETCH (FLAGS (new))\r\n"), "{old}");
    other.expect("FETCH 1 FLAGS", b"* 1 FETCH (FLAGS (k0))\r\n");
}

#[test]
fn the_story_of_an_append_says_who_and_from_where() {
    let server = Server::start();
    let mut client = Client::new(&server);
    assert!(client.append("INBOX", b"Subject: y\r\n\r\n").starts_with("OK "));
    let engine = &server.node().engine;
    let list = ListStories { account: Some(server.alice), before: None, limit: 10 };
    let stories = server.runtime.block_on(engine.read(&list)).unwrap();
    let read = ReadStory { arrival: stories[0].arrival, account: Some(server.alice) };
    let story = server.runtime.block_on(engine.read(&read)).unwrap().unwrap();
    let event = story.events.iter().find(|event| event.kind == Kind::Appended).unwrap();
    let detail = |label| event.details.iter().find(|(l, _)| *l == label).map(|(_, d)| d.as_str());
    assert_eq!(detail(Label::Peer), Some("127.0.0.1"));
    assert_eq!(detail(Label::Login), Some("alice@example.com"));
    assert_eq!(detail(Label::Mechanism), Some("LOGIN command"));
}
