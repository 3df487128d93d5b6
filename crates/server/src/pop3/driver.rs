//! The loop around one POP3 session.

use super::Maildrops;
use super::lock::Lost;
use super::maildrop::Maildrop;
use crate::conn::{CloseReason, Connection, ConnectionTimeouts};
use crate::listen::Accepted;
use crate::login::Logins;
use crate::shutdown::Shutdown;
use crate::system::SteadyClock;
use crate::throttle::Offence;
use crate::tls::{Offer, TlsInfo};
use bytes::{Buf, BytesMut};
use posthorn_base::{Time, Uid, limits};
use posthorn_proto::pop3::{self, Event, Feed, OpenError, RetrieveError, Session};
use posthorn_proto::sasl::{Answer, Identity, LoginMethod, Question, Refusal};
use posthorn_store::directory::Scopes;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::sleep;

/// The settings of one listener.
#[derive(Debug, Clone)]
pub struct Setup {
    /// For the sessions.
    pub config: Arc<pop3::Config>,
    /// What TLS offers.
    pub offer: Offer,
    /// TLS comes first (port 995).
    pub implicit_tls: bool,
    /// How long to wait for the peer.
    pub timeouts: ConnectionTimeouts,
}

/// Serves one connection to its end.
pub async fn drive(accepted: Accepted, setup: Arc<Setup>, maildrops: Arc<Maildrops>) {
    let Accepted { stream, peer, local, id: _, admission, shutdown } = accepted;
    let mut conn = Connection::plain(stream, peer, local, setup.timeouts);
    if setup.implicit_tls {
        conn = match conn.start_tls(&maildrops.node().tls, setup.offer).await {
            Ok(conn) => conn,
            Err(reason) => {
                tracing::info!(%reason, "closed before the greeting");
                return;
            }
        };
    }
    let node = maildrops.node();
    let steady = SteadyClock::new(node.clock.as_ref());
    let logins = Logins::new(Arc::clone(&node.throttle), peer.ip());
    let tls = conn.tls().map(TlsInfo::words);
    let session = Session::new(Arc::clone(&setup.config), tls.as_ref(), steady.now());
    let mut driver = Driver {
        peer: peer.ip(),
        setup,
        maildrops,
        session,
        steady,
        logins,
        out: Vec::new(),
        hold: Duration::ZERO,
        maildrop: None,
        counts: Counts::default(),
    };
    let (conn, reason) = driver.serve(conn, shutdown).await;
    // Others can open the maildrop while this peer takes our last words.
    driver.maildrop = None;
    let (received, sent) = conn.as_ref().map_or((0, 0), |conn| (conn.received(), conn.sent()));
    let Counts { retrieved, deleted } = driver.counts;
    tracing::info!(%reason, received, sent, retrieved, deleted, "closed");
    if let Some(conn) = conn {
        conn.close(&reason).await;
    }
    drop(admission); // the place is taken until the socket is gone
}

/// Why the session closed, as the connection's reason.
fn closed(reason: pop3::CloseReason) -> CloseReason {
    match reason {
        pop3::CloseReason::Quit => CloseReason::Finished,
        pop3::CloseReason::Timeout => CloseReason::IdleTimeout,
        pop3::CloseReason::Shutdown => CloseReason::Draining,
        pop3::CloseReason::Errors => CloseReason::Protocol("too many errors"),
        pop3::CloseReason::Logins => CloseReason::Protocol("too many failed logins"),
        pop3::CloseReason::Http => CloseReason::Protocol("HTTP"),
        pop3::CloseReason::UnexpectedTls => CloseReason::Protocol("TLS without STLS"),
        pop3::CloseReason::Broken => CloseReason::CutShort("a message could not be read"),
    }
}

/// What a session did, for the log.
#[derive(Debug, Default)]
struct Counts {
    retrieved: u32,
    deleted: usize,
}

struct Driver {
    peer: IpAddr,
    setup: Arc<Setup>,
    maildrops: Arc<Maildrops>,
    session: Session,
    steady: SteadyClock,
    logins: Logins,
    /// Replies that are not written yet.
    out: Vec<u8>,
    /// How long they are held back.
    hold: Duration,
    /// From the login to the end.
    maildrop: Option<Maildrop>,
    counts: Counts,
}

