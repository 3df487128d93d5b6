//! A server of POP3 on loopback, over a real store with an account in it.

use super::super::{Setup, drive};
use crate::auth::{AuthConfig, Authenticator, Hashing, app_credential};
use crate::conn::ConnectionTimeouts;
use crate::intake::{LargeMessages, Refusals};
use crate::listen::{
    Accepted, ConnectionLimits, Door, Drained, LimitsConfig, RefusalTexts, Service, bind, serve,
};
use crate::memory::Budget;
use crate::network::Exemptions;
use crate::node::{Node, SharedClock};
use crate::open::{EngineSettings, OpenStore, StoreSettings};
use crate::pop3::Maildrops;
use crate::shutdown::{self, ShutdownSource};
use crate::spool::SpoolDir;
use crate::system::{Ids, SystemClock};
use crate::test_accounts::create_alice;
use crate::throttle::{Throttle, ThrottleConfig};
use crate::tls::tests::{Issued, NOW};
use crate::tls::{Alpn, Offer, Tls, TlsConfig};
use bytes::Bytes;
use posthorn_base::{
    AccountId, ArrivalId, Clock, Domain, Flags, MailboxId, MailboxName, Uid, ZonedTime,
};
use posthorn_proto::pop3;
use posthorn_proto::sasl::Secret;
use posthorn_store::bodies::BodyWriter;
use posthorn_store::directory::Scopes;
use posthorn_store::mail::{Append, EmailFacts, FindMailbox, ListMessages, NewMessage, ThreadKeys};
use posthorn_store::{Operation, StoreError, Tx, stmt};
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

pub(super) const PREFIX: &str = "Return-Path: <a@b.example>\r\n";
pub(super) const PASSWORD: &str = "abcde-fghij-kmnpq";

pub(super) struct Place {
    pub(super) address: SocketAddr,
    pub(super) node: Arc<Node>,
    pub(super) account: AccountId,
    pub(super) inbox: MailboxId,
    pub(super) source: ShutdownSource,
    pub(super) maildrops: Arc<Maildrops>,
    pub(super) dir: tempfile::TempDir,
    pub(super) setup: Arc<Setup>,
    connector: TlsConnector,
    task: JoinHandle<Drained>,
}

/// A node whose store has alice in it.
async fn node(
    dir: &tempfile::TempDir,
    tls: Tls,
    clock: Arc<dyn SharedClock>,
) -> (Arc<Node>, AccountId) {
    let engine = EngineSettings::sqlite(0);
    let settings = StoreSettings::new(dir.path().join("store"), engine);
    let store = OpenStore::open(&settings, clock.as_ref()).await.unwrap();
    let hashing = Hashing {
        argon2_kib: 64,
        argon2_passes: 1,
        scram_iterations: NonZeroU32::new(4096).unwrap(),
    };
    let budget = Budget::default();
    let exempt = Exemptions(Vec::new());
    let throttle = ThrottleConfig {
        exempt,
        account_login_failures_per_hour: 2,
        tarpit_ms: 1,
        ..ThrottleConfig::default()
    };
    let node = Arc::new(Node {
        hostname: Domain::parse("mail.example").unwrap(),
        files: store.files.clone(),
        hub: Arc::clone(&store.hub),
        views: Arc::clone(store.hub.views()),
        auth: Authenticator::new(
            Arc::clone(&store.engine),
            Arc::clone(&store.hub),
            Arc::clone(&clock) as _,
            store.meta.secret,
            AuthConfig { hashing, ..AuthConfig::default() },
        ),
        refusals: Refusals::new(Arc::clone(&store.engine)),
        engine: store.engine,
        throttle: Arc::new(Throttle::new(throttle)),
        spool: SpoolDir::open(&dir.path().join("spool"), budget.clone()).unwrap(),
        large: LargeMessages::new(budget.clone()).unwrap(),
        budget,
        tls: Arc::new(tls),
        ids: Arc::new(Ids::new()),
        clock,
        tag_separator: '+',
    });
    let account: AccountId = node.next_id();
    let now = node.now();
    let credential = app_credential(
        &store.meta.secret,
        account,
        node.next_id(),
        &Secret::new(PASSWORD.into()),
        &["alice@example.com".to_owned()],
        "phone".into(),
        Scopes::POP3,
        None,
        hashing,
    );
    let credentials = vec![credential.unwrap()];
    create_alice(&node.engine, &node.ids, account, credentials, now).await;
    (node, account)
}

pub(super) async fn start(change: impl FnOnce(&mut Setup, &mut pop3::Config)) -> Place {
    start_at(Arc::new(SystemClock::new()), change).await
}

