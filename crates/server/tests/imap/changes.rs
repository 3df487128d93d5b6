//! What a client is told of changes, where that is much, and where they fail.

use crate::fetch::Client;
use crate::server::Server;
use posthorn_base::{Uid, limits};
use posthorn_store::mail::{Expunge, bulk};

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