/// What the loop does when the session can do no more by itself.
enum Next {
    Read,
    StartTls,
    Close(CloseReason),
}

/// Why the session goes on.
enum Woken {
    Read(Result<(), CloseReason>),
    Draining,
}

/// Waits for the peer. A session with a maildrop may lose it to another login meanwhile.
async fn waiting<T>(
    maildrop: Option<&Maildrop>,
    wait: impl Future<Output = T>,
) -> Result<T, CloseReason> {
    match maildrop {
        Some(maildrop) => maildrop.waiting(wait).await.map_err(|Lost| CloseReason::TakenOver),
        None => Ok(wait.await),
    }
}

impl Driver {
    /// To the end of the session. The connection is `None` when nothing can be said on it any more.
    async fn serve(
        &mut self,
        mut conn: Connection,
        mut shutdown: Shutdown,
    ) -> (Option<Connection>, CloseReason) {
        self.session.greet(&mut self.out);
        let mut is_draining = false;
        loop {
            let next = match self.work(&mut conn).await {
                Ok(next) => next,
                Err(reason) => return (Some(conn), reason),
            };
            if matches!(next, Next::Close(_)) {
                // Before the goodbye: who has read it may log in again at once.
                self.maildrop = None;
            }
            if let Err(reason) = self.write(&mut conn).await {
                return (Some(conn), reason);
            }
            match next {
                Next::Close(reason) => return (Some(conn), reason),
                Next::StartTls => {
                    let tls = &self.maildrops.node().tls;
                    conn = match conn.start_tls(tls, self.setup.offer).await {
                        Ok(conn) => conn,
                        Err(reason) => return (None, reason),
                    };
                    if let Some(tls) = conn.tls() {
                        self.session.tls_started(&tls.words(), self.steady.now());
                    }
                }
                Next::Read => {
                    let deadline = self.session.deadline().unwrap_or_else(|| self.idle());
                    let deadline = self.steady.instant(deadline);
                    let wait = async {
                        tokio::select! {
                            read = conn.read(deadline) => Woken::Read(read.map(drop)),
                            () = shutdown.draining(), if !is_draining => Woken::Draining,
                        }
                    };
                    match waiting(self.maildrop.as_ref(), wait).await {
                        Ok(Woken::Read(Ok(()))) => {}
                        Ok(Woken::Read(Err(CloseReason::IdleTimeout))) => {
                            self.session.timed_out(self.steady.now());
                        }
                        Ok(Woken::Draining) => {
                            is_draining = true;
                            self.session.drain();
                        }
                        Ok(Woken::Read(Err(reason))) | Err(reason) => return (Some(conn), reason),
                    }
                }
            }
        }
    }