/// With a clock of the test's own. One that stands still lets the times of connections run apart:
/// each has a steady clock that begins at it.
pub(super) async fn start_at(
    clock: Arc<dyn SharedClock>,
    change: impl FnOnce(&mut Setup, &mut pop3::Config),
) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let issued = Issued::self_signed(&["mail.example"]);
    let certificates = vec![issued.write(dir.path(), "0")];
    let config = TlsConfig { certificates, client_authorities: None };
    let (tls, _) = Tls::load(&config, None, NOW).unwrap();
    let (node, account) = node(&dir, tls, clock).await;

    let mut config = pop3::Config::new(node.hostname.clone());
    config.starttls = true;
    config.tarpit = Duration::ZERO;
    let mut setup = Setup {
        config: Arc::new(config.clone()),
        offer: Offer { alpn: Alpn::Pop3, client_certificate: false },
        implicit_tls: false,
        timeouts: ConnectionTimeouts::default(),
    };
    change(&mut setup, &mut config);
    setup.config = Arc::new(config);
    let setup = Arc::new(setup);

    let listener = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
    let address = listener.address();
    let limits = LimitsConfig { exempt: Exemptions(Vec::new()), ..LimitsConfig::default() };
    let door = Arc::new(Door {
        limits: ConnectionLimits::new(limits),
        throttle: Arc::clone(&node.throttle),
        ids: Arc::clone(&node.ids),
    });
    let texts = RefusalTexts { busy: b"-ERR [SYS/TEMP] busy\r\n", blocked: b"-ERR blocked\r\n" };
    let service = Service { name: "pop3", refusals: Some(texts) };
    let (source, shutdown) = shutdown::channel();
    let maildrops = Arc::new(Maildrops::new(Arc::clone(&node)));
    let handle = {
        let (setup, maildrops) = (Arc::clone(&setup), Arc::clone(&maildrops));
        move |accepted| drive(accepted, Arc::clone(&setup), Arc::clone(&maildrops))
    };
    let wall: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let serving = serve(listener, service, door, wall, shutdown, LONG, handle);
    let task = tokio::spawn(async { serving.await.unwrap() });
    let connector = TlsConnector::from(Arc::new(issued.client()));
    let name = MailboxName::parse("INBOX").unwrap();
    let inbox = node.engine.read(&FindMailbox::Name(account, name)).await.unwrap().unwrap().id;
    Place { address, node, account, inbox, source, maildrops, dir, setup, connector, task }
}

/// Longer than any test.
const LONG: Duration = Duration::from_secs(60);

impl Place {
    pub(super) async fn append(&self, bodies: &[&[u8]]) {
        let now = self.node.now();
        let messages = bodies.iter().map(|body| {
            let prefix = Bytes::from_static(PREFIX.as_bytes());
            let body = BodyWriter::encode(&self.node.files, self.node.next_id(), body, prefix);
            NewMessage {
                arrival: self.node.next_id::<ArrivalId>(),
                email: self.node.next_id(),
                body: body.unwrap(),
                facts: EmailFacts {
                    map_version: 1,
                    part_map: Bytes::from_static(b"map"),
                    envelope: Bytes::from_static(b"envelope"),
                    sent: None,
                    text: None,
                    thread: ThreadKeys::default(),
                },
                received: ZonedTime { time: now, offset_minutes: 0 },
                flags: Flags::NONE,
                keywords: Vec::new(),
                story: None,
            }
        });
        let append = Append {
            account: self.account,
            mailbox: self.inbox,
            messages: messages.collect(),
            now,
            within_quota: true,
        };
        self.node.engine.write(append).await.unwrap();
    }

    /// UIDs that are in the INBOX.
    pub(super) async fn uids(&self) -> Vec<u32> {
        let (account, mailbox) = (self.account, self.inbox);
        let list = ListMessages { account, mailbox, after: None, limit: 1000 };
        let messages = self.node.engine.read(&list).await.unwrap();
        messages.iter().map(|message| message.uid.get()).collect()
    }

    pub(super) async fn connect(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        assert!(line(&mut stream).await.starts_with("+OK mail.example"));
        stream
    }

    pub(super) async fn secure(
        &self,
        stream: TcpStream,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let name = ServerName::try_from("mail.example").unwrap();
        self.connector.connect(name, stream).await.unwrap()
    }

    /// A session that is logged in; the listener allows that without TLS.
    pub(super) async fn log_in(&self) -> TcpStream {
        let mut stream = self.connect().await;
        talk(&mut stream, &[("USER alice@example.com", "+OK"), (&pass(), "+OK maildrop has")])
            .await;
        stream
    }

    /// An accepted connection, to be driven by hand.
    pub(super) async fn accepted(&self) -> Accepted {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let limits = ConnectionLimits::new(LimitsConfig::default());
        let admission = limits.admit("pop3", self.address.ip(), false).unwrap();
        let shutdown = self.source.subscribe();
        let (peer, local, id) = (self.address, self.address, self.node.next_id());
        Accepted { stream, peer, local, id, admission, shutdown }
    }

    /// Stops and waits for every connection's end.
    pub(super) async fn stop(self) -> Drained {
        self.source.drain();
        self.task.await.unwrap()
    }
}

pub(super) fn pass() -> String {
    format!("PASS {PASSWORD}")
}

pub(super) fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// One line, without its end. Empty at the end of the stream.
pub(super) async fn line(stream: &mut impl Stream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n") {
        match stream.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(text).unwrap().trim_end().to_owned()
}

/// Sends lines and compares the beginning of each reply.
pub(super) async fn talk(stream: &mut impl Stream, lines: &[(&str, &str)]) {
    for (command, want) in lines {
        send(stream, command).await;
        let got = line(stream).await;
        assert!(got.starts_with(want), "{command}: {got} <> {want}");
    }
}

pub(super) async fn send(stream: &mut impl Stream, command: &str) {
    stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Sends a command and reads the lines of its reply, dots undone; the first line goes.
pub(super) async fn multi(stream: &mut impl Stream, command: &str) -> String {
    send(stream, command).await;
    let first = line(stream).await;
    assert!(first.starts_with("+OK"), "{command}: {first}");
    let mut all = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    while !(all.ends_with(b"\r\n.\r\n") || all == b".\r\n") {
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "{command}: ended without a dot");
        all.extend_from_slice(&chunk[..count]);
    }
    all.truncate(all.len() - 3);
    let text = String::from_utf8(all).unwrap();
    text.split_inclusive("\r\n").map(|line| line.strip_prefix('.').unwrap_or(line)).collect()
}

/// Runs SQL past all operations.
pub(super) struct Sql(pub(super) &'static str);

impl Operation for Sql {
    type Output = ();
    const NAME: &'static str = "test";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!(self.0)).await?;
        Ok(())
    }
}
