//! `EHLO name` and `HELO name` (RFC 5321 4.1.1.1).

use crate::smtp::config::Service;
use crate::smtp::envelope::Hello;
use crate::smtp::event::Event;
use crate::smtp::reply::{Reply, write_line};
use crate::smtp::session::{Client, Session, State};

impl Session {
    /// Takes the client's name. An open message is given up (RFC 5321 4.1.4); a login stays.
    pub(super) fn greet_client(
        &mut self,
        name: &str,
        extended: bool,
        out: &mut Vec<u8>,
    ) -> Option<Event<'static>> {
        let Some(hello) = Hello::parse(name, extended) else {
            return self.refuse_command(&Reply::BAD_HELLO, out);
        };
        self.end_transaction();
        let login = match std::mem::take(&mut self.state) {
            State::Ready(client) => client.login,
            _ => None,
        };
        self.state = State::Ready(Box::new(Client { hello, login }));
        if extended {
            self.announce(out);
        } else {
            Reply::bare(250, self.config.hostname.ascii().to_owned()).write(out);
        }
        None
    }

    /// EHLO's reply: what works now, on this connection.
    fn announce(&self, out: &mut Vec<u8>) {
        let config = &self.config;
        let mut words = vec![config.hostname.ascii().to_owned(), "PIPELINING".into()];
        words.push(format!("SIZE {}", config.message_bytes_max));
        words.extend(["8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"].map(Into::into));
        if config.binarymime {
            words.push("BINARYMIME".into());
        }
        if config.dsn {
            words.push("DSN".into());
        }
        if self.takes_require_tls() {
            words.push("REQUIRETLS".into());
        }
        let (mails, recipients) = (config.messages_max, config.recipients_max);
        words.push(format!("LIMITS MAILMAX={mails} RCPTMAX={recipients}"));
        if self.offers_starttls() {
            words.push("STARTTLS".into());
        }
        let mechanisms = self.offer().mechanisms();
        if !mechanisms.is_empty() {
            words.push(format!("AUTH {mechanisms}"));
        }
        let last = words.len().saturating_sub(1);
        for (at, word) in words.iter().enumerate() {
            write_line(out, 250, at == last, "", word);
        }
    }

    /// RFC 3207 4.2: not again under TLS; port 465 has no plaintext.
    pub(super) fn offers_starttls(&self) -> bool {
        self.config.starttls
            && self.tls.is_none()
            && !matches!(self.config.service, Service::Submissions)
    }

    /// RFC 8689 2: only under TLS.
    pub(super) fn takes_require_tls(&self) -> bool {
        self.config.requiretls && self.tls.is_some()
    }
}
