//! The loop around one SMTP session.

use super::handler::{Facts, Handler, Note};
use super::words::{closed, reply_to};
use crate::conn::{CloseReason, Connection};
use crate::dialogue::{self, Dialogue, Replies, Step, Stopping, Woken, converse};
use crate::listen::Accepted;
use crate::login::Logins;
use crate::spool::{Spool, SpoolDir};
use crate::system::SteadyClock;
use crate::throttle::{Offence, Throttle};
use crate::tls::{Offer, Tls, TlsInfo};
use posthorn_base::{Clock, ConnectionId};
use posthorn_proto::smtp::{self, Envelope, Event, Reply, Session};
use std::net::SocketAddr;
use std::sync::Arc;

/// The facts for a question, borrowed so that the handler can be borrowed too.
macro_rules! facts {
    ($self:ident) => {
        Facts {
            id: $self.facts.id,
            peer: $self.facts.peer,
            local: $self.facts.local,
            config: &$self.setup.config,
            hello: $self.session.hello(),
            login: $self.session.login(),
            tls: $self.facts.tls.as_ref(),
            tls_words: $self.session.tls(),
        }
    };
}

mod login;

/// The settings of one listener.
pub type Setup = dialogue::Setup<smtp::Config>;

/// What all connections share.
#[derive(Clone)]
pub struct Shared {
    /// Certificates.
    pub tls: Arc<Tls>,
    /// Counts failed logins and other offences.
    pub throttle: Arc<Throttle>,
    /// Where messages go while they arrive.
    pub spool: SpoolDir,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("tls", &self.tls).field("spool", &self.spool).finish()
    }
}

/// Serves one connection to its end.
pub async fn drive<H: Handler>(
    accepted: Accepted,
    setup: Arc<Setup>,
    shared: Arc<Shared>,
    handler: H,
) {
    let Accepted { stream, peer, local, id, admission, shutdown } = accepted;
    let tls = &shared.tls;
    let Some(conn) = setup.connection(stream, (peer, local), tls).await else { return };
    let steady = SteadyClock::new(shared.clock.as_ref());
    let tls = conn.tls().map(TlsInfo::words);
    let session = Session::new(Arc::clone(&setup.config), tls, steady.now());
    let logins = Logins::new(Arc::clone(&shared.throttle), peer.ip());
    let mut driver = Driver {
        facts: FactsKept { id, peer, local, tls: conn.tls().cloned() },
        setup,
        shared,
        session,
        handler,
        steady,
        out: Replies::default(),
        arriving: None,
        logins,
        messages: 0,
    };
    let (conn, reason) = converse(&mut driver, conn, shutdown).await;
    let (received, sent) = conn.as_ref().map_or((0, 0), |conn| (conn.received(), conn.sent()));
    tracing::info!(%reason, received, sent, messages = driver.messages, "closed");
    driver.note(Note::Closed(&reason));
    if let Some(conn) = conn {
        conn.close(&reason).await;
    }
    drop(admission); // the place is taken until the socket is gone
}

/// A message between its first byte and its fate.
struct Arriving {
    envelope: Envelope,
    /// `None` once the message is refused.
    spool: Option<Spool>,
}

/// What does not change, or changes with the TLS layer only.
struct FactsKept {
    id: ConnectionId,
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<TlsInfo>,
}

struct Driver<H> {
    facts: FactsKept,
    setup: Arc<Setup>,
    shared: Arc<Shared>,
    session: Session,
    handler: H,
    steady: SteadyClock,
    out: Replies,
    arriving: Option<Arriving>,
    logins: Logins,
    messages: u32,
}

impl<H: Handler> Dialogue for Driver<H> {
    fn tls(&self) -> (&Tls, Offer) {
        (&self.shared.tls, self.setup.offer)
    }

    /// Greets, after listening a while for those who cannot wait.
    async fn greet(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        let pause = self.setup.config.greeting_pause;
        if !pause.is_zero() {
            match conn.read(self.steady.instant(self.steady.now() + pause)).await {
                Ok(_) => {
                    let (mut rest, now) = (conn.input(), self.steady.now());
                    let event = self.session.receive(&mut rest, &mut self.out.bytes, now);
                    if event == Event::EarlyTalk {
                        self.note(Note::EarlyTalk);
                        self.offended(Offence::Protocol);
                    }
                }
                Err(CloseReason::IdleTimeout) => {}
                Err(reason) => return Err(reason),
            }
        }
        // Says nothing when the session has refused an early talker.
        self.session.greet(&mut self.out.bytes);
        self.write(conn).await
    }

    async fn step(&mut self, _: &mut Connection, input: &mut &[u8]) -> Result<Step, CloseReason> {
        match self.session.receive(input, &mut self.out.bytes, self.steady.now()) {
            Event::Read => return Ok(Step::Wait),
            Event::Flush => return Ok(Step::Flush),
            Event::Wait => return Ok(Step::left_open()),
            Event::Delay(hold) => self.out.hold_back(hold),
            Event::Data(bytes) => self.data(bytes).await,
            Event::StartTls { discarded } => {
                if discarded > 0 {
                    self.note(Note::TextBeforeTls(discarded));
                    self.offended(Offence::Protocol);
                }
                return Ok(Step::StartTls);
            }
            Event::Close(reason) => {
                if matches!(reason, smtp::CloseReason::Http | smtp::CloseReason::BareLf) {
                    self.offended(Offence::Protocol);
                }
                return Ok(Step::Close(closed(reason)));
            }
            question => self.answer(question).await,
        }
        Ok(Step::Next)
    }

