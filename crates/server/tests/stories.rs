//! Every kind of event that a story can tell of is produced by a real server, and read back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is how they fail"
)]

mod support;

use posthorn_base::{AccountId, Uid};
use posthorn_server::control::operations::{
    AddressRequest, ImportItem, ImportRequest, ImportStart, MessageRequest, QueueItem, QueueRequest,
};
use posthorn_server::control::{Client, ControlError, Event as Answer, Request};
use posthorn_server::run::{Running, ServiceKind};
use posthorn_server::tls::provider;
use posthorn_store::mail::{CopyMessages, CopyMode, FindMailbox, Mailbox, bulk};
use posthorn_store::queue::{Defer, End};
use posthorn_store::story::{Event, Kind, Label, ListStories, ReadStory, Story};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use support::operations;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

struct Server {
    running: Running,
    certificate: PathBuf,
    alice: AccountId,
    _dir: tempfile::TempDir,
}

impl Server {
    async fn start() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let certificate = support::settings(dir.path()).self_signed.public_path();
        let (running, [alice, _]) = support::start(dir.path(), support::settings(dir.path())).await;
        Server { running, certificate, alice, _dir: dir }
    }

    async fn connect(&self, wanted: ServiceKind) -> Talk<TcpStream> {
        let (_, address) =
            self.running.addresses().iter().find(|(kind, _)| *kind == wanted).unwrap();
        let mut talk = Talk(BufReader::new(TcpStream::connect(address).await.unwrap()));
        talk.line().await;
        talk
    }

    async fn stories(&self) -> Vec<Story> {
        let engine = &self.running.store().engine;
        let list = ListStories { account: None, before: None, limit: 100 };
        let mut stories = Vec::new();
        for story in engine.read(&list).await.unwrap() {
            let read = ReadStory { arrival: story.arrival, account: None };
            stories.push(engine.read(&read).await.unwrap().unwrap());
        }
        stories
    }

    async fn mailbox(&self, name: &str) -> Mailbox {
        let name = posthorn_base::MailboxName::parse(name).unwrap();
        let find = FindMailbox::Name(self.alice, name);
        self.running.store().engine.read(&find).await.unwrap().unwrap()
    }

    /// Has commands done as the control socket has them done.
    fn command<T>(&self, ask: impl FnOnce(&mut Client) -> Result<T, ControlError>) -> T {
        let operations = operations(&self.running);
        tokio::task::block_in_place(|| {
            let make = || async { Ok::<_, ControlError>(operations) };
            ask(&mut Client::in_process(|| Ok(()), make)?)
        })
        .unwrap()
    }
}

/// A dialogue in lines.
struct Talk<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line
    }

    /// Says a line and returns the last line of the reply.
    async fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.0.get_mut().flush().await.unwrap();
        loop {
            let reply = self.line().await;
            if reply.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Says lines, the reply to each of which must begin as told.
    async fn all(&mut self, dialogue: &[(&str, &str)]) {
        for (line, want) in dialogue {
            let reply = self.say(line).await;
            assert!(reply.starts_with(want), "{line}: {reply}");
        }
    }
}

impl Talk<TcpStream> {
    async fn start_tls(
        mut self,
        certificate: &Path,
    ) -> Talk<tokio_rustls::client::TlsStream<TcpStream>> {
        self.all(&[("EHLO client.example", "250"), ("STARTTLS", "220")]).await;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, self.0.into_inner()).await.unwrap();
        Talk(BufReader::new(stream))
    }
}

/// A message with everything that submission completes, for an account, an alias that discards,
/// another system, and somebody who does not exist.
async fn submit(server: &Server) {
    let talk = server.connect(ServiceKind::Submission).await;
    let mut talk = talk.start_tls(&server.certificate).await;
    talk.all(&[
        ("EHLO client.example", "250"),
        // \0alice@example.com\0password
        ("AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHBhc3N3b3Jk", "235"),
        ("MAIL FROM:<alice@example.com>", "250"),
        ("RCPT TO:<alice+tag@example.com>", "250"),
        ("RCPT TO:<nobody@example.com>", "550"),
        ("RCPT TO:<noreply@example.com>", "250"),
        ("RCPT TO:<carol@elsewhere.example>", "250"),
        ("RCPT TO:<dave@elsewhere.example>", "250"),
        ("DATA", "354"),
        ("From: alice@example.com\r\nSubject: hi\r\n\r\nHello\r\n.", "250"),
        ("QUIT", "221"),
    ])
    .await;
}

/// A message that goes round in circles.
async fn refused(server: &Server) {
    let mut talk = server.connect(ServiceKind::Smtp).await;
    let loops = "Received: from a by b; Fri, 8 Jul 2011 12:08:34 +0000\r\n".repeat(101);
    talk.all(&[
        ("EHLO client.example", "250"),
        ("MAIL FROM:<x@elsewhere.example>", "250"),
        ("RCPT TO:<alice@example.com>", "250"),
        ("DATA", "354"),
        (&format!("{loops}\r\nHello\r\n."), "554"),
        ("QUIT", "221"),
    ])
    .await;
}

fn import(client: &mut Client) -> Result<(), ControlError> {
    client.send(&Request::Import(ImportRequest {
        account: "alice@example.com".to_owned(),
        mailbox: "INBOX".to_owned(),
        source: "/old/mbox".to_owned(),
    }))?;
    let Answer::Item(start) = client.next_event()? else { panic!("no start") };
    let start: ImportStart = serde_json::from_value(start).unwrap();
    assert_eq!(start.state, None);
    client.send_item(&ImportItem::Message {
        received: Some(0),
        offset_minutes: 0,
        flags: vec!["\\Seen".to_owned()],
        unique_id: None,
        place: "1".to_owned(),
    })?;
    client.send_content(b"Subject: old\r\n\r\n")?;
    client.send_end()?;
    assert_eq!(client.next_event()?, Answer::Done(Value::from(1)));
    Ok(())
}

