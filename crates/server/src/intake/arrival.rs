//! A message whose last octet has come: checked, completed, planned, committed.

use super::plan::{Draft, plan};
use super::recipients::{Accepted, failed};
use super::story::{Login, Opening, refusal, tell};
use super::submission;
use super::work::{Octets, heavy, load};
use crate::facts::email_facts;
use crate::node::Node;
use crate::smtp::Facts;
use crate::spool::Spooled;
use bytes::Bytes;
use posthorn_base::{ArrivalId, Time, limits};
use posthorn_message::complete::{Submission, complete_headers};
use posthorn_message::{Parsed, parse};
use posthorn_proto::smtp::{Mail, Peer, Received, Reply, return_path};
use posthorn_store::EngineError;
use posthorn_store::bodies::BodyWriter;
use posthorn_store::directory::ReadAccount;
use posthorn_store::mail::{EmailFacts, NewBody, bulk};
use posthorn_store::story::{Event, Kind, Label, StoryKind};

/// Everything known of a message when its last octet has come.
pub(super) struct Arrival<'a> {
    pub(super) id: ArrivalId,
    pub(super) opening: &'a Opening,
    pub(super) facts: Facts<'a>,
    pub(super) login: Option<&'a Login>,
    pub(super) mail: Mail,
    /// When MAIL came.
    pub(super) at: Time,
    pub(super) recipients: Vec<Accepted>,
    /// What happened since MAIL.
    pub(super) events: Vec<Event>,
    /// The client's address is nobody's business.
    pub(super) hides_client: bool,
}

