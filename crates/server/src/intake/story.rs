//! The story of a message while it arrives.

use crate::smtp::Facts;
use posthorn_base::{ArrivalId, Time};
use posthorn_proto::sasl::{Identity, Mechanism};
use posthorn_proto::smtp::{Mail, Reply};
use posthorn_store::story::{Event, Kind, Label, NewStory, StoryKind};

/// Recipients whose fate is told one by one; a message to more of them is told in part.
const RECIPIENTS_TOLD_MAX: usize = 1000;

/// How a connection began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    service: &'static str,
    at: Time,
}

impl Opening {
    pub(super) fn new(service: &'static str, at: Time) -> Self {
        Opening { service, at }
    }

    /// The first events of a message's story, up to MAIL, which came at `at`.
    pub(super) fn events(
        &self,
        facts: Facts<'_>,
        login: Option<&Login>,
        mail: &Mail,
        at: Time,
    ) -> Vec<Event> {
        let mut events = vec![
            Event::new(self.at, Kind::Connected)
                .with(Label::Peer, facts.peer.to_string())
                .with(Label::Service, self.service)
                .with(Label::Name, facts.id.to_string()),
        ];
        if let Some(tls) = facts.tls {
            events.push(
                Event::new(at, Kind::Encrypted)
                    .with(Label::Version, tls.version)
                    .with(Label::Cipher, tls.cipher.as_str()),
            );
        }
        if let Some(hello) = facts.hello {
            events.push(Event::new(at, Kind::Greeted).with(Label::Name, hello.as_given()));
        }
        events.extend(login.map(Login::event));
        let mut sender = Event::new(at, Kind::Sender).with(Label::Address, mail.from.to_string());
        if let Some(size) = mail.size {
            sender = sender.with(Label::Octets, size.to_string());
        }
        events.push(sender);
        events
    }
}

/// A login of this connection.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) identity: Identity,
    pub(super) mechanism: Mechanism,
    pub(super) at: Time,
}

impl Login {
    fn event(&self) -> Event {
        Event::new(self.at, Kind::LoggedIn)
            .of(self.identity.account)
            .with(Label::Login, self.identity.login.as_ref())
            .with(Label::Mechanism, self.mechanism.name())
    }
}

/// An event about a reply that refuses something.
pub(super) fn refusal(at: Time, kind: Kind, reply: &Reply) -> Event {
    Event::new(at, kind).with(Label::Reply, format!("{} {}", reply.code(), reply.text()))
}

/// Puts the parts of a story together.
pub(super) fn tell(
    arrival: ArrivalId,
    kind: StoryKind,
    mut events: Vec<Event>,
    at: Time,
) -> NewStory {
    // The end of a story is what its readers look for first.
    if events.len() > RECIPIENTS_TOLD_MAX + 100 {
        let end = events.split_off(events.len() - 50);
        events.truncate(RECIPIENTS_TOLD_MAX);
        events.extend(end);
    }
    NewStory { arrival, at, kind, events }
}
