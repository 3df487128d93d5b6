//! The loop around one POP3 session.

use super::Maildrops;
use super::lock::Lost;
use super::maildrop::Maildrop;
use crate::conn::{CloseReason, Connection};
use crate::dialogue::{self, Dialogue, Replies, Step, Stopping, Woken, converse};
use crate::listen::Accepted;
use crate::login::Logins;
use crate::system::SteadyClock;
use crate::throttle::Offence;
use crate::tls::{Offer, Tls, TlsInfo};
use posthorn_base::{Uid, limits};
use posthorn_proto::pop3::{self, Event, Feed, OpenError, RetrieveError, Session};
use posthorn_proto::sasl::{Identity, LoginMethod, Question};
use posthorn_store::directory::Scopes;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

/// The settings of one listener.
pub type Setup = dialogue::Setup<pop3::Config>;

/// Serves one connection to its end.
pub async fn drive(accepted: Accepted, setup: Arc<Setup>, maildrops: Arc<Maildrops>) {
    let Accepted { stream, peer, local, id: _, admission, shutdown } = accepted;
    let node = maildrops.node();
    let Some(conn) = setup.connection(stream, (peer, local), &node.tls).await else { return };
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
        out: Replies::default(),
        maildrop: None,
        counts: Counts::default(),
    };
    let (conn, reason) = converse(&mut driver, conn, shutdown).await;
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
    out: Replies,
    /// From the login to the end.
    maildrop: Option<Maildrop>,
    counts: Counts,
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

impl Dialogue for Driver {
    fn tls(&self) -> (&Tls, Offer) {
        (&self.maildrops.node().tls, self.setup.offer)
    }

    async fn greet(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        self.session.greet(&mut self.out.bytes);
        self.write(conn).await
    }

    async fn step(
        &mut self,
        conn: &mut Connection,
        input: &mut &[u8],
    ) -> Result<Step, CloseReason> {
        match self.session.receive(input, &mut self.out.bytes, self.steady.now()) {
            Event::Read => return Ok(Step::Wait),
            Event::Flush => return Ok(Step::Flush),
            Event::Wait => return Ok(Step::left_open()),
            Event::Delay(hold) => self.out.hold_back(hold),
            Event::Authenticate(question) => {
                Box::pin(self.authenticate(question, conn.tls())).await;
            }
            Event::LoginFailed(failure) => {
                let failed = self.logins.failed(&failure, self.steady.now());
                self.out.hold_back(failed.hold);
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
                return Ok(Step::StartTls);
            }
            Event::Close(reason) => {
                if matches!(reason, pop3::CloseReason::Http) {
                    self.offended();
                }
                // Before the goodbye: who has read it may log in again at once.
                self.maildrop = None;
                return Ok(Step::Close(closed(reason)));
            }
        }
        Ok(Step::Next)
    }

    async fn write(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        if waiting(self.maildrop.as_ref(), self.out.write(conn)).await?? {
            self.session.written(self.steady.now());
        }
        Ok(())
    }

    async fn wait(
        &mut self,
        conn: &mut Connection,
        stopping: &mut Stopping,
    ) -> Result<Woken, CloseReason> {
        // States without a deadline never wait for the peer.
        let idle = || self.steady.now() + self.setup.config.idle_max;
        let deadline = self.steady.instant(self.session.deadline().unwrap_or_else(idle));
        waiting(self.maildrop.as_ref(), dialogue::input(conn, deadline, stopping)).await?
    }

    fn timed_out(&mut self) {
        self.session.timed_out(self.steady.now());
    }

    fn drain(&mut self) {
        self.session.drain();
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        self.session.tls_started(&tls.words(), self.steady.now());
    }
}

impl Driver {
    async fn authenticate(&mut self, question: Question, tls: Option<&TlsInfo>) {
        let (auth, now) = (&self.maildrops.node().auth, self.steady.now());
        let answer = self.logins.answer(question, auth, Scopes::POP3, tls, now).await;
        self.session.auth_answered(answer, &mut self.out.bytes, self.steady.now());
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
        self.session.maildrop_opened(opened, &mut self.out.bytes, self.steady.now());
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
                self.session.message_failed(error, &mut self.out.bytes, self.steady.now());
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
                    self.session.message_end(&mut self.out.bytes, self.steady.now());
                    return Ok(());
                }
                Err(error) => {
                    tracing::error!(%uid, %error, "a message cannot be read to its end");
                    let error = RetrieveError::Temporary;
                    self.session.message_failed(error, &mut self.out.bytes, self.steady.now());
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
            match self.session.message(chunk, &mut self.out.bytes) {
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
        self.session.committed(is_done, &mut self.out.bytes);
    }

    fn offended(&mut self) {
        // A block takes effect at the next connection; this one has limits of its own.
        let throttle = &self.maildrops.node().throttle;
        throttle.offended(self.peer, Offence::Protocol, self.steady.now());
    }
}

#[cfg(test)]
mod tests;
