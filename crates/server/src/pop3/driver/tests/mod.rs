//! Dialogues over loopback, with a real store.

mod cost;
mod world;

use super::drive;
use crate::conn::ConnectionTimeouts;
use crate::memory::Budget;
use crate::pop3::Maildrops;
use posthorn_base::{Time, limits};
use posthorn_proto::pop3::OpenError;
use posthorn_store::mail::{Expunge, Purge, Purgeable, SetUniqueIds};
use posthorn_testkit::SimClock;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use world::{PREFIX, Sql, line, multi, pass, send, start, start_at, talk, uid};

/// Logins without TLS, where TLS is not what is tested.
fn plaintext(_: &mut super::Setup, config: &mut posthorn_proto::pop3::Config) {
    config.auth_without_tls = true;
}

#[tokio::test]
async fn a_session_from_stls_to_quit() {
    let place = start(|_, _| {}).await;
    place.append(&[b"Subject: one\r\n\r\n.dot\r\nend\r\n", b"Subject: two\r\n\r\nx\ny"]).await;
    let ids = vec![(uid(2), "known".to_owned())];
    let set = SetUniqueIds { account: place.account, mailbox: place.inbox, ids };
    place.node.engine.write(set).await.unwrap();

    let mut stream = place.connect().await;
    talk(&mut stream, &[("USER alice@example.com", "-ERR")]).await;
    assert!(multi(&mut stream, "CAPA").await.contains("STLS\r\n"));
    talk(&mut stream, &[("STLS", "+OK")]).await;
    let mut stream = place.secure(stream).await;
    let capabilities = multi(&mut stream, "CAPA").await;
    assert!(!capabilities.contains("STLS") && capabilities.contains("UIDL"), "{capabilities}");
    talk(&mut stream, &[("USER alice@example.com", "+OK"), (&pass(), "+OK maildrop has 2")]).await;
    let one = format!("{PREFIX}Subject: one\r\n\r\n.dot\r\nend\r\n");
    let two = format!("{PREFIX}Subject: two\r\n\r\nx\r\ny\r\n");
    let stat = format!("+OK 2 {}", one.len() + two.len());
    talk(&mut stream, &[("STAT", &stat)]).await;
    let list = multi(&mut stream, "LIST").await;
    assert_eq!(list, format!("1 {}\r\n2 {}\r\n", one.len(), two.len()));
    let ids = multi(&mut stream, "UIDL").await;
    assert!(ids.ends_with("00000001\r\n2 known\r\n"), "{ids}");
    assert_eq!(multi(&mut stream, "RETR 1").await, one);
    assert_eq!(multi(&mut stream, "RETR 2").await, two, "as long as LIST says");
    let top = format!("{PREFIX}Subject: one\r\n\r\n.dot\r\n");
    assert_eq!(multi(&mut stream, "TOP 1 1").await, top);
    talk(
        &mut stream,
        &[("DELE 1", "+OK"), ("RSET", "+OK"), ("DELE 2", "+OK"), ("QUIT", "+OK goodbye (1 ")],
    )
    .await;
    assert_eq!(line(&mut stream).await, "", "closed");
    assert_eq!(place.uids().await, [1]);
    assert_eq!(place.stop().await.aborted, 0);
}

#[tokio::test]
async fn tls_comes_first_where_it_does() {
    let place = start(|setup, config| {
        setup.implicit_tls = true;
        config.starttls = false;
    })
    .await;
    let tcp = tokio::net::TcpStream::connect(place.address).await.unwrap();
    let mut stream = place.secure(tcp).await;
    assert!(line(&mut stream).await.starts_with("+OK mail.example"));
    talk(&mut stream, &[("USER alice@example.com", "+OK"), (&pass(), "+OK"), ("QUIT", "+OK")])
        .await;
    drop(stream);
    place.stop().await;
}

#[tokio::test]
async fn text_behind_stls_is_dropped() {
    let place = start(|_, _| {}).await;
    let mut stream = place.connect().await;
    talk(&mut stream, &[("STLS\r\nUSER alice@example.com", "+OK")]).await;
    let mut stream = place.secure(stream).await;
    talk(&mut stream, &[(&pass(), "-ERR"), ("QUIT", "+OK")]).await;
    drop(stream);
    place.stop().await;
}

