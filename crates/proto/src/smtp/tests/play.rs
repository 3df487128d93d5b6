//! A driver for tests: it answers the session's questions by simple rules, and writes down
//! everything that happens as lines of text.
//!
//! * senders: `banned@` is refused
//! * recipients: `unknown@` 550, `full@` 452, everybody else is taken
//! * DATA: refused when the sender is `nodisk@`; fails midway (452) when it is `diskfull@`
//! * messages: refused when they contain `REFUSE`
//! * logins: `alice@example.com` with `secret`

use crate::sasl::scram::{ScramKeys, derive};
use crate::sasl::{
    Answer, ChannelBindings, Identity, Mechanisms, Question, Refusal, ScramAnswer, Success,
};
use crate::smtp::*;
use posthorn_base::{AccountId, ArrivalId, CredentialId, Domain, Time};
use std::num::NonZeroU32;
use std::sync::Arc;

pub(super) const NOW: Time = Time::from_seconds(1_795_425_540);

/// What a test says about the server: its settings, and whether TLS is there from the beginning.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) config: Config,
    pub(super) tls: bool,
}

pub(super) fn tls() -> TlsInfo {
    TlsInfo {
        version: "TLSv1.3".into(),
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        group: None,
        bindings: ChannelBindings { exporter: Some([9; 32]), end_point: None },
        client_certificate: false,
    }
}

impl Scene {
    pub(super) fn new(service: Service) -> Scene {
        let mut config = Config::new(Domain::parse("mx.example").unwrap(), service);
        config.starttls = true;
        config.mechanisms = Mechanisms::ALL;
        Scene { config, tls: service == Service::Submissions }
    }
    pub(super) fn mx() -> Scene {
        Scene::new(Service::Mx)
    }
    /// Submission on 465.
    pub(super) fn submissions() -> Scene {
        Scene::new(Service::Submissions)
    }
    pub(super) fn with(mut self, change: impl FnOnce(&mut Config)) -> Scene {
        change(&mut self.config);
        self
    }
}

/// One session and its record.
pub(super) struct Play {
    pub(super) session: Session,
    pub(super) log: Vec<String>,
    pub(super) now: Time,
    buffer: Vec<u8>,
    out: Vec<u8>,
    from: String,
    message: Vec<u8>,
    pub(super) closed: bool,
}

impl Play {
    pub(super) fn new(scene: &Scene) -> Play {
        let tls = scene.tls.then(tls);
        let session = Session::new(Arc::new(scene.config.clone()), tls, NOW);
        Play {
            session,
            log: Vec::new(),
            now: NOW,
            buffer: Vec::new(),
            out: Vec::new(),
            from: String::new(),
            message: Vec::new(),
            closed: false,
        }
    }

    pub(super) fn greeted(scene: &Scene) -> Play {
        let mut play = Play::new(scene);
        play.session.greet(&mut play.out);
        play.flush();
        play
    }

    pub(super) fn flush(&mut self) {
        let text = String::from_utf8(std::mem::take(&mut self.out)).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        self.log.extend(text.split_terminator("\r\n").map(|line| format!("S: {line}")));
    }

