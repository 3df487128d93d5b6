//! A driver without sockets and without a store: alice@example.com, whose password is `secret`, and
//! her INBOX, which takes messages and forgets them.

use crate::common::{Logins, transcripts};
use posthorn_base::{Clock, Domain};
use posthorn_proto::imap::command::{Append, Request};
use posthorn_proto::imap::value::MailboxArgument;
use posthorn_proto::imap::{CloseReason, Code, Completion, Config, Event, Session, TlsInfo};
use std::cell::RefCell;
use std::rc::Rc;

/// How APPEND goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppendFault {
    /// Before the message comes.
    Refused,
    /// With its first octets.
    Broken,
    /// When all of it is there.
    Late,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) logins: Logins,
    pub(crate) append_fault: Option<AppendFault>,
    /// What the driver was asked to do, in order; its questions about logins left out.
    pub(crate) asked: Vec<String>,
    /// Messages that were appended.
    pub(crate) messages: Vec<Vec<u8>>,
}

impl Shared {
    pub(crate) fn new() -> Rc<RefCell<Shared>> {
        Rc::new(RefCell::new(Shared {
            logins: Logins::new(),
            append_fault: None,
            asked: Vec::new(),
            messages: Vec::new(),
        }))
    }
}

/// One connection.
pub(crate) struct Driver {
    pub(crate) session: Session,
    pub(crate) shared: Rc<RefCell<Shared>>,
    input: Vec<u8>,
    /// What the client has not taken yet.
    pub(crate) output: Vec<u8>,
    pub(crate) closed: Option<CloseReason>,
    pub(crate) awaits_tls: bool,
    /// The most that the session's output ever held.
    pub(crate) output_peak: usize,
    pub(crate) discarded: usize,
    /// The message that is coming.
    message: Option<Vec<u8>>,
    is_logged_in: bool,
    is_idling: bool,
}

impl transcripts::Driver for Driver {
    fn send(&mut self, bytes: &[u8]) {
        // What comes between STARTTLS and the end of the handshake goes to the TLS layer.
        if !self.awaits_tls {
            self.input.extend_from_slice(bytes);
            self.run();
        }
    }

    fn run(&mut self) {
        let now = self.shared.borrow().logins.clock.now();
        let mut out = Vec::new();
        self.session.timed_out(&mut out, now);
        let bytes = std::mem::take(&mut self.input);
        let mut input = bytes.as_slice();
        while self.closed.is_none() && !self.awaits_tls {
            let event = self.session.receive(&mut input, &mut out, now);
            self.output_peak = self.output_peak.max(out.len());
            if event == Event::Read {
                assert!(input.is_empty(), "Read comes when the input is used up");
                break;
            }
            self.handle(event, &mut out);
        }
        self.input = input.to_vec();
        self.output.append(&mut out);
    }

    fn start_tls(&mut self, tls: &TlsInfo) {
        assert!(std::mem::take(&mut self.awaits_tls), "no STARTTLS was agreed");
        let now = self.shared.borrow().logins.clock.now();
        self.session.tls_started(tls, now);
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }
    fn is_closed(&self) -> bool {
        self.closed.is_some()
    }
}

impl Driver {
    pub(crate) fn connect(
        shared: &Rc<RefCell<Shared>>,
        config: &Config,
        tls: Option<&TlsInfo>,
    ) -> Driver {
        let now = shared.borrow().logins.clock.now();
        let mut driver = Driver {
            session: Session::new(config.clone().into(), tls, now),
            shared: Rc::clone(shared),
            input: Vec::new(),
            output: Vec::new(),
            closed: None,
            awaits_tls: false,
            output_peak: 0,
            discarded: 0,
            message: None,
            is_logged_in: false,
            is_idling: false,
        };
        driver.session.greet(&mut driver.output);
        driver
    }