#[tokio::test]
async fn one_session_at_a_time_and_no_deletion_without_quit() {
    let place = start(plaintext).await;
    place.append(&[b"one\r\n", b"two\r\n", b"three\r\n"]).await;
    let mut first = place.log_in().await;
    let mut second = place.connect().await;
    let in_use = [("USER alice@example.com", "+OK"), (&*pass(), "-ERR [IN-USE]")];
    talk(&mut second, &in_use).await;
    talk(&mut first, &[("DELE 1", "+OK")]).await;

    // The lock keeps no other protocol waiting, and the snapshot no news from anybody.
    let (account, mailbox) = (place.account, place.inbox);
    let now = place.node.now();
    let expunge = Expunge { account, mailbox, uids: vec![uid(2)], only_deleted: false, now };
    place.node.engine.write(expunge).await.unwrap();
    place.append(&[b"four\r\n"]).await;
    assert_eq!(place.uids().await, [1, 3, 4]);
    assert!(multi(&mut first, "RETR 2").await.ends_with("two\r\n"));
    let what = Purgeable::EndedBefore(Time::from_millis(i64::MAX));
    let purge = Purge { account, what, limit: 10, reason: "test".into(), now };
    place.node.engine.write(purge).await.unwrap();
    talk(&mut first, &[("RETR 2", "-ERR"), ("RETR 4", "-ERR"), ("STAT", "+OK 2 ")]).await;
    drop(first);

    // The end of a connection is noticed at the server's leisure.
    loop {
        talk(&mut second, &[("USER alice@example.com", "+OK")]).await;
        send(&mut second, &pass()).await;
        if line(&mut second).await.starts_with("+OK maildrop has 3") {
            break;
        }
        tokio::task::yield_now().await;
        // Each answer is a question of its own to the lock.
    }
    talk(&mut second, &[("DELE 1", "+OK"), ("DELE 3", "+OK"), ("QUIT", "+OK goodbye")]).await;
    let mut third = place.log_in().await;
    talk(&mut third, &[("STAT", "+OK 1 ")]).await;
    assert_eq!(place.uids().await, [3]);
    drop((second, third));
    place.stop().await;
}

#[tokio::test]
async fn a_new_login_takes_over_from_a_session_that_was_silent_for_a_minute() {
    let clock = Arc::new(SimClock::new());
    let place = start_at(Arc::clone(&clock) as _, plaintext).await;
    place.append(&[b"one\r\n", b"two\r\n"]).await;
    let mut dead = place.log_in().await;
    talk(&mut dead, &[("DELE 1", "+OK")]).await;
    let mut owner = place.connect().await;
    let in_use = [("USER alice@example.com", "+OK"), (&*pass(), "-ERR [IN-USE]")];
    clock.advance(limits::POP3_SILENCE_MAX - Duration::from_millis(1));
    talk(&mut owner, &in_use).await;
    // A word from the client, and it is not silent any more.
    talk(&mut dead, &[("NOOP", "+OK")]).await;
    clock.advance(limits::POP3_SILENCE_MAX - Duration::from_millis(1));
    talk(&mut owner, &in_use).await;

    clock.advance(Duration::from_millis(1));
    talk(&mut owner, &[("USER alice@example.com", "+OK"), (&pass(), "+OK maildrop has 2")]).await;
    // Neither an answer nor a deletion.
    let _ = dead.try_write(b"QUIT\r\n");
    assert_eq!(line(&mut dead).await, "");
    drop(dead);
    assert_eq!(place.uids().await, [1, 2]);
    // The end of the old session does not open the door to a third.
    let mut third = place.connect().await;
    talk(&mut third, &in_use).await;
    talk(&mut owner, &[("STAT", "+OK 2 "), ("DELE 2", "+OK"), ("QUIT", "+OK goodbye (1 ")]).await;
    assert_eq!(place.uids().await, [1]);
    drop((owner, third));
    assert_eq!(place.stop().await.aborted, 0);
}