    /// For states without a deadline, which never wait for the peer.
    fn idle(&self) -> Time {
        self.steady.now() + self.setup.config.idle_max
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
                Event::Authenticate(question) => {
                    Box::pin(self.authenticate(question, conn.tls())).await;
                }
                Event::LoginFailed(failure) => {
                    let failed = self.logins.failed(&failure, self.steady.now());
                    self.hold = self.hold.max(failed.hold);
                }
                Event::OpenMaildrop(identity, method) => self.open(&identity, method).await,
                // How much of it is wanted the session says while it is fed.
                Event::Retrieve { uid, part: _ } => self.retrieve(conn, uid).await?,
                Event::Commit(uids) => self.commit(uids).await,
                Event::StartTls { discarded } => {
                    if discarded > 0 {
                        tracing::info!(discarded, "plaintext stood behind STLS");
                        self.offended();
                    }
                    rest = &[];
                    break Next::StartTls;
                }
                Event::Close(reason) => {
                    if matches!(reason, pop3::CloseReason::Http) {
                        self.offended();
                    }
                    break Next::Close(closed(reason));
                }
                Event::Wait => {
                    let open = "a question of the session was left open";
                    break Next::Close(CloseReason::Internal(open.into()));
                }
            }
        };
        let used = input.len() - rest.len();
        input.advance(used);
        conn.put_back(input);
        Ok(next)
    }

    async fn authenticate(&mut self, question: Question, tls: Option<&TlsInfo>) {
        let answer = match self.logins.attempt(&question, self.steady.now()) {
            Ok(()) => {
                let certificate = tls.and_then(|tls| tls.client_certificate.as_deref());
                self.maildrops.node().auth.answer(question, Scopes::POP3, certificate).await
            }
            Err(_name) => Answer::Verdict(Err(Refusal::Throttled)),
        };
        self.session.auth_answered(answer, &mut self.out, self.steady.now());
    }

    async fn open(&mut self, identity: &Identity, method: LoginMethod) {
        self.logins.succeeded(identity, method, self.steady.now());
        let opened = match self.maildrops.open(identity.account).await {
            Ok((maildrop, shown)) => {
                self.maildrop = Some(maildrop);
                Ok(shown)
            }
            Err(error) => {
                if error == OpenError::InUse {
                    tracing::info!(account = %identity.account, "the maildrop is in use");
                }
                Err(error)
            }
        };
        self.session.maildrop_opened(opened, &mut self.out, self.steady.now());
    }

    /// Feeds a message to the session, as fast as the client takes it.
    async fn retrieve(&mut self, conn: &mut Connection, uid: Uid) -> Result<(), CloseReason> {
        let opened = match &self.maildrop {
            Some(maildrop) => maildrop.read(uid).await,
            None => Err(RetrieveError::Temporary),
        };
        let source = match opened {
            Ok(source) => source,
            Err(error) => {
                self.session.message_failed(error, &mut self.out, self.steady.now());
                return Ok(());
            }
        };
        // Read before anything is announced: of a damaged message the client can still be told.
        let mut rest = 0..source.body_octets();
        let mut piece = source.next(self.maildrops.node(), &mut rest).await;
        if piece.is_ok() {
            self.counts.retrieved = self.counts.retrieved.saturating_add(1);
            if self.feed(conn, source.prefix()).await? == Feed::Enough {
                return Ok(());
            }
        }
        loop {
            match piece {
                Ok(Some(octets)) => {
                    if self.feed(conn, octets.octets()).await? == Feed::Enough {
                        return Ok(());
                    }
                }
                Ok(None) => {
                    self.session.message_end(&mut self.out, self.steady.now());
                    return Ok(());
                }
                Err(error) => {
                    tracing::error!(%uid, %error, "a message cannot be read to its end");
                    let error = RetrieveError::Temporary;
                    self.session.message_failed(error, &mut self.out, self.steady.now());
                    return Ok(());
                }
            }
            // The piece is dropped with its memory: who waits for more holds none.
            piece = source.next(self.maildrops.node(), &mut rest).await;
        }
    }

    /// Feeds octets in pieces that keep the output small.
    async fn feed(&mut self, conn: &mut Connection, octets: &[u8]) -> Result<Feed, CloseReason> {
        for chunk in octets.chunks(limits::POP3_OUTPUT_BYTES_MAX) {
            match self.session.message(chunk, &mut self.out) {
                Feed::More => {}
                Feed::Flush => self.write(conn).await?,
                Feed::Enough => return Ok(Feed::Enough),
            }
        }
        Ok(Feed::More)
    }

    async fn commit(&mut self, uids: Vec<Uid>) {
        let count = uids.len();
        let is_done = match &self.maildrop {
            Some(maildrop) => maildrop.commit(uids).await,
            None => false,
        };
        if is_done {
            self.counts.deleted = count;
        }
        self.session.committed(is_done, &mut self.out);
    }

    fn offended(&mut self) {
        // A block takes effect at the next connection; this one has limits of its own.
        let throttle = &self.maildrops.node().throttle;
        throttle.offended(self.peer, Offence::Protocol, self.steady.now());
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
        waiting(self.maildrop.as_ref(), conn.send_now(&self.out)).await??;
        // Freed, not cleared: the next reply may be minutes away.
        self.out = Vec::new();
        self.session.written(self.steady.now());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
