//! The handler of one SMTP connection.

use super::arrival::Arrival;
use super::recipients::{self, Accepted, Asker};
use super::story::{Login, Opening, refusal, tell};
use super::submission;
use crate::node::Node;
use crate::smtp::{Facts, Handler, Note};
use crate::spool::Spooled;
use posthorn_base::{ArrivalId, Time};
use posthorn_proto::sasl::{Answer, Question, Success};
use posthorn_proto::smtp::{Envelope, Mail, Recipient, Reply};
use posthorn_store::directory::Scopes;
use posthorn_store::story::{Event, Kind, Label, StoryKind};
use std::sync::Arc;

/// Answers the questions of one connection from the store.
#[derive(Debug)]
pub struct Intake {
    node: Arc<Node>,
    opening: Opening,
    login: Option<Login>,
    /// How the login that is being checked is made.
    transaction: Option<Transaction>,
    /// Received says where a submission came from.
    shows_client: bool,
}

/// A message between MAIL and its fate.
#[derive(Debug)]
struct Transaction {
    mail: Mail,
    /// When MAIL came.
    at: Time,
    recipients: Vec<Accepted>,
    events: Vec<Event>,
}

impl Intake {
    /// The handler of a connection that was just accepted by the service of this name.
    /// `shows_client`: the Received field of a submission tells the client's address, which is that
    /// of a user's home or phone.
    pub fn new(node: Arc<Node>, service: &'static str, shows_client: bool) -> Self {
        let opening = Opening::new(service, node.now());
        Intake { node, opening, login: None, transaction: None, shows_client }
    }

    /// Mail that is refused before its data, or given up after something was refused, has a story,
    /// too.
    fn tell_refusal(
        &self,
        facts: Facts<'_>,
        (mail, at): (&Mail, Time),
        events: Vec<Event>,
        reply: &Reply,
    ) {
        let now = self.node.now();
        let mut all = self.opening.events(facts, self.login.as_ref(), mail, at);
        all.extend(events);
        all.push(refusal(now, Kind::Refused, reply));
        let story = tell(self.node.next_id(), StoryKind::Refused, all, now);
        self.node.refusals.record(facts.peer.ip(), reply.code(), story, now);
    }

    fn abandoned(&mut self, facts: Facts<'_>) {
        let Some(Transaction { mail, at, events, .. }) = self.transaction.take() else { return };
        let is_refusal = |event: &Event| {
            event.kind == Kind::RecipientRefused
                || (event.kind == Kind::Checked && event.detail(Label::Outcome) == Some("refuse"))
        };
        if events.iter().any(is_refusal) {
            let reply = Reply::new(554, 0, 0, "given up by the client");
            self.tell_refusal(facts, (&mail, at), events, &reply);
        }
    }

    fn require_room(&self) -> Result<(), Reply> {
        if self.node.engine.has_room() { Ok(()) } else { Err(Reply::NO_STORAGE) }
    }
}

impl Handler for Intake {
    async fn check_sender(&mut self, facts: Facts<'_>, mail: &Mail) -> Result<(), Reply> {
        self.abandoned(facts);
        let at = self.node.now();
        let mut verdict = self.require_room();
        if let (Ok(()), Some(login)) = (&verdict, facts.login) {
            verdict = submission::check_sender(&self.node, login.account, &mail.from).await;
        }
        match &verdict {
            Ok(()) => {
                let (recipients, events) = (Vec::new(), Vec::new());
                self.transaction = Some(Transaction { mail: mail.clone(), at, recipients, events });
            }
            Err(reply) => self.tell_refusal(facts, (mail, at), Vec::new(), reply),
        }
        verdict
    }

    async fn check_recipient(
        &mut self,
        facts: Facts<'_>,
        recipient: &Recipient,
    ) -> Result<(), Reply> {
        let transaction = self.transaction.as_mut().ok_or(Reply::MAIL_FIRST)?;
        let copies = transaction.recipients.iter().map(|accepted| accepted.resolution.copies());
        let asker = Asker {
            copies: copies.fold(0, usize::saturating_add),
            peer: facts.peer.ip(),
            mail: &transaction.mail,
            submitter: facts.login.map(|login| login.account),
        };
        let events = &mut transaction.events;
        let resolution = recipients::check(&self.node, asker, recipient, events).await?;
        transaction.recipients.push(Accepted { recipient: recipient.clone(), resolution });
        Ok(())
    }

    async fn begin(&mut self, _: Facts<'_>, _: &Envelope) -> Result<(), Reply> {
        self.require_room()
    }

    async fn accept(
        &mut self,
        facts: Facts<'_>,
        _: Envelope,
        message: Spooled,
    ) -> Result<ArrivalId, Reply> {
        let id = self.node.next_id();
        let transaction = self.transaction.take().ok_or(Reply::MAIL_FIRST)?;
        let Transaction { mail, at, recipients, events } = transaction;
        let arrival = Arrival {
            id,
            opening: &self.opening,
            facts,
            login: self.login.as_ref(),
            mail,
            at,
            recipients,
            events,
            hides_client: facts.login.is_some() && !self.shows_client,
        };
        arrival.settle(&self.node, message).await.map(|()| id)
    }

    async fn authenticate(&mut self, facts: Facts<'_>, question: Question) -> Answer {
        let certificate = facts.tls.and_then(|tls| tls.client_certificate.as_deref());
        self.node.auth.answer(question, Scopes::SMTP, certificate).await
    }

    fn note(&mut self, facts: Facts<'_>, note: Note<'_>) {
        let now = self.node.now();
        match note {
            Note::LoggedIn(Success { identity, mechanism }) => {
                let (identity, mechanism) = (identity.clone(), *mechanism);
                self.login = Some(Login { identity, mechanism, at: now });
            }
            Note::DataRefused(fault) => {
                let event = Event::new(now, Kind::Checked)
                    .with(Label::Name, "octets")
                    .with(Label::Outcome, "refuse")
                    .with(Label::Reason, fault.to_string());
                if let Some(transaction) = &mut self.transaction {
                    transaction.events.push(event);
                }
            }
            Note::Abandoned | Note::Closed(_) => self.abandoned(facts),
            Note::EarlyTalk
            | Note::TextBeforeTls(_)
            | Note::LoginFailed(..)
            | Note::LoginThrottled(_) => {}
        }
    }
}