    /// Puts bytes in and runs until the session wants more.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while !self.closed && self.step() {}
    }

    pub(super) fn time_out(&mut self, now: Time) {
        self.now = now;
        self.session.timed_out(&mut self.out, now);
        self.feed(b"");
    }

    fn step(&mut self) -> bool {
        let buffer = std::mem::take(&mut self.buffer);
        let mut input = buffer.as_slice();
        let event = self.session.receive(&mut input, &mut self.out, self.now);
        let goes_on = !matches!(event, Event::Read);
        // Replies belong before the question that follows them.
        self.flush();
        self.answer(event);
        self.flush();
        self.buffer = input.to_vec();
        assert!(goes_on || self.buffer.len() < posthorn_base::limits::SMTP_LINE_BYTES_MAX);
        goes_on
    }

    fn note(&mut self, text: impl Into<String>) {
        self.log.push(text.into());
    }

    fn answer(&mut self, event: Event<'_>) {
        match event {
            Event::Read | Event::Flush => {}
            Event::Wait => panic!("every question was answered"),
            Event::EarlyTalk => self.note("early talk"),
            Event::Delay(wait) => self.note(format!("delay {wait:?}")),
            Event::CheckSender(mail) => {
                self.note(format!("? sender {}", mail.from));
                self.from = mail.from.to_string();
                let verdict = match self.from.starts_with("<banned@") {
                    true => Err(Reply::SENDER_NOT_GRANTED),
                    false => Ok(()),
                };
                self.session.sender_checked(verdict, &mut self.out);
            }
            Event::CheckRecipient(recipient) => {
                self.note(format!("? recipient {}", recipient.to));
                let verdict = match recipient.to.address().map(|a| a.local().as_str()) {
                    Some("unknown") => Err(Reply::USER_UNKNOWN),
                    Some("full") => Err(Reply::MAILBOX_FULL),
                    _ => Ok(()),
                };
                self.session.recipient_checked(verdict, &mut self.out);
            }
            Event::DataBegin(envelope) => {
                let to: Vec<_> = envelope.recipients.iter().map(|r| r.to.to_string()).collect();
                self.note(format!("? data {} -> {}", envelope.mail.from, to.join(" ")));
                self.message.clear();
                let verdict = match self.from.starts_with("<nodisk@") {
                    true => Err(Reply::NO_STORAGE),
                    false => Ok(()),
                };
                self.session.data_checked(verdict, &mut self.out);
            }
            Event::Data(bytes) => {
                assert!(!bytes.is_empty());
                self.message.extend_from_slice(bytes);
                if self.from.starts_with("<diskfull@") {
                    self.message.clear();
                    self.session.data_failed(Reply::NO_STORAGE);
                }
            }
            Event::DataRefused(fault) => self.note(format!("data refused: {fault}")),
            Event::DataEnd { size } => {
                assert_eq!(size, self.message.len() as u64);
                let text = String::from_utf8_lossy(&self.message).into_owned();
                self.note(format!("? message {text:?}"));
                match text.contains("REFUSE") {
                    true => self.session.refused(&Reply::REFUSED, &mut self.out),
                    false => self.session.delivered(ArrivalId::new(1).unwrap(), &mut self.out),
                }
            }
            Event::Abandon => self.note("abandoned"),
            Event::Authenticate(question) => self.login(question),
            Event::LoggedIn(Success { identity, mechanism }) => {
                self.note(format!("logged in {} by {mechanism}", identity.login));
            }
            Event::LoginFailed(failure) => self.note(format!("login failed: {failure}")),
            Event::StartTls { discarded } => {
                self.note(format!("TLS, {discarded} bytes discarded"));
                self.session.tls_started(tls(), self.now);
            }
            Event::Close(reason) => {
                self.note(format!("closed: {reason}"));
                self.closed = true;
            }
        }
    }

    fn login(&mut self, question: Question) {
        let identity = Identity {
            account: AccountId::new(7).unwrap(),
            login: "alice@example.com".into(),
            credential: CredentialId::new(1).unwrap(),
        };
        let answer = match &question {
            Question::Password { authcid, password, .. } => {
                self.note(format!("? login {authcid}"));
                let good = &**authcid == "alice@example.com" && password.expose() == "secret";
                Answer::Verdict(if good { Ok(identity) } else { Err(Refusal::Credentials) })
            }
            Question::ScramKeys { authcid, .. } => {
                self.note(format!("? keys {authcid}"));
                let iterations = NonZeroU32::new(4096).unwrap();
                let (keys, verdict) = match &**authcid == "alice@example.com" {
                    true => {
                        (derive("secret", b"salt salt salt!!", iterations).unwrap(), Ok(identity))
                    }
                    false => {
                        (ScramKeys::fake(b"key", authcid, iterations), Err(Refusal::Credentials))
                    }
                };
                Answer::Scram(Box::new(ScramAnswer {
                    keys,
                    others: Vec::new(),
                    nonce: [3; 18],
                    verdict,
                }))
            }
            Question::Certificate { .. } => Answer::Verdict(Err(Refusal::Credentials)),
        };
        self.session.auth_answered(answer, &mut self.out);
    }
}

/// Plays input from the greeting on, cut as told; returns the record without the greeting.
pub(super) fn play_in(scene: &Scene, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    let mut play = Play::greeted(scene);
    assert_eq!(play.log, ["S: 220 mx.example ESMTP Posthorn"]);
    play.log.clear();
    for piece in pieces {
        play.feed(&piece);
    }
    play.log
}

/// Plays input whole and byte by byte; both must lead to the same record.
#[track_caller]
pub(super) fn play(scene: &Scene, wire: &[u8]) -> Vec<String> {
    let whole = play_in(scene, [wire.to_vec()]);
    let bytes = play_in(scene, wire.iter().map(|b| vec![*b]));
    assert_eq!(whole, bytes, "whole and byte by byte");
    whole
}

/// Plays a dialogue's client side and compares the replies' beginnings with `want`, one per line.
#[track_caller]
pub(super) fn replies(scene: &Scene, wire: &str, want: &[&str]) {
    let log = play(scene, wire.as_bytes());
    let got: Vec<&str> = log.iter().filter_map(|line| line.strip_prefix("S: ")).collect();
    let agree = got.len() == want.len() && got.iter().zip(want).all(|(g, w)| g.starts_with(w));
    assert!(agree, "got {got:#?}\nwant {want:#?}");
}

/// A client that greets and names a sender and a recipient.
pub(super) const OPENING: &str =
    "EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\n";

/// Plays what follows [`OPENING`] and returns the record behind it.
#[track_caller]
pub(super) fn after_opening(scene: &Scene, wire: &[u8]) -> Vec<String> {
    let opened = play(scene, OPENING.as_bytes()).len();
    let log = play(scene, &[OPENING.as_bytes(), wire].concat());
    log[opened..].to_vec()
}