/// 700 KB in lines that begin with dots.
fn large() -> Vec<u8> {
    let mut body = b"Subject: large\r\n\r\n".to_vec();
    let mut number = 0;
    while body.len() < 700_000 {
        body.extend_from_slice(format!(".{number} line of a large message\r\n").as_bytes());
        number += 1;
    }
    body
}

#[tokio::test]
async fn large_messages_come_frame_by_frame_and_leave_no_memory_taken() {
    let place = start(plaintext).await;
    let body = large();
    place.append(&[&body, b"small\r\n"]).await;
    let mut stream = place.log_in().await;
    let whole = multi(&mut stream, "RETR 1").await;
    assert!(whole.as_bytes() == [PREFIX.as_bytes(), &body].concat());
    let top = multi(&mut stream, "TOP 1 2").await;
    let lines = ".0 line of a large message\r\n.1 line of a large message\r\n";
    assert_eq!(top, format!("{PREFIX}Subject: large\r\n\r\n{lines}"));
    // Pipelined, and nothing is mixed up.
    send(&mut stream, "RETR 2\r\nRETR 1\r\nQUIT").await;
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    let mut replies = rest.split("\r\n.\r\n");
    assert!(replies.next().unwrap().ends_with("small"));
    assert!(replies.next().unwrap().starts_with(&format!("+OK {}", whole.len())));
    assert!(replies.next().unwrap().starts_with("+OK goodbye"));
    let budget = place.node.budget.clone();
    drop(stream);
    place.stop().await;
    assert_eq!(budget.free(), budget.bytes());
}

#[tokio::test]
async fn damaged_messages_are_never_taken_for_whole_ones() {
    let place = start(plaintext).await;
    place.append(&[&large(), b"small\r\n", b"good\r\n"]).await;
    let damage = Sql("UPDATE body SET data = zeroblob(length(data)) WHERE size = 7");
    place.node.engine.write(damage).await.unwrap();
    let name = place.node.files.list().unwrap().remove(0);
    let name = posthorn_store::bodies::BodyFiles::name(name);
    let path = find(place.dir.path(), &name);
    let mut stored = std::fs::read(&path).unwrap();
    let last = stored.len() - 1;
    stored[last] ^= 1;
    std::fs::write(&path, stored).unwrap();

    let mut stream = place.log_in().await;
    // Nothing was announced yet: the client can be told, and go on.
    talk(&mut stream, &[("RETR 2", "-ERR [SYS/TEMP]"), ("DELE 3", "+OK")]).await;
    send(&mut stream, "RETR 1").await;
    let mut got = Vec::new();
    let end = stream.read_to_end(&mut got).await;
    assert!(end.is_err(), "reset, not closed: {end:?}");
    assert!(!got.ends_with(b"\r\n.\r\n"));
    place.log_in().await;
    assert_eq!(place.uids().await, [1, 2, 3], "nothing was deleted");
    place.stop().await;
}

fn find(dir: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(path.file_name().unwrap().to_str().unwrap()) {
                return path;
            }
        }
    }
    panic!("no file {name}");
}

#[tokio::test]
async fn a_hundred_thousand_messages_take_eight_bytes_each() {
    let place = start(plaintext).await;
    place.append(&[b"one of many\r\n"]).await;
    let fill = Sql("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 100000) INSERT INTO placement (account_id, mailbox_id, uid, email_id, modseq, \
         created_modseq, flags, size, crlf_added, saved_at) SELECT p.account_id, p.mailbox_id, \
         n.i, p.email_id, p.modseq, p.created_modseq, 0, p.size, 0, 0 FROM placement AS p, n");
    place.node.engine.write(fill).await.unwrap();
    let count = Sql("UPDATE mailbox SET uidnext = 100001, total = 100000 WHERE role = 1");
    place.node.engine.write(count).await.unwrap();

    let free = || place.maildrops.snapshots().free();
    let before = free();
    let mut stream = place.log_in().await;
    assert_eq!(before - free(), 800_000);
    let list = multi(&mut stream, "LIST").await;
    assert_eq!(list.lines().count(), 100_000);
    assert!(list.ends_with("100000 41\r\n"), "{:?}", list.lines().last());
    let ids = multi(&mut stream, "UIDL").await;
    assert!(ids.ends_with("000186a0\r\n"));
    talk(&mut stream, &[("RETR 77777", "+OK 41 octets")]).await;
    drop(stream);

    let small = Maildrops::with_snapshots(Arc::clone(&place.node), Budget::new(200_000));
    let refused = small.open(place.account).await;
    assert_eq!(refused.err(), Some(OpenError::Temporary));
    assert_eq!(small.snapshots().free(), small.snapshots().bytes(), "given back");
    place.stop().await;
}

