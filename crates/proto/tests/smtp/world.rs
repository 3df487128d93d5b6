//! A small mail system around the session: two accounts, two domains, nothing stored.
//!
//! It has what `posthorn demo` has: alice@example.com (password `password`) and bob@example.org
//! (`secret`), whose names are also logins without their domains.

use posthorn_base::{AccountId, Address, ArrivalId, CredentialId, Domain, Time};
use posthorn_proto::sasl::{Answer, ChannelBindings, Identity, Mechanisms, Question, Refusal};
use posthorn_proto::smtp::{Config, Event, ForwardPath, Reply, Service, Session, TlsInfo};
use posthorn_testkit::transcript::{Connection, Received, World};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct MemoryWorld {
    config: Config,
    clock: Rc<Cell<Time>>,
}

impl MemoryWorld {
    pub(crate) fn new() -> Self {
        let mut config = Config::new(Domain::parse("mx.example.com").unwrap(), Service::Mx);
        config.mechanisms = Mechanisms::ALL.without(posthorn_proto::sasl::Mechanism::External);
        config.starttls = true;
        MemoryWorld { config, clock: Rc::new(Cell::new(Time::from_seconds(1_795_425_540))) }
    }
}

impl World for MemoryWorld {
    fn config(&mut self, key: &str, value: &str) -> Result<(), String> {
        let config = &mut self.config;
        match (key, value) {
            ("service", "mx") => config.service = Service::Mx,
            ("service", "submission") => config.service = Service::Submission,
            ("service", "submissions") => config.service = Service::Submissions,
            ("insecure-auth", "yes") => config.auth_without_tls = true,
            ("size", n) => config.message_bytes_max = n.parse().map_err(|_| "not a number")?,
            ("recipients", n) => config.recipients_max = n.parse().map_err(|_| "not a number")?,
            _ => return Err(format!("unknown setting {key}={value}")),
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<Box<dyn Connection>> {
        let tls = (self.config.service == Service::Submissions).then(tls_info);
        let config = Arc::new(self.config.clone());
        let mut output = Vec::new();
        let mut session = Session::new(config, tls, self.clock.get());
        session.greet(&mut output);
        let clock = Rc::clone(&self.clock);
        let (input, closed, handshake) = (Vec::new(), false, false);
        Ok(Box::new(MemoryConnection { session, clock, input, output, closed, handshake }))
    }

    fn wait(&mut self, time: Duration) -> Result<(), String> {
        self.clock.set(self.clock.get() + time);
        Ok(())
    }
}

fn tls_info() -> TlsInfo {
    TlsInfo {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        group: Some("x25519".into()),
        bindings: ChannelBindings { exporter: Some([1; 32]), end_point: None },
        client_certificate: false,
    }
}

struct MemoryConnection {
    session: Session,
    clock: Rc<Cell<Time>>,
    input: Vec<u8>,
    output: Vec<u8>,
    closed: bool,
    /// The server waits for the client's handshake.
    handshake: bool,
}

impl MemoryConnection {
    fn run(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while !self.closed && !self.handshake {
            let event = self.session.receive(&mut rest, &mut self.output, self.clock.get());
            match event {
                Event::Read => break,
                event => self.answer(event),
            }
        }
        self.input = rest.to_vec();
    }

    fn answer(&mut self, event: Event<'_>) {
        let (session, out) = (&mut self.session, &mut self.output);
        match event {
            Event::CheckSender(_) => session.sender_checked(Ok(()), out),
            Event::CheckRecipient(recipient) => {
                let verdict = deliverable(&recipient.to, session.login().is_some());
                session.recipient_checked(verdict, out);
            }
            Event::DataBegin(_) => session.data_checked(Ok(()), out),
            Event::DataEnd { .. } => session.delivered(ArrivalId::new(1).unwrap(), out),
            Event::Authenticate(question) => session.auth_answered(verdict(&question), out),
            Event::StartTls { .. } => self.handshake = true,
            Event::Close(_) => self.closed = true,
            Event::Wait => panic!("every question was answered"),
            _ => {}
        }
    }
}

fn deliverable(to: &ForwardPath, logged_in: bool) -> Result<(), Reply> {
    let Some(address) = to.address() else { return Ok(()) };
    let is = |text| Address::parse(text).unwrap().key() == address.key();
    match address.domain().ascii() {
        "example.com" if is("alice@example.com") => Ok(()),
        "example.org" if is("bob@example.org") => Ok(()),
        "example.com" | "example.org" => Err(Reply::USER_UNKNOWN),
        _ if logged_in => Ok(()),
        _ => Err(Reply::RELAY_DENIED),
    }
}

fn verdict(question: &Question) -> Answer {
    let Question::Password { authcid, password, .. } = question else {
        return Answer::Verdict(Err(Refusal::Credentials));
    };
    let identity = match (&**authcid, password.expose()) {
        ("alice" | "alice@example.com", "password") => Some((1, "alice@example.com")),
        ("bob" | "bob@example.org", "secret") => Some((2, "bob@example.org")),
        _ => None,
    };
    let identity = identity.map(|(id, login)| Identity {
        account: AccountId::new(id).unwrap(),
        login: login.into(),
        credential: CredentialId::new(1).unwrap(),
    });
    Answer::Verdict(identity.ok_or(Refusal::Credentials))
}

impl Connection for MemoryConnection {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.extend_from_slice(bytes);
        self.run();
        Ok(())
    }

    fn receive(&mut self) -> io::Result<Received> {
        let now = self.clock.get();
        if self.output.is_empty() && self.session.deadline().is_some_and(|d| d <= now) {
            self.session.timed_out(&mut self.output, now);
            self.run();
        }
        match std::mem::take(&mut self.output) {
            bytes if !bytes.is_empty() => Ok(Received::Bytes(bytes)),
            _ if self.closed => Ok(Received::Closed),
            _ => Ok(Received::Silent),
        }
    }

    fn pending(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.output))
    }

    fn start_tls(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.handshake) {
            return Err(io::Error::other("the server did not agree to TLS"));
        }
        self.session.tls_started(tls_info(), self.clock.get());
        self.run();
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.closed = true;
        Ok(())
    }
}