/// Copied, moved, expunged by POP3, restored and purged.
async fn move_about(server: &Server) {
    let engine = &server.running.store().engine;
    let (inbox, archive) = (server.mailbox("INBOX").await, server.mailbox("Archive").await);
    let (account, now) = (server.alice, server.running.node().now());
    for (uid, mode) in [(1, CopyMode::Copy), (2, CopyMode::Move)] {
        let uids = vec![Uid::new(uid).unwrap()];
        let copy = CopyMessages { account, from: inbox.id, to: archive.id, uids, mode, now };
        bulk::copy(engine, copy).await.unwrap();
    }
    let mut pop3 = server.connect(ServiceKind::Pop3).await;
    pop3.all(&[
        ("USER alice@example.com", "+OK"),
        ("PASS password", "+OK"),
        ("DELE 1", "+OK"),
        ("QUIT", "+OK"),
    ])
    .await;
    server.command(|client| {
        let (account, ids) = ("alice@example.com".to_owned(), Vec::new());
        let restore = MessageRequest::Restore { account, ids };
        assert_eq!(client.ask::<usize>(&Request::Message(restore))?, 1);
        Ok(())
    });
    // The copy in Archive holds the same email: for the email to be purged, both must go.
    for name in ["INBOX", "Archive"] {
        let mailbox = server.mailbox(name).await.id;
        let uids = (1..10).filter_map(Uid::new).collect();
        let expunge =
            posthorn_store::mail::Expunge { account, mailbox, uids, only_deleted: false, now };
        bulk::expunge(engine, expunge).await.unwrap();
    }
    server.command(|client| {
        let purge = MessageRequest::Purge { account: None, ids: Vec::new() };
        client.ask::<usize>(&Request::Message(purge))
    });
}

/// Held and removed by an operator; tried without success, and delivered.
async fn send_on(server: &Server) {
    let rows = server.command(|client| {
        let mut rows: Vec<QueueItem> = Vec::new();
        let list = QueueRequest::List { domain: None, arrival: None };
        client.list::<_, (), ControlError>(&Request::Queue(list), |row| {
            rows.push(row);
            Ok(())
        })?;
        let id = rows[0].id.clone();
        client.ask::<()>(&Request::Queue(QueueRequest::Hold { id: id.clone() }))?;
        client.ask::<()>(&Request::Queue(QueueRequest::Remove { id }))?;
        Ok(rows)
    });
    assert_eq!(rows.len(), 2);
    let node = server.running.node();
    let (queue_id, now) = (rows[1].id.parse().unwrap(), node.now());
    let defer = Defer {
        queue_id,
        event_id: node.next_id(),
        now,
        due_at: now + Duration::from_secs(60),
        reply: "451 4.7.1 come back later".to_owned(),
        whole_destination: false,
    };
    node.engine.write(defer).await.unwrap();
    let event = Event::new(now, Kind::Ended).with(Label::Outcome, "delivered");
    let end = End { queue_id, event_id: node.next_id(), now, event, destination_works: true };
    node.engine.write(end).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_kind_of_event_is_produced() {
    let server = Server::start().await;
    server.command(|client| {
        let (name, targets) = ("noreply@example.com".to_owned(), vec!["discard".to_owned()]);
        client.ask::<()>(&Request::Address(AddressRequest::AddAlias {
            name,
            targets,
            allow_dangling: false,
        }))
    });
    submit(&server).await;
    refused(&server).await;
    server.command(import);
    move_about(&server).await;
    send_on(&server).await;
    // Refusals are written when nobody waits for them: the end waits.
    let stories = loop {
        let stories = server.stories().await;
        if stories.iter().any(|s| s.events.iter().any(|e| e.kind == Kind::Refused)) {
            break stories;
        }
        tokio::task::yield_now().await;
    };

    let produced: BTreeSet<Kind> =
        stories.iter().flat_map(|story| &story.events).map(|event| event.kind).collect();
    let missing: Vec<&str> =
        Kind::ALL.iter().filter(|kind| !produced.contains(kind)).map(|kind| kind.word()).collect();
    assert!(missing.is_empty(), "no story tells of {missing:?}");

    let is_submitted = |story: &&Story| story.events.iter().any(|e| e.kind == Kind::LoggedIn);
    let submitted = stories.iter().find(is_submitted).unwrap();
    let tells = |kind: Kind, label: Label, want: &str| {
        let mut events = submitted.events.iter().filter(|event| event.kind == kind);
        let found = events.any(|event| event.detail(label).is_some_and(|text| text.contains(want)));
        assert!(found, "{} does not tell {want:?}: {submitted:#?}", kind.word());
    };
    tells(Kind::Connected, Label::Peer, "127.0.0.1:");
    tells(Kind::Connected, Label::Service, "submission");
    tells(Kind::Encrypted, Label::Version, "1.3");
    tells(Kind::LoggedIn, Label::Login, "alice@example.com");
    tells(Kind::LoggedIn, Label::Mechanism, "PLAIN");
    tells(Kind::Sender, Label::Address, "alice@example.com");
    tells(Kind::Resolved, Label::Address, "alice+tag@example.com");
    tells(Kind::RecipientRefused, Label::Address, "nobody@example.com");
    tells(Kind::Discarded, Label::Address, "noreply@example.com");
    tells(Kind::Routed, Label::NextHop, "elsewhere.example");
    tells(Kind::Placed, Label::Mailbox, "INBOX");
    tells(Kind::Copied, Label::To, "Archive");
    server.running.stop().await;
}
