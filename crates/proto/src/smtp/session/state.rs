//! The states of a session, and what is known in each.

use crate::sasl::{Exchange, Identity};
use crate::smtp::command::bdat::Chunk;
use crate::smtp::envelope::{Envelope, Hello, Mail, Recipient};
use crate::smtp::event::{CloseReason, DataFault, Event};
use crate::smtp::reply::Reply;
use crate::smtp::transfer::{Chunked, Dotted};
use posthorn_base::Time;

/// Whom we talk to, as far as EHLO and AUTH have told us.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) hello: Hello,
    pub(crate) login: Option<Identity>,
}

/// A message between MAIL and its data.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) envelope: Envelope,
    /// Memory that the recipients take.
    pub(crate) weight: usize,
    /// Some RCPT was refused.
    pub(crate) some_refused: bool,
}

/// A message whose data is coming.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) client: Box<Client>,
    pub(crate) is_binary: bool,
    /// Bytes so far, while there is no fault.
    pub(crate) size: u64,
    /// Why the message is refused when its end has come.
    pub(crate) fault: Option<Reply>,
    /// When it must have come.
    pub(crate) until: Time,
}

/// What the session is in the middle of.
#[derive(Debug, Default)]
pub(crate) enum State {
    /// Nothing was said yet.
    Connected,
    /// The greeting was a refusal: only QUIT is left (RFC 5321 3.1).
    Refused,
    /// No EHLO yet. Also what a state leaves behind while a command takes it apart.
    #[default]
    Greeted,
    /// After EHLO or HELO, between messages.
    Ready(Box<Client>),
    /// The driver looks at MAIL.
    SenderAsked(Box<Client>, Box<Mail>),
    /// RCPT or data may follow.
    Mail(Box<Client>, Box<Transaction>),
    /// The driver looks at RCPT.
    RecipientAsked(Box<Client>, Box<Transaction>, Recipient),
    /// The driver looks at DATA.
    DataAsked(Box<Incoming>),
    /// Data comes, up to CR LF `.` CR LF.
    Data(Box<Incoming>, Dotted),
    /// The driver looks at the first BDAT.
    ChunkAsked(Box<Incoming>, Chunk),
    /// The octets of a BDAT come.
    Chunk(Box<Incoming>, Chunked, Chunk),
    /// Another BDAT may follow.
    BetweenChunks(Box<Incoming>, Chunked),
    /// The octets of a refused BDAT come; then the reply, then the state before it.
    Discard(u64, Reply, Box<State>),
    /// The driver decides what becomes of the message.
    DeliveryAsked(Box<Client>),
    /// The driver looks at AUTH or at a response.
    AuthAsked(Box<Client>, Box<Exchange>),
    /// The client owes a response.
    AuthLine(Box<Client>, Box<Exchange>),
    /// The TLS handshake is under way.
    StartTls,
    /// It is over.
    Closed(CloseReason),
}

impl State {
    pub(super) fn client(&self) -> Option<&Client> {
        match self {
            State::Ready(client)
            | State::SenderAsked(client, _)
            | State::Mail(client, _)
            | State::RecipientAsked(client, _, _)
            | State::DeliveryAsked(client)
            | State::AuthAsked(client, _)
            | State::AuthLine(client, _) => Some(client),
            State::DataAsked(incoming)
            | State::Data(incoming, _)
            | State::ChunkAsked(incoming, _)
            | State::Chunk(incoming, _, _)
            | State::BetweenChunks(incoming, _) => Some(&incoming.client),
            State::Discard(_, _, next) => next.client(),
            State::Connected
            | State::Refused
            | State::Greeted
            | State::StartTls
            | State::Closed(_) => None,
        }
    }

    /// True while the driver owes an answer.
    pub(super) fn is_asking(&self) -> bool {
        match self {
            State::SenderAsked(..)
            | State::RecipientAsked(..)
            | State::DataAsked(_)
            | State::ChunkAsked(..)
            | State::DeliveryAsked(_)
            | State::AuthAsked(..) => true,
            State::Connected
            | State::Refused
            | State::Greeted
            | State::Ready(_)
            | State::Mail(..)
            | State::Data(..)
            | State::Chunk(..)
            | State::BetweenChunks(..)
            | State::Discard(..)
            | State::AuthLine(..)
            | State::StartTls
            | State::Closed(_) => false,
        }
    }
}

impl Incoming {
    /// Passes text on, until there is a fault.
    pub(crate) fn text<'a>(&mut self, text: &'a [u8], max: u64) -> Option<Event<'a>> {
        if self.fault.is_some() {
            return None;
        }
        // RFC 1870 5: CR LF counts; stuffed dots and the end of the data don't.
        self.size = self.size.saturating_add(text.len() as u64);
        if self.size > max {
            self.fault = Some(Reply::TOO_BIG);
            return Some(Event::DataRefused(DataFault::TooBig));
        }
        Some(Event::Data(text))
    }

    /// A bare CR or LF was found.
    pub(crate) fn bare(&mut self) -> Option<Event<'static>> {
        if self.fault.is_some() {
            return None;
        }
        self.fault = Some(Reply::BARE_CR_OR_LF);
        Some(Event::DataRefused(DataFault::BareCrOrLf))
    }
}
