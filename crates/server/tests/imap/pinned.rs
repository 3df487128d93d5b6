//! What sessions hold of a mailbox that others have changed since: those that are silent, or slow,
//! are cut when it is too much. Time goes on at the test's word.

use crate::{log, support};
use posthorn_base::{AccountId, Flags, MailboxName, Uid};
use posthorn_server::run::{Running, ServiceKind};
use posthorn_store::mail::{FindMailbox, FlagAction, ListUids, StoreFlags, bulk};
use posthorn_store::view::Entry;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{advance, pause, resume, sleep};

const MESSAGES: u32 = 1000;
/// What a view of so many takes.
const VIEW_BYTES: usize = MESSAGES as usize * size_of::<Entry>();
/// More of all of them than the buffers between the server and a client hold.
const MESSAGE_BYTES: usize = 20_000;
/// How often sessions are looked at.
const CHECK: Duration = Duration::from_secs(30);

struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Client {
    /// Logged in as alice, with INBOX selected.
    async fn selected(running: &Running) -> Client {
        let addresses = running.addresses();
        let server = addresses.iter().find(|(kind, _)| *kind == ServiceKind::Imap).unwrap().1;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(server).await.unwrap();
        let address = stream.local_addr().unwrap();
        let mut client = Client { stream: BufReader::with_capacity(64, stream), address };
        client.line().await;
        client.ok("LOGIN alice@example.com password").await;
        client.ok("SELECT INBOX").await;
        client
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        // An end is an empty line.
        let _ = self.stream.read_line(&mut line).await;
        line
    }

    async fn say(&mut self, command: &str) {
        self.stream.write_all(format!("t {command}\r\n").as_bytes()).await.unwrap();
    }

    async fn ok(&mut self, command: &str) {
        self.say(command).await;
        self.finish().await;
    }

    /// Reads to the end of a command that succeeds.
    async fn finish(&mut self) {
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "the server hung up");
            if line.starts_with("t ") {
                assert!(line.starts_with("t OK"), "{line}");
                return;
            }
        }
    }
}

struct Place {
    running: Running,
    alice: AccountId,
    _dir: tempfile::TempDir,
}

impl Place {
    async fn start(pinned_views: usize) -> Place {
        log::keep();
        let dir = tempfile::tempdir().unwrap();
        let mut settings = support::settings(dir.path());
        settings.pinned_views = pinned_views;
        let (running, [alice, _]) = support::start(dir.path(), settings).await;
        let place = Place { running, alice, _dir: dir };
        let mut client = place.select().await;
        let mut count = 1;
        client.stream.write_all(b"t APPEND INBOX {20000+}\r\n").await.unwrap();
        client.stream.write_all(&[b'x'; MESSAGE_BYTES]).await.unwrap();
        client.stream.write_all(b"\r\n").await.unwrap();
        client.finish().await;
        while count < MESSAGES {
            let more = count.min(MESSAGES - count);
            client.ok(&format!("COPY 1:{more} INBOX")).await;
            count += more;
        }
        place
    }

    async fn select(&self) -> Client {
        Client::selected(&self.running).await
    }

    /// Another flag on every message.
    async fn change(&self, action: FlagAction) {
        let engine = &self.running.node().engine;
        let inbox = FindMailbox::Name(self.alice, MailboxName::parse("INBOX").unwrap());
        let mailbox = engine.read(&inbox).await.unwrap().unwrap().id;
        let list = ListUids { account: self.alice, mailbox };
        let uids: Vec<Uid> = engine.read(&list).await.unwrap();
        let change = StoreFlags {
            account: self.alice,
            mailbox,
            uids,
            action,
            flags: Flags::FLAGGED,
            keywords: Vec::new(),
            unchanged_since: None,
        };
        bulk::store_flags(engine, change).await.unwrap();
        // Somebody looks at it, so that it is held as it is now.
        self.select().await;
    }

    async fn half_a_minute_later(&self) {
        pause();
        advance(CHECK + Duration::from_secs(1)).await;
        resume();
        // The sessions have their turn.
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn of_silent_sessions_that_hold_too_much_one_is_cut() {
    let place = Place::start(VIEW_BYTES * 3 / 2).await;
    // Who knows the same holds it together.
    let mut same = [place.select().await, place.select().await, place.select().await];
    place.change(FlagAction::Add).await;
    place.half_a_minute_later().await;
    for client in &mut same {
        client.ok("NOOP").await;
    }
    drop(same);

    let mut first = place.select().await;
    place.change(FlagAction::Remove).await;
    let mut second = place.select().await;
    place.change(FlagAction::Add).await;
    let mut newest = place.select().await;
    place.half_a_minute_later().await;
    let (line, gone, other) = tokio::select! {
        line = first.line() => (line, first.address, &mut second),
        line = second.line() => (line, second.address, &mut first),
    };
    assert!(line.starts_with("* BYE "), "{line}");
    log::wait_for(gone, "silent while its mailbox changed");
    other.ok("NOOP").await;
    newest.ok("NOOP").await;
    place.running.stop().await;
}

#[tokio::test]
async fn who_takes_an_answer_slowly_is_cut_when_that_holds_too_much() {
    let place = Place::start(VIEW_BYTES / 2).await;
    let (mut slow, mut quick) = (place.select().await, place.select().await);
    slow.say("FETCH 1:* BODY.PEEK[]").await;
    assert!(slow.line().await.starts_with("* 1 FETCH "));
    place.change(FlagAction::Add).await;
    quick.ok("NOOP").await;
    place.half_a_minute_later().await;
    while !slow.line().await.is_empty() {}
    log::wait_for(slow.address, "slow while its mailbox changed");
    quick.ok("FETCH 1:* BODY.PEEK[]").await;
    place.running.stop().await;
}
