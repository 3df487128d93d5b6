//! A driver without sockets: alice@example.com, whose password is `secret`, and her maildrop.

use crate::common::{Logins, transcripts};
use posthorn_base::{Clock, Domain, Uid, UidValidity};
use posthorn_proto::pop3::{
    CloseReason, Config, Event, Feed, Maildrop, OctetCounter, OpenError, Part, RetrieveError,
    Session, TlsInfo, UniqueId,
};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone)]
pub(crate) struct StoredMessage {
    pub(crate) uid: Uid,
    pub(crate) bytes: Vec<u8>,
    pub(crate) unique_id: Option<String>,
}

/// How reading a message goes wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadFault {
    Gone,
    Unreadable,
    /// After the first piece.
    Break,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) logins: Logins,
    pub(crate) messages: Vec<StoredMessage>,
    pub(crate) is_locked: bool,
    pub(crate) open_error: Option<OpenError>,
    pub(crate) read_fault: Option<ReadFault>,
    pub(crate) commit_fails: bool,
    /// Pieces in which messages are read.
    pub(crate) piece: usize,
    /// What the driver was asked to read, in bytes.
    pub(crate) read: usize,
}

impl Shared {
    pub(crate) fn new() -> Rc<RefCell<Shared>> {
        Rc::new(RefCell::new(Shared {
            logins: Logins::new(),
            messages: Vec::new(),
            is_locked: false,
            open_error: None,
            read_fault: None,
            commit_fails: false,
            piece: 7,
            read: 0,
        }))
    }

    pub(crate) fn add(&mut self, bytes: Vec<u8>) {
        let next = self.messages.last().map_or(Uid::FIRST, |m| m.uid.next().unwrap());
        self.messages.push(StoredMessage { uid: next, bytes, unique_id: None });
    }

    fn open(&mut self) -> Result<Maildrop, OpenError> {
        if let Some(error) = self.open_error {
            return Err(error);
        }
        if std::mem::replace(&mut self.is_locked, true) {
            return Err(OpenError::InUse);
        }
        let validity = UidValidity::new(0x2a).unwrap();
        let mut maildrop = Maildrop::with_capacity(validity, self.messages.len());
        for message in &self.messages {
            let mut octets = OctetCounter::new();
            octets.add(&message.bytes);
            let unique_id = message.unique_id.as_deref().map(|id| UniqueId::parse(id).unwrap());
            maildrop.push(message.uid, u32::try_from(octets.total()).unwrap(), unique_id);
        }
        Ok(maildrop)
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
    holds_lock: bool,
}

impl transcripts::Driver for Driver {
    fn send(&mut self, bytes: &[u8]) {
        // What comes between STLS and the end of the handshake goes to the TLS layer, never to us.
        if !self.awaits_tls {
            self.input.extend_from_slice(bytes);
            self.run();
        }
    }

    fn run(&mut self) {
        let now = self.shared.borrow().logins.clock.now();
        self.session.timed_out(now);
        let mut out = Vec::new();
        while self.closed.is_none() && !self.awaits_tls {
            let mut input = self.input.as_slice();
            let event = self.session.receive(&mut input, &mut out, now);
            let used = self.input.len() - input.len();
            self.input.drain(..used);
            self.output_peak = self.output_peak.max(out.len());
            let is_read = event == Event::Read;
            self.handle(event, &mut out);
            if is_read {
                break;
            }
        }
        self.output.append(&mut out);
    }

    fn start_tls(&mut self, tls: &TlsInfo) {
        assert!(std::mem::take(&mut self.awaits_tls), "no STLS was agreed");
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
            holds_lock: false,
        };
        driver.session.greet(&mut driver.output);
        driver
    }

    fn handle(&mut self, event: Event, out: &mut Vec<u8>) {
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
            Event::LoginFailed(failure) => self.shared.borrow_mut().logins.failures.push(failure),
            Event::OpenMaildrop(identity, method) => {
                self.shared.borrow_mut().logins.methods.push(method);
                assert_eq!(&*identity.login, "alice@example.com");
                let opened = self.shared.borrow_mut().open();
                self.holds_lock = opened.is_ok();
                self.session.maildrop_opened(opened, out, now);
            }
            Event::Retrieve { uid, part } => self.retrieve(uid, part, out),
            Event::Commit(uids) => {
                let mut shared = self.shared.borrow_mut();
                let is_done = !shared.commit_fails;
                if is_done {
                    shared.messages.retain(|m| !uids.contains(&m.uid));
                }
                self.session.committed(is_done, out);
            }
            Event::StartTls { discarded } => {
                self.discarded = discarded;
                self.awaits_tls = true;
            }
            Event::Close(reason) => {
                self.closed = Some(reason);
                self.release();
            }
        }
    }

    fn retrieve(&mut self, uid: Uid, part: Part, out: &mut Vec<u8>) {
        let mut shared = self.shared.borrow_mut();
        let now = shared.logins.clock.now();
        let fault = shared.read_fault;
        match fault {
            Some(ReadFault::Gone) => {
                return self.session.message_failed(RetrieveError::Gone, out, now);
            }
            Some(ReadFault::Unreadable) => {
                return self.session.message_failed(RetrieveError::Temporary, out, now);
            }
            Some(ReadFault::Break) | None => {}
        }
        let message = shared.messages.iter().find(|m| m.uid == uid).unwrap().clone();
        assert!(matches!(part, Part::Whole | Part::Top { .. }));
        for chunk in message.bytes.chunks(shared.piece) {
            shared.read += chunk.len();
            match self.session.message(chunk, out) {
                Feed::More => {}
                Feed::Flush => {
                    self.output_peak = self.output_peak.max(out.len());
                    self.output.append(out);
                }
                Feed::Enough => return,
            }
            if fault == Some(ReadFault::Break) {
                return self.session.message_failed(RetrieveError::Temporary, out, now);
            }
        }
        self.session.message_end(out, now);
    }

    fn release(&mut self) {
        if std::mem::take(&mut self.holds_lock) {
            self.shared.borrow_mut().is_locked = false;
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.release();
    }
}

pub(crate) fn config() -> Config {
    Config::new(Domain::parse("mail.example.com").unwrap())
}