    async fn write(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        self.out.write(conn).await.map(drop)
    }

    async fn wait(
        &mut self,
        conn: &mut Connection,
        stopping: &mut Stopping,
    ) -> Result<Woken, CloseReason> {
        // States without a deadline never wait for the peer.
        let idle = || self.steady.now() + self.setup.config.idle_max;
        let deadline = self.steady.instant(self.session.deadline().unwrap_or_else(idle));
        dialogue::input(conn, deadline, stopping).await
    }

    fn timed_out(&mut self) {
        self.session.timed_out(&mut self.out.bytes, self.steady.now());
    }

    fn drain(&mut self) {
        self.session.drain();
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        self.facts.tls = Some(tls.clone());
        self.session.tls_started(tls.words(), self.steady.now());
    }
}

impl<H: Handler> Driver<H> {
    /// Answers what the session asks, and tells what it tells.
    async fn answer(&mut self, event: Event<'_>) {
        match event {
            Event::CheckSender(mail) => {
                let verdict = self.handler.check_sender(facts!(self), &mail).await;
                self.session.sender_checked(verdict, &mut self.out.bytes);
            }
            Event::CheckRecipient(recipient) => {
                let verdict = self.handler.check_recipient(facts!(self), &recipient).await;
                if let Err(reply) = &verdict {
                    self.count_refusal(reply);
                }
                self.session.recipient_checked(verdict, &mut self.out.bytes);
            }
            Event::DataBegin(envelope) => {
                let verdict = self.handler.begin(facts!(self), &envelope).await;
                if verdict.is_ok() {
                    let spool = Some(self.shared.spool.begin(self.facts.peer.ip()));
                    self.arriving = Some(Arriving { envelope, spool });
                }
                self.session.data_checked(verdict, &mut self.out.bytes);
            }
            Event::DataRefused(fault) => {
                if let Some(arriving) = &mut self.arriving {
                    arriving.spool = None;
                }
                if fault == smtp::DataFault::BareCrOrLf {
                    self.offended(Offence::Smuggling);
                }
                self.note(Note::DataRefused(fault));
            }
            // Boxed, as the next one: its state is larger than all others', and would be part of
            // every connection that waits for its peer.
            Event::DataEnd { size } => Box::pin(self.decide(size)).await,
            Event::Abandon => {
                self.arriving = None;
                self.note(Note::Abandoned);
            }
            Event::Authenticate(question) => Box::pin(self.authenticate(question)).await,
            Event::LoggedIn(success) => self.logged_in(&success),
            Event::LoginFailed(failure) => self.login_failed(&failure),
            Event::EarlyTalk => self.note(Note::EarlyTalk),
            // `step` takes these.
            Event::Read
            | Event::Flush
            | Event::Wait
            | Event::Delay(_)
            | Event::Data(_)
            | Event::StartTls { .. }
            | Event::Close(_) => {}
        }
    }

    async fn data(&mut self, bytes: &[u8]) {
        let Some(arriving) = &mut self.arriving else { return };
        let Some(spool) = &mut arriving.spool else { return };
        if let Err(error) = spool.push(bytes).await {
            arriving.spool = None;
            self.session.data_failed(reply_to(&error));
        }
    }

    async fn decide(&mut self, size: u64) {
        let verdict = match self.arriving.take() {
            Some(Arriving { envelope, spool: Some(spool) }) => match spool.finish().await {
                Ok(message) if message.len() == size => {
                    self.handler.accept(facts!(self), envelope, message).await
                }
                Ok(message) => {
                    tracing::error!(
                        size,
                        spooled = message.len(),
                        "a message lost its bytes; a bug"
                    );
                    Err(Reply::LOCAL_ERROR)
                }
                Err(error) => Err(reply_to(&error)),
            },
            Some(Arriving { spool: None, .. }) | None => {
                tracing::error!("a message ended that had not begun; this is a bug");
                Err(Reply::LOCAL_ERROR)
            }
        };
        match verdict {
            Ok(arrival) => {
                self.messages = self.messages.saturating_add(1);
                tracing::info!(%arrival, size, "accepted");
                self.session.delivered(arrival, &mut self.out.bytes);
            }
            Err(reply) => {
                tracing::info!(%reply, size, "refused");
                self.session.refused(&reply, &mut self.out.bytes);
            }
        }
    }

    /// Unknown recipients and relaying are how address harvesters and open-relay scanners look.
    fn count_refusal(&mut self, reply: &Reply) {
        let is =
            |other: &Reply| (reply.code(), reply.enhanced()) == (other.code(), other.enhanced());
        if is(&Reply::USER_UNKNOWN) {
            self.offended(Offence::UnknownRecipient);
        } else if is(&Reply::RELAY_DENIED) {
            self.offended(Offence::Relay);
        }
    }

    fn offended(&mut self, offence: Offence) {
        // A block takes effect at the next connection; this one has limits of its own.
        self.shared.throttle.offended(self.facts.peer.ip(), offence, self.steady.now());
    }

    fn note(&mut self, note: Note<'_>) {
        self.handler.note(facts!(self), note);
    }
}

#[cfg(test)]
mod tests;
