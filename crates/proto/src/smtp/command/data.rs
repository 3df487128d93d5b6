//! `DATA` (RFC 5321 4.1.1.4).

use crate::smtp::envelope::{Body, Envelope};
use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::session::{Client, Incoming, Session, State, Transaction};
use posthorn_base::limits;

impl Session {
    /// Begins the message's data, ended by a line with only a dot.
    pub(super) fn data(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        if !args.is_empty() {
            return self.refuse_command(&Reply::NO_ARGUMENTS, out);
        }
        let (client, transaction) = match std::mem::take(&mut self.state) {
            State::Mail(client, transaction) => (client, transaction),
            state => return self.out_of_order(state, &Reply::MAIL_FIRST, out),
        };
        let refusal = match transaction.no_recipients() {
            Some(reply) => reply,
            None if transaction.envelope.mail.body == Body::BinaryMime => Reply::BINARY_NEEDS_BDAT,
            None => {
                let (incoming, envelope) = self.begin_data(client, *transaction);
                self.state = State::DataAsked(Box::new(incoming));
                return Some(Event::DataBegin(envelope));
            }
        };
        self.state = State::Mail(client, transaction);
        self.refuse_command(&refusal, out)
    }

    /// Turns a transaction into a message that comes in.
    pub(super) fn begin_data(
        &self,
        client: Box<Client>,
        transaction: Transaction,
    ) -> (Incoming, Envelope) {
        let envelope = transaction.envelope;
        let incoming = Incoming {
            client,
            is_binary: envelope.mail.body == Body::BinaryMime,
            size: 0,
            fault: None,
            until: self.now + limits::SMTP_DATA_TOTAL_MAX,
        };
        (incoming, envelope)
    }
}

impl Transaction {
    /// Why data cannot begin without recipients: there were none, or none was valid (RFC 5321 3.3).
    pub(super) fn no_recipients(&self) -> Option<Reply> {
        match (self.envelope.recipients.is_empty(), self.some_refused) {
            (false, _) => None,
            (true, true) => Some(Reply::NO_RECIPIENTS),
            (true, false) => Some(Reply::RECIPIENT_FIRST),
        }
    }
}