impl Arrival<'_> {
    /// Decides what becomes of the message. `Ok` is the promise: it is on stable storage, and so is
    /// its fate.
    pub(super) async fn settle(mut self, node: &Node, spooled: Spooled) -> Result<(), Reply> {
        let settled = self.try_settle(node, spooled).await;
        if let Err(reply) = &settled {
            self.tell_refusal(node, reply);
        }
        settled
    }

    async fn try_settle(&mut self, node: &Node, spooled: Spooled) -> Result<(), Reply> {
        // Held while its octets are in memory.
        let turn = match spooled.in_memory() {
            Some(_) => None,
            None => {
                let turn = node.large.turn(self.facts.peer.ip(), spooled.len()).await;
                Some(turn.map_err(|error| {
                    tracing::warn!(%error, arrival = %self.id, "a message is put off");
                    Reply::LOCAL_ERROR
                })?)
            }
        };
        let octets = load(node, spooled).await.map_err(|_| Reply::LOCAL_ERROR)?;
        if begins_folded(octets.get()) {
            return Err(Reply::new(550, 6, 0, "The message's header begins with white space"));
        }
        let octets = self.complete(node, octets).await?;
        let (parsed, octets) = heavy(node, octets, |octets| (parse(octets.get()), octets))
            .await
            .map_err(|_| Reply::LOCAL_ERROR)?;
        self.check(node, &parsed).await?;
        let prefix = self.trace(node)?;
        let body_id = node.next_id();
        let files = node.files.clone();
        let (facts, body) = heavy(node, (octets, parsed), move |(octets, parsed)| {
            let facts = email_facts(&parsed, &prefix, octets.get())?;
            let body = BodyWriter::encode(&files, body_id, octets.get(), prefix)?;
            Ok::<(EmailFacts, NewBody), EngineError>((facts, body))
        })
        .await
        .map_err(|_| Reply::LOCAL_ERROR)?
        .map_err(|error| failed(error.into()))?;
        drop(turn);
        let now = node.zoned_now();
        let mut events = self.all_events();
        let draft = Draft {
            arrival: self.id,
            mail: &self.mail,
            recipients: &self.recipients,
            submitter: self.login.map(|login| login.identity.account),
        };
        let plan = plan(node, draft, &mut events, now, facts, body).await?;
        bulk::accept(&node.engine, plan).await.map_err(failed)?;
        Ok(())
    }

    fn all_events(&mut self) -> Vec<Event> {
        let mut events = self.opening.events(self.facts, self.login, &self.mail, self.at);
        events.append(&mut self.events);
        events
    }

    /// RFC 6409 8: a submission gets what its header lacks; nobody else's message is touched.
    async fn complete(&mut self, node: &Node, octets: Octets) -> Result<Octets, Reply> {
        let Some(login) = self.login else { return Ok(octets) };
        let account = login.identity.account;
        let facts = node.engine.read(&ReadAccount { account }).await.map_err(failed)?;
        let facts = facts.ok_or(Reply::LOCAL_ERROR)?;
        let Ok(from) = facts.address.parse() else { return Err(Reply::LOCAL_ERROR) };
        let message = octets.get();
        let section = header_section(message);
        let rest = message.get(section.len()..).unwrap_or_default();
        let completed = complete_headers(
            section,
            &Submission {
                date: node.zoned_now(),
                message_id: &format!("{}@{}", self.id, node.hostname.ascii()),
                from: &from,
                from_name: Some(facts.display_name.as_str()).filter(|name| !name.is_empty()),
            },
        );
        if completed.added.is_empty() && completed.removed.is_empty() {
            return Ok(octets);
        }
        let signed = |sign: char| move |name: &&str| format!("{sign}{name}");
        let added = completed.added.iter().map(signed('+'));
        let fields: Vec<String> = added.chain(completed.removed.iter().map(signed('-'))).collect();
        self.events
            .push(Event::new(node.now(), Kind::Completed).with(Label::Fields, fields.join(" ")));
        let mut message = completed.section;
        message.extend_from_slice(rest);
        Ok(Octets::Owned(message.into()))
    }

    /// What can be said against the message.
    async fn check(&mut self, node: &Node, parsed: &Parsed) -> Result<(), Reply> {
        let now = node.now();
        let header = parsed.header();
        let mut received = Event::new(now, Kind::Received)
            .with(Label::Octets, parsed.octets().to_string())
            .with(Label::Parts, parsed.map().parts().len().to_string());
        if let Some(id) = header.first("Message-ID") {
            let id = String::from_utf8_lossy(&id.unfolded()).trim().to_owned();
            received = received.with(Label::MessageId, id);
        }
        self.events.push(received);
        // RFC 5321 6.3: counting Received fields ends loops, whatever causes them.
        let hops = parsed.summary().received;
        let is_loop = hops > limits::SMTP_HOPS_MAX;
        self.events.push(
            Event::new(now, Kind::Checked)
                .with(Label::Name, "loop")
                .with(Label::Outcome, if is_loop { "refuse" } else { "pass" })
                .with(Label::Reason, format!("{hops} Received fields")),
        );
        if is_loop {
            return Err(Reply::LOOP);
        }
        let Some(login) = self.login else { return Ok(()) };
        let authors = submission::check_authors(node, login.identity.account, parsed).await;
        let outcome = if authors.is_ok() { "pass" } else { "refuse" };
        self.events.push(
            Event::new(now, Kind::Checked)
                .with(Label::Name, "author")
                .with(Label::Outcome, outcome),
        );
        authors
    }

    /// Our fields in front of the message. Return-Path is the first of them: whoever sends the
    /// message on leaves it out (RFC 5321 4.4).
    fn trace(&self, node: &Node) -> Result<Bytes, Reply> {
        let peer = Peer { address: self.facts.peer.ip(), name: None };
        let received = Received {
            hello: self.facts.hello.ok_or(Reply::HELLO_FIRST)?,
            peer: (!self.hides_client).then_some(peer),
            by: &node.hostname,
            smtputf8: self.mail.smtputf8,
            tls: self.facts.tls_words,
            authenticated: self.login.is_some(),
            id: self.id,
            date: node.zoned_now(),
        };
        Ok(format!("{}{received}", return_path(&self.mail.from)).into())
    }

    /// A refusal has a story, too.
    fn tell_refusal(&mut self, node: &Node, reply: &Reply) {
        let now = node.now();
        let mut events = self.all_events();
        events.push(refusal(now, Kind::Refused, reply));
        let story = tell(self.id, StoryKind::Refused, events, now);
        node.refusals.record(self.facts.peer.ip(), reply.code(), story, now);
    }
}

/// True when the first line would be read as the rest of the last field of ours in front of it: a
/// stranger must not write into our trace fields (RFC 5322 2.2.3; no header begins like this).
fn begins_folded(message: &[u8]) -> bool {
    matches!(message.first(), Some(b' ' | b'\t'))
}

/// The header section at the front of a message, with its blank line.
fn header_section(message: &[u8]) -> &[u8] {
    if message.starts_with(b"\r\n") {
        return message.get(..2).unwrap_or(message);
    }
    let end = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    message.get(..end).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_into_our_trace_fields() {
        assert!(begins_folded(b" spf=pass\r\nSubject: x\r\n\r\n"));
        assert!(begins_folded(b"\tx"));
        assert!(!begins_folded(b"Subject: x\r\n y\r\n\r\n"));
        assert!(!begins_folded(b"\r\n text\r\n") && !begins_folded(b""));
    }

    #[test]
    fn the_header_section_ends_with_its_blank_line() {
        #[track_caller]
        fn check(message: &str, want: &str) {
            assert_eq!(header_section(message.as_bytes()), want.as_bytes(), "{message:?}");
        }
        check("A: 1\r\n\r\nbody", "A: 1\r\n\r\n");
        check("\r\nbody\r\n\r\nmore", "\r\n");
        check("A: 1\r\n", "A: 1\r\n");
        check("", "");
    }
}