#[tokio::test]
async fn guessing_is_counted_and_then_not_looked_at() {
    let place = start(plaintext).await;
    for wrong in ["PASS wrong", "PASS wrong1", "PASS wrong2"] {
        let mut stream = place.connect().await;
        talk(&mut stream, &[("USER alice@example.com", "+OK"), (wrong, "-ERR [AUTH]")]).await;
    }
    let mut stream = place.connect().await;
    let good = pass();
    talk(&mut stream, &[("USER alice@example.com", "+OK"), (&good, "-ERR [SYS/TEMP]")]).await;
    let blocks = place.node.throttle.blocks(place.node.now());
    assert_eq!(blocks[0].target.to_string(), "127.0.0.0/24 for alice@example.com");
    drop(stream);
    place.stop().await;
}

#[tokio::test]
async fn browsers_and_the_silent_are_hung_up_on() {
    let place = start(|_, config| config.idle_max = Duration::from_millis(30)).await;
    let mut silent = place.connect().await;
    assert_eq!(line(&mut silent).await, "", "RFC 1939 3: without a word");
    let mut browser = place.connect().await;
    send(&mut browser, "GET / HTTP/1.1").await;
    assert_eq!(line(&mut browser).await, "");
    drop((silent, browser));
    place.stop().await;
}

#[tokio::test]
async fn a_stopping_server_lets_open_maildrops_end() {
    let place = start(plaintext).await;
    place.append(&[b"one\r\n"]).await;
    let mut busy = place.log_in().await;
    let mut idle = place.connect().await;
    talk(&mut busy, &[("DELE 1", "+OK")]).await;
    place.source.drain();
    assert!(line(&mut idle).await.starts_with("-ERR [SYS/TEMP]"));
    talk(&mut busy, &[("NOOP", "+OK"), ("QUIT", "+OK goodbye")]).await;
    assert_eq!(place.uids().await, [0; 0]);
    drop((idle, busy));
    let drained = place.stop().await;
    assert_eq!((drained.finished, drained.aborted), (2, 0));
}

#[tokio::test]
async fn who_does_not_read_is_cut_and_the_maildrop_is_free() {
    let place = start(|setup, config| {
        plaintext(setup, config);
        setup.timeouts = ConnectionTimeouts { write: Duration::from_millis(50), ..setup.timeouts };
    })
    .await;
    place.append(&[&large()]).await;
    let mut stuck = place.log_in().await;
    // More than the buffers of both systems take.
    let many = "RETR 1\r\n".repeat(100);
    send(&mut stuck, many.trim_end()).await;
    let locks = Arc::clone(&place.maildrops);
    while locks.open(place.account).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(place.node.budget.free(), place.node.budget.bytes());
    drop(stuck);
    assert_eq!(place.stop().await.aborted, 0);
}

#[tokio::test]
async fn an_idle_connection_is_small() {
    let place = start(|_, _| {}).await;
    let accepted = place.accepted().await;
    let task = drive(accepted, Arc::clone(&place.setup), Arc::clone(&place.maildrops));
    assert!(size_of_val(&task) <= 16 * 1024, "{}", size_of_val(&task));
    const { assert!(limits::CONNECTION_MEMORY_BYTES_MAX >= 64 * 1024) };
}
