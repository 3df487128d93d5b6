//! The loop around one SMTP session.

use super::handler::{Facts, Handler, Note};
use super::words::{closed, reply_to};
use crate::conn::{CloseReason, Connection, ConnectionTimeouts};
use crate::listen::Accepted;
use crate::login::Logins;
use crate::shutdown::Shutdown;
use crate::spool::{Spool, SpoolDir};
use crate::system::SteadyClock;
use crate::throttle::{Offence, Throttle};
use crate::tls::{Offer, Tls, TlsInfo};
use bytes::{Buf, BytesMut};
use posthorn_base::{Clock, ConnectionId, Time};
use posthorn_proto::smtp::{self, Envelope, Event, Reply, Session};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::sleep;

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
#[derive(Debug, Clone)]
pub struct Setup {
    /// For the sessions.
    pub config: Arc<smtp::Config>,
    /// What TLS offers.
    pub offer: Offer,
    /// TLS comes first (port 465).
    pub implicit_tls: bool,
    /// How long to wait for the peer.
    pub timeouts: ConnectionTimeouts,
    /// How long to wait before the greeting, to see who speaks before it. Zero: not at all.
    pub greeting_pause: Duration,
}

/// What all connections share.
#[derive(Clone)]
pub struct Shared {
    /// Certificates; `None` where no listener has TLS.
    pub tls: Option<Arc<Tls>>,
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
    let mut conn = Connection::plain(stream, peer, local, setup.timeouts);
    if setup.implicit_tls {
        conn = match start_tls(conn, &shared, setup.offer).await {
            Ok(conn) => conn,
            Err(reason) => {
                tracing::info!(%reason, "closed before the greeting");
                return;
            }
        };
    }
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
        out: Vec::new(),
        hold: Duration::ZERO,
        arriving: None,
        logins,
        messages: 0,
    };
    let (conn, reason) = driver.serve(conn, shutdown).await;
    let (received, sent) = conn.as_ref().map_or((0, 0), |conn| (conn.received(), conn.sent()));
    tracing::info!(%reason, received, sent, messages = driver.messages, "closed");
    driver.note(Note::Closed(&reason));
    if let Some(conn) = conn {
        conn.close(&reason).await;
    }
    drop(admission); // the place is taken until the socket is gone
}

async fn start_tls(
    conn: Connection,
    shared: &Shared,
    offer: Offer,
) -> Result<Connection, CloseReason> {
    let Some(tls) = &shared.tls else {
        return Err(CloseReason::Internal("a listener offers TLS without a certificate".into()));
    };
    conn.start_tls(tls, offer).await
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
    /// Replies that are not written yet.
    out: Vec<u8>,
    /// How long they are held back.
    hold: Duration,
    arriving: Option<Arriving>,
    logins: Logins,
    messages: u32,
}

/// What the loop does when the session can do no more by itself.
enum Next {
    Read,
    StartTls,
    Close(CloseReason),
}

impl<H: Handler> Driver<H> {
    /// To the end of the session. The connection is `None` when nothing can be said on it any more.
    async fn serve(
        &mut self,
        mut conn: Connection,
        mut shutdown: Shutdown,
    ) -> (Option<Connection>, CloseReason) {
        if let Err(reason) = self.greet(&mut conn).await {
            return (Some(conn), reason);
        }
        let mut is_draining = false;
        loop {
            let next = match self.work(&mut conn).await {
                Ok(next) => next,
                Err(reason) => return (Some(conn), reason),
            };
            if let Err(reason) = self.write(&mut conn).await {
                return (Some(conn), reason);
            }
            match next {
                Next::Close(reason) => return (Some(conn), reason),
                Next::StartTls => {
                    conn = match start_tls(conn, &self.shared, self.setup.offer).await {
                        Ok(conn) => conn,
                        Err(reason) => return (None, reason),
                    };
                    self.facts.tls = conn.tls().cloned();
                    if let Some(tls) = conn.tls() {
                        self.session.tls_started(tls.words(), self.steady.now());
                    }
                }
                Next::Read => {
                    let deadline = self.session.deadline().unwrap_or_else(|| self.idle());
                    let deadline = self.steady.instant(deadline);
                    let read = tokio::select! {
                        read = conn.read(deadline) => read.map(drop),
                        () = shutdown.draining(), if !is_draining => {
                            is_draining = true;
                            self.session.drain();
                            Ok(())
                        }
                    };
                    match read {
                        Ok(()) => {}
                        Err(CloseReason::IdleTimeout) => {
                            self.session.timed_out(&mut self.out, self.steady.now());
                        }
                        Err(reason) => return (Some(conn), reason),
                    }
                }
            }
        }
    }

