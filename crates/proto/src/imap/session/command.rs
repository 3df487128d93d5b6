//! Commands: which state takes them, and those that the session answers by itself.

use super::{Phase, Session, State};
use crate::imap::capability::{CAPABILITIES, When};
use crate::imap::command::{self, Command, Enabled, Needs, Request, Tag};
use crate::imap::event::{CloseReason, Event};
use crate::imap::response::{self, Code, Completion};
use crate::imap::value::{FetchItem, StatusItem};
use crate::sasl::Mechanism;
use memchr::memchr;
use std::fmt::Write as _;

impl Session {
    /// A whole command. `input` is what stands behind it.
    pub(super) fn command(&mut self, text: &[u8], input: &mut &[u8], out: &mut Vec<u8>) {
        if self.is_http_request(text) {
            self.state = State::Closed(CloseReason::Http);
            return;
        }
        if memchr(0, text).is_some() {
            // RFC 3501 9: CHAR and CHAR8 leave NUL out; what is behind it must not get lost on
            // somebody who reads the same text as a C string.
            let refusal = Completion::bad("a command must not contain NUL");
            return self.refuse(command::tag_of(text).as_ref(), &refusal, out);
        }
        let (tag, command) = match command::parse(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let (tag, completion) = error.into_completion();
                return self.refuse(tag.as_ref(), &completion, out);
            }
        };
        let out_of_place = match (command.needs(), self.phase) {
            (Needs::NoLogin, Phase::Authenticated | Phase::Selected) => "you are logged in already",
            (Needs::Login | Needs::Selected, Phase::NotAuthenticated) => "log in first",
            (Needs::Selected, Phase::Authenticated) => "no mailbox is selected",
            _ => return self.execute(tag, command, input, out),
        };
        self.refuse(Some(&tag), &Completion::bad(out_of_place), out);
    }

    fn execute(&mut self, tag: Tag, command: Command, input: &mut &[u8], out: &mut Vec<u8>) {
        match command {
            Command::Capability => {
                response::capability(out, &self.capabilities());
                self.done(&tag, "that is all", out);
            }
            Command::Logout => {
                self.bye("goodbye", CloseReason::Logout, out);
                Completion::ok("logged out").write(Some(&tag), out);
            }
            Command::Id(fields) => {
                response::id(out, &[("name", "Posthorn")]);
                self.done(&tag, "nice to meet you", out);
                if !fields.is_empty() {
                    self.pending.push_back(Event::ClientId(fields));
                }
            }
            Command::StartTls => self.start_tls(&tag, input, out),
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(tag, &mechanism, initial.as_deref(), out);
            }
            Command::Login { name, password } => self.login(tag, &name, &password, out),
            Command::Enable(names) => self.enable(tag, &names, out),
            Command::Idle => {
                response::continuation(out, "idling");
                self.state = State::Idling(tag);
                self.pending.extend([Event::Flush, Event::IdleBegin]);
            }
            Command::Compress(mechanism) => self.compress(&tag, &mechanism, out),
            // Before the login nobody stands behind a request, and there is nothing to tell.
            Command::Request(Request::Noop) if self.phase == Phase::NotAuthenticated => {
                self.done(&tag, "done", out);
            }
            Command::Append(_) => {
                // The parser makes one of a literal only.
                let refusal = Completion::bad("the message of an APPEND is a literal");
                self.refuse(Some(&tag), &refusal, out);
            }
            Command::Request(request) => self.run(tag, request, out),
        }
    }

    fn done(&mut self, tag: &Tag, text: &'static str, out: &mut Vec<u8>) {
        Completion::ok(text).write(Some(tag), out);
    }

    fn run(&mut self, tag: Tag, request: Request, out: &mut Vec<u8>) {
        let wants_qresync = match &request {
            Request::Select(select) => select.qresync.is_some(),
            Request::Fetch(fetch) => fetch.vanished,
            _ => false,
        };
        if wants_qresync && !self.enabled.qresync {
            // RFC 7162 3.2.5, 3.2.6.
            let refusal = Completion::bad("ENABLE QRESYNC first").with(Code::ClientBug);
            return self.refuse(Some(&tag), &refusal, out);
        }
        self.enabled.condstore |= enables_condstore(&request);
        self.state = State::Running(tag);
        self.pending.push_back(Event::Run(request));
    }

    fn start_tls(&mut self, tag: &Tag, input: &mut &[u8], out: &mut Vec<u8>) {
        let refusal = match (self.is_tls, self.config.starttls) {
            (true, _) => "TLS is on already",
            (false, false) => "there is no certificate: no TLS here",
            (false, true) => {
                self.done(tag, "begin TLS now", out);
                self.state = State::StartTls;
                // RFC 2595 4, CVE-2011-0411: what came in clear text must not be taken for
                // protected.
                self.pending.push_back(Event::StartTls { discarded: input.len() });
                *input = &[];
                return;
            }
        };
        self.refuse(Some(tag), &Completion::bad(refusal), out);
    }

    fn compress(&mut self, tag: &Tag, mechanism: &str, out: &mut Vec<u8>) {
        let refusal = if mechanism != "DEFLATE" {
            Completion::bad("only DEFLATE is known").with(Code::Cannot)
        } else if self.is_compressed {
            // RFC 4978 3.
            Completion::no("compression is on already").with(Code::CompressionActive)
        } else {
            self.done(tag, "compressing from now on", out);
            self.state = State::Compressing;
            self.pending.push_back(Event::Compress);
            return;
        };
        self.refuse(Some(tag), &refusal, out);
    }

    /// RFC 5161 3.1: what we don't know is passed over; what is enabled already is told again.
    fn enable(&mut self, tag: Tag, names: &[Box<str>], out: &mut Vec<u8>) {
        let known: Vec<&str> = CAPABILITIES
            .iter()
            .filter(|known| known.can_be_enabled && names.iter().any(|name| **name == *known.name))
            .map(|known| known.name)
            .collect();
        response::enabled(out, &known);
        let is_named = |name: &str| known.contains(&name);
        // RFC 7162 3.2.3: QRESYNC enables CONDSTORE.
        self.enabled = Enabled {
            condstore: self.enabled.condstore || is_named("CONDSTORE") || is_named("QRESYNC"),
            qresync: self.enabled.qresync || is_named("QRESYNC"),
        };
        self.state = State::Running(tag);
        self.pending.push_back(Event::Run(Request::Enable(self.enabled)));
    }

    /// What the server can do now (RFC 3501 7.2.1).
    pub(super) fn capabilities(&self) -> String {
        let is_logged_in = self.phase != Phase::NotAuthenticated;
        let mut text = String::with_capacity(400);
        let names = CAPABILITIES.iter().filter(|capability| match capability.when {
            When::Always => true,
            When::BeforeLogin => !is_logged_in,
            When::AfterLogin => is_logged_in,
        });
        for (at, capability) in names.enumerate() {
            text.push_str(if at == 0 { "" } else { " " });
            text.push_str(capability.name);
        }
        if is_logged_in {
            if !self.is_compressed {
                text.push_str(" COMPRESS=DEFLATE");
            }
            // RFC 7889 3. Writing to a string cannot fail.
            let _ = write!(text, " APPENDLIMIT={}", self.config.message_bytes_max);
            return text;
        }
        if !self.is_tls && self.config.starttls {
            text.push_str(" STARTTLS");
        }
        let mechanisms = self.offer.mechanisms();
        if !mechanisms.contains(Mechanism::Plain) {
            text.push_str(" LOGINDISABLED");
        }
        for mechanism in mechanisms.iter() {
            let _ = write!(text, " AUTH={mechanism}");
        }
        text
    }
}

/// RFC 7162 3.1: the commands that enable CONDSTORE by themselves.
fn enables_condstore(request: &Request) -> bool {
    match request {
        Request::Select(select) => select.condstore || select.qresync.is_some(),
        Request::Status(status) => status.items.contains(&StatusItem::HighestModSeq),
        Request::Fetch(fetch) => {
            fetch.changed_since.is_some() || fetch.items.contains(&FetchItem::ModSeq)
        }
        Request::Store(store) => store.unchanged_since.is_some(),
        Request::Search(search) => search.key.has_mod_seq(),
        _ => false,
    }
}
