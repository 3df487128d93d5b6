//! Dialogues over loopback, with a handler that keeps what it takes.

use super::*;
use crate::conn::ConnectionTimeouts;
use crate::listen::{
    ConnectionLimits, Door, Drained, LimitsConfig, RefusalTexts, Service, bind, serve,
};
use crate::memory::Budget;
use crate::network::Exemptions;
use crate::shutdown::{self, ShutdownSource};
use crate::spool::Spooled;
use crate::system::{Ids, SystemClock};
use crate::throttle::ThrottleConfig;
use crate::tls::tests::{Issued, NOW};
use crate::tls::{Alpn, TlsConfig};
use posthorn_base::{AccountId, ArrivalId, CredentialId, Domain, limits};
use posthorn_proto::sasl::{Answer, Identity, Mechanisms, Question, Refusal};
use posthorn_proto::smtp::{Mail, Recipient};
use rustls::pki_types::ServerName;
use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// What the handlers of all connections saw.
#[derive(Default)]
struct Seen {
    messages: Vec<(String, Vec<u8>)>,
    notes: Vec<String>,
}

#[derive(Clone)]
struct Keeper(Arc<Mutex<Seen>>);

impl Handler for Keeper {
    async fn check_sender(&mut self, _: Facts<'_>, _: &Mail) -> Result<(), Reply> {
        Ok(())
    }
    async fn check_recipient(&mut self, _: Facts<'_>, to: &Recipient) -> Result<(), Reply> {
        match to.to.address().map(|address| address.local().as_str()) {
            Some("unknown") => Err(Reply::USER_UNKNOWN),
            _ => Ok(()),
        }
    }
    async fn begin(&mut self, _: Facts<'_>, _: &Envelope) -> Result<(), Reply> {
        Ok(())
    }
    async fn accept(
        &mut self,
        facts: Facts<'_>,
        envelope: Envelope,
        message: Spooled,
    ) -> Result<ArrivalId, Reply> {
        let mut bytes = Vec::new();
        message.reader().read_to_end(&mut bytes).unwrap();
        let hello = facts.hello.unwrap().as_given();
        let login = facts.login.map_or("", |login| &login.login);
        let tls = facts.tls.map_or("", |tls| tls.version);
        let to: Vec<_> = envelope.recipients.iter().map(|to| to.to.to_string()).collect();
        let line = format!("{hello} {login} {tls} {} {}", envelope.mail.from, to.join(" "));
        self.0.lock().unwrap().messages.push((line, bytes));
        Ok(ArrivalId::new(77).unwrap())
    }
    async fn authenticate(&mut self, _: Facts<'_>, question: Question) -> Answer {
        let Question::Password { authcid, password, .. } = question else {
            return Answer::Verdict(Err(Refusal::Credentials));
        };
        let login = Identity {
            account: AccountId::new(7).unwrap(),
            login: "alice@example.com".into(),
            credential: CredentialId::new(1).unwrap(),
        };
        let is_good = &*authcid == "alice" && password.expose() == "secret";
        Answer::Verdict(if is_good { Ok(login) } else { Err(Refusal::Credentials) })
    }
    fn note(&mut self, _: Facts<'_>, note: Note<'_>) {
        let text = match note {
            Note::LoginFailed(name, failure) => format!("failed {name}: {failure}"),
            Note::LoginThrottled(name) => format!("throttled {name}"),
            Note::LoggedIn(success) => {
                format!("logged in {} by {}", success.identity.login, success.mechanism)
            }
            Note::Closed(reason) => format!("closed: {reason}"),
            Note::TextBeforeTls(count) => format!("{count} bytes before TLS"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().notes.push(text);
    }
}

struct Place {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    shared: Arc<Shared>,
    connector: TlsConnector,
    source: ShutdownSource,
    task: JoinHandle<Drained>,
    _dir: tempfile::TempDir,
}

fn start(service: smtp::Service, change: impl FnOnce(&mut Setup, &mut smtp::Config)) -> Place {
    start_with_reserve(service, 0, change)
}

fn start_with_reserve(
    service: smtp::Service,
    reserve: u64,
    change: impl FnOnce(&mut Setup, &mut smtp::Config),
) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let issued = Issued::self_signed(&["mail.example"]);
    let certificates = vec![issued.write(dir.path(), "0")];
    let config = TlsConfig { certificates, client_authorities: None };
    let (tls, _) = Tls::load(&config, None, NOW).unwrap();
    let exempt = Exemptions(Vec::new());
    let throttle = ThrottleConfig {
        exempt: exempt.clone(),
        account_login_failures_per_hour: 2,
        tarpit_ms: 1,
        ..ThrottleConfig::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let shared = Arc::new(Shared {
        tls: Arc::new(tls),
        throttle: Arc::new(Throttle::new(throttle)),
        spool: SpoolDir::open(&dir.path().join("spool"), Budget::default())
            .unwrap()
            .with_reserve(reserve),
        clock: Arc::clone(&clock),
    });
    let mut config = smtp::Config::new(Domain::parse("mail.example").unwrap(), service);
    config.starttls = true;
    config.mechanisms = Mechanisms::ALL;
    config.tarpit = Duration::ZERO;
    let mut setup = Setup {
        config: Arc::new(config.clone()),
        offer: Offer { alpn: Alpn::Smtp, client_certificate: false },
        implicit_tls: service == smtp::Service::Submissions,
        timeouts: ConnectionTimeouts::default(),
    };
    change(&mut setup, &mut config);
    setup.config = Arc::new(config);
    let setup = Arc::new(setup);

    let listener = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
    let address = listener.address();
    let door = Arc::new(Door {
        limits: ConnectionLimits::new(LimitsConfig { exempt, ..LimitsConfig::default() }),
        throttle: Arc::clone(&shared.throttle),
        ids: Arc::new(Ids::new()),
    });
    let texts = RefusalTexts { busy: b"421 busy\r\n", blocked: b"554 blocked\r\n" };
    let service = Service { name: "smtp", refusals: Some(texts) };
    let (source, shutdown) = shutdown::channel();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let handler = Keeper(Arc::clone(&seen));
    let handle = {
        let (setup, shared) = (Arc::clone(&setup), Arc::clone(&shared));
        move |accepted| {
            let (setup, shared) = (Arc::clone(&setup), Arc::clone(&shared));
            drive(accepted, setup, shared, handler.clone())
        }
    };
    let long = Duration::from_secs(60);
    let serving = serve(listener, service, door, clock, shutdown, long, handle);
    let task = tokio::spawn(async { serving.await.unwrap() });
    let connector = TlsConnector::from(Arc::new(issued.client()));
    Place { address, seen, shared, connector, source, task, _dir: dir }
}

impl Place {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
    async fn secure(&self, stream: TcpStream) -> tokio_rustls::client::TlsStream<TcpStream> {
        let name = ServerName::try_from("mail.example").unwrap();
        self.connector.connect(name, stream).await.unwrap()
    }
    /// Stops, waits for every connection's end, and returns what was noted.
    async fn stop(self) -> Vec<String> {
        self.source.drain();
        self.task.await.unwrap();
        std::mem::take(&mut self.seen.lock().unwrap().notes)
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Reads one reply, all its lines; returns the last. Empty at the end of the stream.
async fn reply(stream: &mut impl Stream) -> String {
    let mut text = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(_) => return String::from_utf8(text).unwrap(),
        }
        if !text.ends_with(b"\r\n") {
            continue;
        }
        let whole = String::from_utf8(text.clone()).unwrap();
        let last = whole.trim_end().rsplit("\r\n").next().unwrap().to_owned();
        if last.as_bytes().get(3) == Some(&b' ') {
            return last;
        }
    }
}

/// Sends lines and compares the beginning of each reply.
async fn talk(stream: &mut impl Stream, lines: &[(&str, &str)]) {
    for (line, want) in lines {
        stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let got = reply(stream).await;
        assert!(got.starts_with(want), "{line}: {got} <> {want}");
    }
}

/// `\0alice\0secret` and `\0alice\0wrong` and another wrong one.
const GOOD: &str = "AUTH PLAIN AGFsaWNlAHNlY3JldA==";
const WRONG: [&str; 3] = [
    "AUTH PLAIN AGFsaWNlAHdyb25n",
    "AUTH PLAIN AGFsaWNlAHdyb25nMQ==",
    "AUTH PLAIN AGFsaWNlAHdyb25nMg==",
];

#[tokio::test]
async fn submission_from_greeting_to_goodbye() {
    let place = start(smtp::Service::Submission, |_, _| {});
    let mut stream = place.connect().await;
    assert!(reply(&mut stream).await.starts_with("220 mail.example"));
    let early =
        [("EHLO plain.example", "250"), (GOOD, "538"), ("MAIL FROM:<a@example.com>", "530")];
    talk(&mut stream, &early).await;
    talk(&mut stream, &[("STARTTLS", "220")]).await;
    let mut stream = place.secure(stream).await;
    talk(&mut stream, &[("EHLO secure.example", "250"), (GOOD, "235")]).await;
    talk(
        &mut stream,
        &[
            ("MAIL FROM:<alice@example.com>", "250"),
            ("RCPT TO:<bob@example.org>", "250"),
            ("RCPT TO:<unknown@example.org>", "550"),
            ("DATA", "354"),
            ("Subject: hello\r\n\r\n..dotted\r\n.", "250 2.0.0 Message accepted, id 0000000000"),
            ("QUIT", "221"),
        ],
    )
    .await;
    assert_eq!(reply(&mut stream).await, "", "closed");
    {
        let seen = place.seen.lock().unwrap();
        let (line, message) = seen.messages.first().unwrap();
        let want = "secure.example alice@example.com TLSv1.3 <alice@example.com> <bob@example.org>";
        assert_eq!(line, want);
        assert_eq!(message, b"Subject: hello\r\n\r\n.dotted\r\n");
    }
    assert_eq!(place.stop().await, ["logged in alice@example.com by PLAIN", "closed: finished"]);
}

#[tokio::test]
async fn a_large_message_in_one_pipelined_go() {
    let place = start(smtp::Service::Mx, |_, _| {});
    let mut stream = place.connect().await;
    reply(&mut stream).await;
    talk(&mut stream, &[("EHLO a.example", "250")]).await;
    let line = [b'x'; 998];
    let mut message = Vec::new();
    while message.len() < 3 * limits::INLINE_BODY_BYTES_MAX {
        message.extend_from_slice(&line);
        message.extend_from_slice(b"\r\n");
    }
    let mut wire = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\nBDAT ".to_vec();
    wire.extend_from_slice(format!("{} LAST\r\n", message.len()).as_bytes());
    wire.extend_from_slice(&message);
    wire.extend_from_slice(b"QUIT\r\n");
    stream.write_all(&wire).await.unwrap();
    for want in ["250 2.1.0", "250 2.1.5", "250 2.0.0 Message accepted", "221"] {
        let got = reply(&mut stream).await;
        assert!(got.starts_with(want), "{got}");
    }
    assert!(place.seen.lock().unwrap().messages[0].1 == message);
    let budget = place.shared.spool.budget().clone();
    place.stop().await;
    assert_eq!(budget.free(), budget.bytes(), "all memory was returned");
}

#[tokio::test]
async fn a_message_that_would_use_the_reserve_up_is_refused_at_its_end() {
    let place = start_with_reserve(smtp::Service::Mx, u64::MAX, |_, _| {});
    let mut stream = place.connect().await;
    reply(&mut stream).await;
    let envelope = [
        ("EHLO a.example", "250"),
        ("MAIL FROM:<a@b.example>", "250"),
        ("RCPT TO:<bob@example.org>", "250"),
        ("DATA", "354"),
    ];
    talk(&mut stream, &envelope).await;
    let mut message = Vec::new();
    while message.len() < 3 * limits::INLINE_BODY_BYTES_MAX {
        message.extend_from_slice(&[b'x'; 998]);
        message.extend_from_slice(b"\r\n");
    }
    stream.write_all(&message).await.unwrap();
    talk(&mut stream, &[(".", "452 4.3.1")]).await;
    // What needs no file is taken (or refused by the store, which has the same reserve).
    talk(&mut stream, &envelope[1..]).await;
    talk(&mut stream, &[("Subject: small\r\n\r\n.", "250 2.0.0"), ("QUIT", "221")]).await;
    let budget = place.shared.spool.budget().clone();
    assert_eq!(place.seen.lock().unwrap().messages.len(), 1);
    place.stop().await;
    assert_eq!(budget.free(), budget.bytes(), "all memory was returned");
}

#[tokio::test]
async fn guessing_is_counted_and_then_not_looked_at() {
    let place = start(smtp::Service::Submissions, |_, _| {});
    for (attempts, good) in [(&WRONG[..2], None), (&WRONG[2..], None), (&[], Some("454"))] {
        let mut stream = place.secure(place.connect().await).await;
        reply(&mut stream).await;
        talk(&mut stream, &[("EHLO a.example", "250")]).await;
        for attempt in attempts {
            talk(&mut stream, &[(attempt, "535")]).await;
        }
        if let Some(want) = good {
            talk(&mut stream, &[(GOOD, want)]).await;
        }
        talk(&mut stream, &[("QUIT", "221")]).await;
    }
    let now = SystemClock::new().now();
    assert_eq!(place.shared.throttle.blocks(now)[0].target.to_string(), "127.0.0.0/24 for alice");
    let notes = place.stop().await;
    assert!(notes.contains(&"throttled alice".to_owned()), "{notes:?}");
}

#[tokio::test]
async fn text_behind_starttls_is_dropped_and_noted() {
    let place = start(smtp::Service::Mx, |_, _| {});
    let mut stream = place.connect().await;
    reply(&mut stream).await;
    talk(&mut stream, &[("EHLO a.example", "250")]).await;
    talk(&mut stream, &[("STARTTLS\r\nMAIL FROM:<evil@b.example>", "220")]).await;
    let mut stream = place.secure(stream).await;
    talk(&mut stream, &[("RCPT TO:<bob@example.org>", "503"), ("QUIT", "221")]).await;
    drop(stream);
    assert_eq!(place.stop().await, ["28 bytes before TLS", "closed: finished"]);
}

#[tokio::test]
async fn silence_and_early_talk() {
    let place = start(smtp::Service::Mx, |_, config| config.idle_max = Duration::from_millis(30));
    let mut stream = place.connect().await;
    reply(&mut stream).await;
    assert!(reply(&mut stream).await.starts_with("421 4.4.2"));
    assert_eq!(reply(&mut stream).await, "");
    drop(stream);
    assert_eq!(place.stop().await, ["closed: the peer was silent for too long"]);

    let pause = Duration::from_secs(60);
    let place = start(smtp::Service::Mx, |_, config| config.greeting_pause = pause);
    let mut stream = place.connect().await;
    talk(&mut stream, &[("EHLO a.example", "554 5.5.0")]).await;
    drop(stream);
    let notes = place.stop().await;
    assert_eq!(notes.first().map(String::as_str), Some("EarlyTalk"));
}

#[tokio::test]
async fn a_stopping_server_lets_a_message_end() {
    let place = start(smtp::Service::Mx, |_, _| {});
    let (mut idle, mut busy) = (place.connect().await, place.connect().await);
    reply(&mut idle).await;
    reply(&mut busy).await;
    talk(
        &mut busy,
        &[
            ("EHLO a.example", "250"),
            ("MAIL FROM:<a@b.example>", "250"),
            ("RCPT TO:<bob@example.org>", "250"),
            ("DATA", "354"),
        ],
    )
    .await;
    place.source.drain();
    assert!(reply(&mut idle).await.starts_with("421 4.3.2"));
    drop(idle);
    talk(&mut busy, &[("hello\r\n.", "250 2.0.0")]).await;
    assert!(reply(&mut busy).await.starts_with("421 4.3.2"));
    drop(busy);
    assert_eq!(place.seen.lock().unwrap().messages.len(), 1);
    let notes = place.stop().await;
    assert_eq!(notes, ["closed: the server is stopping"; 2]);
}

#[tokio::test]
async fn an_idle_connection_is_small() {
    let place = start(smtp::Service::Mx, |_, _| {});
    let stream = place.connect().await;
    let id = Ids::new().next(NOW);
    let (_source, shutdown) = shutdown::channel();
    let limits = ConnectionLimits::new(LimitsConfig::default());
    let admission = limits.admit("smtp", place.address.ip(), false).unwrap();
    let (peer, local) = (place.address, place.address);
    let accepted = Accepted { stream, peer, local, id, admission, shutdown };
    let setup = Setup {
        config: Arc::new(smtp::Config::new(
            Domain::parse("mail.example").unwrap(),
            smtp::Service::Mx,
        )),
        offer: Offer { alpn: Alpn::Smtp, client_certificate: false },
        implicit_tls: false,
        timeouts: ConnectionTimeouts::default(),
    };
    let handler = Keeper(Arc::clone(&place.seen));
    let task = drive(accepted, Arc::new(setup), Arc::clone(&place.shared), handler);
    assert!(size_of_val(&task) <= 16 * 1024, "{}", size_of_val(&task));
}
