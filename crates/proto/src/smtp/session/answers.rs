//! The driver's answers to a session's questions. (AUTH's is with its command.)

use super::Session;
use super::state::{State, Transaction};
use crate::smtp::envelope::Envelope;
use crate::smtp::reply::Reply;
use crate::smtp::transfer::Dotted;
use posthorn_base::ArrivalId;

impl Session {
    /// Answers [`Event::CheckSender`](crate::smtp::Event::CheckSender).
    pub fn sender_checked(&mut self, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        match (std::mem::take(&mut self.state), verdict) {
            (State::SenderAsked(client, mail), Ok(())) => {
                let envelope = Envelope { mail: *mail, recipients: Vec::new() };
                let transaction = Transaction { envelope, weight: 0, some_refused: false };
                self.state = State::Mail(client, Box::new(transaction));
                self.messages = self.messages.saturating_add(1);
                Reply::SENDER_OK.write(out);
            }
            (State::SenderAsked(client, _), Err(reply)) => {
                self.state = State::Ready(client);
                self.fail(&reply, out);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// Answers [`Event::CheckRecipient`](crate::smtp::Event::CheckRecipient).
    pub fn recipient_checked(&mut self, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        match (std::mem::take(&mut self.state), verdict) {
            (State::RecipientAsked(client, mut transaction, recipient), Ok(())) => {
                transaction.weight += recipient.weight();
                transaction.envelope.recipients.push(recipient);
                self.state = State::Mail(client, transaction);
                Reply::RECIPIENT_OK.write(out);
            }
            (State::RecipientAsked(client, mut transaction, _), Err(reply)) => {
                transaction.some_refused = true;
                self.state = State::Mail(client, transaction);
                self.fail_recipient(&reply, out);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// Answers [`Event::DataBegin`](crate::smtp::Event::DataBegin).
    pub fn data_checked(&mut self, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        match (std::mem::take(&mut self.state), verdict) {
            (State::DataAsked(incoming), Ok(())) => {
                self.state = State::Data(incoming, Dotted::new());
                Reply::bare(354, "Send the message, then a line with only a dot").write(out);
            }
            (State::DataAsked(incoming), Err(reply)) => {
                self.state = State::Ready(incoming.client);
                self.fail(&reply, out);
            }
            (State::ChunkAsked(incoming, chunk), Ok(())) => {
                self.state = chunk.begin(incoming);
            }
            (State::ChunkAsked(incoming, chunk), Err(reply)) => {
                let next = Box::new(State::Ready(incoming.client));
                self.state = State::Discard(chunk.left, reply, next);
            }
            (other, _) => self.not_asked(other),
        }
    }

    /// Data cannot be kept any more (the disk is full, say): refuses the message when its end has
    /// come. No more [`Event::Data`](crate::smtp::Event::Data) of it follows. After
    /// [`Event::DataRefused`](crate::smtp::Event::DataRefused) it replaces the reply, for instance
    /// by one that names the story's id.
    pub fn data_failed(&mut self, reply: Reply) {
        match &mut self.state {
            State::Data(incoming, _)
            | State::Chunk(incoming, _, _)
            | State::BetweenChunks(incoming, _) => {
                incoming.fault = Some(reply);
            }
            _ => {}
        }
    }

    /// Answers [`Event::DataEnd`](crate::smtp::Event::DataEnd): the message is on stable storage.
    /// This is the promise.
    pub fn delivered(&mut self, id: ArrivalId, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::DeliveryAsked(client) => {
                self.state = State::Ready(client);
                (self.errors, self.refused_recipients) = (0, 0);
                Reply::DELIVERED.with_text(format!("Message accepted, id {id}")).write(out);
            }
            other => self.not_asked(other),
        }
    }

    /// Answers [`Event::DataEnd`](crate::smtp::Event::DataEnd): the message is not taken.
    pub fn refused(&mut self, reply: &Reply, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.state) {
            State::DeliveryAsked(client) => {
                self.state = State::Ready(client);
                self.fail(reply, out);
            }
            other => self.not_asked(other),
        }
    }

    /// An answer without its question is a fault of the driver, not of the peer.
    pub(crate) fn not_asked(&mut self, state: State) {
        debug_assert!(false, "an answer, but no such question is open: {state:?}");
        self.state = state;
    }
}