    /// For states without a deadline, which never wait for the peer.
    fn idle(&self) -> Time {
        self.steady.now() + self.setup.config.idle_max
    }

    /// Greets, after listening a while for those who cannot wait.
    async fn greet(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        if !self.setup.greeting_pause.is_zero() {
            let until = self.steady.instant(self.steady.now() + self.setup.greeting_pause);
            match conn.read(until).await {
                Ok(_) => {
                    let mut rest = conn.input();
                    let event = self.session.receive(&mut rest, &mut self.out, self.steady.now());
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
        self.session.greet(&mut self.out);
        self.write(conn).await
    }

    /// Lets the session work through the input.
    async fn work(&mut self, conn: &mut Connection) -> Result<Next, CloseReason> {
        let mut input: BytesMut = conn.take_input();
        let mut rest: &[u8] = &input;
        let next = loop {
            match self.session.receive(&mut rest, &mut self.out, self.steady.now()) {
                Event::Read => break Next::Read,
                Event::Flush => {
                    self.write(conn).await?;
                    // Who sends commands without end takes turns with the others.
                    yield_now().await;
                }
                Event::Delay(wait) => self.hold = self.hold.max(wait),
                Event::Data(bytes) => self.data(bytes).await,
                Event::StartTls { discarded } => {
                    if discarded > 0 {
                        self.note(Note::TextBeforeTls(discarded));
                        self.offended(Offence::Protocol);
                    }
                    rest = &[];
                    break Next::StartTls;
                }
                Event::Close(reason) => {
                    if matches!(reason, smtp::CloseReason::Http | smtp::CloseReason::BareLf) {
                        self.offended(Offence::Protocol);
                    }
                    break Next::Close(closed(reason));
                }
                Event::Wait => {
                    let open = "a question of the session was left open";
                    break Next::Close(CloseReason::Internal(open.into()));
                }
                question => self.answer(question).await,
            }
        };
        let used = input.len() - rest.len();
        input.advance(used);
        conn.put_back(input);
        Ok(next)
    }

    /// Answers what the session asks, and tells what it tells.
    async fn answer(&mut self, event: Event<'_>) {
        match event {
            Event::CheckSender(mail) => {
                let verdict = self.handler.check_sender(facts!(self), &mail).await;
                self.session.sender_checked(verdict, &mut self.out);
            }
            Event::CheckRecipient(recipient) => {
                let verdict = self.handler.check_recipient(facts!(self), &recipient).await;
                if let Err(reply) = &verdict {
                    self.count_refusal(reply);
                }
                self.session.recipient_checked(verdict, &mut self.out);
            }
            Event::DataBegin(envelope) => {
                let verdict = self.handler.begin(facts!(self), &envelope).await;
                if verdict.is_ok() {
                    let spool = Some(self.shared.spool.begin(self.facts.peer.ip()));
                    self.arriving = Some(Arriving { envelope, spool });
                }
                self.session.data_checked(verdict, &mut self.out);
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
            // `work` takes these.
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
                self.session.delivered(arrival, &mut self.out);
            }
            Err(reply) => {
                tracing::info!(%reply, size, "refused");
                self.session.refused(&reply, &mut self.out);
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

    /// Sends the replies, late if the peer earned that.
    async fn write(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        if self.out.is_empty() {
            return Ok(());
        }
        let hold = std::mem::take(&mut self.hold);
        if !hold.is_zero() {
            sleep(hold).await;
        }
        conn.send_now(&self.out).await?;
        // Freed, not cleared: the next reply may be hours away.
        self.out = Vec::new();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