    fn handle(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        let now = self.shared.borrow().logins.clock.now();
        match event {
            Event::Read => {}
            Event::Flush => self.output.append(out),
            Event::Wait => panic!("every question is answered at once"),
            Event::Delay(time) => self.shared.borrow_mut().logins.delays.push(time),
            Event::Authenticate(question) => {
                let answer = self.shared.borrow().logins.answer(&question);
                self.session.auth_answered(answer, out, now);
            }
            Event::LoggedIn(identity, method) => {
                assert_eq!(&*identity.login, "alice@example.com");
                self.is_logged_in = true;
                self.shared.borrow_mut().logins.methods.push(method);
            }
            Event::LoginFailed(failure) => self.shared.borrow_mut().logins.failures.push(failure),
            Event::ClientId(fields) => self.asked(format!("Id {fields:?}")),
            Event::Run(request) => {
                assert!(self.is_logged_in, "{request:?} is run for nobody");
                let completion = carry_out(&request);
                self.asked(format!("{request:?} {:?}", self.session.enabled()));
                self.session.completed(completion, out, now);
            }
            Event::AppendBegin(append) => self.append_begin(append, out),
            Event::AppendData(octets) => self.append_data(octets, out),
            Event::AppendEnd => {
                let message = self.message.take().expect("a message has begun");
                let is_full = self.shared.borrow().append_fault == Some(AppendFault::Late);
                self.asked(format!("AppendEnd {}", message.len()));
                if is_full {
                    let no = Completion::no("the mailbox is full").with(Code::OverQuota);
                    self.session.completed(no, out, now);
                } else {
                    self.shared.borrow_mut().messages.push(message);
                    self.session.completed(Completion::ok("appended"), out, now);
                }
            }
            Event::AppendAbandon => {
                assert!(self.message.take().is_some(), "a message has begun");
                self.asked("AppendAbandon".into());
            }
            Event::IdleBegin => {
                assert!(!std::mem::replace(&mut self.is_idling, true));
                self.asked("IdleBegin".into());
            }
            Event::IdleEnd => {
                assert!(std::mem::take(&mut self.is_idling));
                self.asked("IdleEnd".into());
                self.session.completed(Completion::ok("no longer idle"), out, now);
            }
            Event::StartTls { discarded } => {
                self.discarded = discarded;
                self.awaits_tls = true;
            }
            Event::Compress => {
                // What goes over the wire does not matter here.
                self.asked("Compress".into());
                self.session.compressed();
            }
            Event::Close(reason) => self.closed = Some(reason),
        }
    }

    fn append_begin(&mut self, append: Append, out: &mut Vec<u8>) {
        let now = self.shared.borrow().logins.clock.now();
        let is_full = self.shared.borrow().append_fault == Some(AppendFault::Refused);
        let is_inbox = is_inbox(&append.mailbox);
        self.asked(format!("AppendBegin {append:?}"));
        let checked = if !is_inbox {
            Err(Completion::no("there is no such mailbox").with(Code::TryCreate))
        } else if is_full {
            Err(Completion::no("the mailbox is full").with(Code::OverQuota))
        } else {
            self.message = Some(Vec::new());
            Ok(())
        };
        self.session.append_checked(checked, out, now);
    }

    fn append_data(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        assert!(!octets.is_empty());
        if self.shared.borrow().append_fault == Some(AppendFault::Broken) {
            self.message = None;
            let no = Completion::no("the message cannot be kept").with(Code::Unavailable);
            return self.session.append_failed(no, out);
        }
        self.message.as_mut().expect("a message has begun").extend_from_slice(octets);
    }

    fn asked(&mut self, what: String) {
        self.shared.borrow_mut().asked.push(what);
    }
}

fn is_inbox(mailbox: &MailboxArgument) -> bool {
    matches!(mailbox, MailboxArgument::Name(name) if name.as_str() == "INBOX")
}

/// INBOX is there, and no other mailbox.
fn carry_out(request: &Request) -> Completion {
    match request {
        Request::Select(select) if is_inbox(&select.mailbox) => {
            let code = if select.read_only { Code::ReadOnly } else { Code::ReadWrite };
            Completion::ok("selected").with(code).selecting(true)
        }
        Request::Select(_) => {
            let no = Completion::no("there is no such mailbox").with(Code::NonExistent);
            no.selecting(false)
        }
        Request::Close | Request::Unselect => Completion::ok("deselected").selecting(false),
        _ => Completion::ok("done"),
    }
}

pub(crate) fn config() -> Config {
    Config::new(Domain::parse("mail.example.com").unwrap())
}

/// Logins are allowed without TLS.
pub(crate) fn open_config() -> Config {
    Config { auth_without_tls: true, ..config() }
}
