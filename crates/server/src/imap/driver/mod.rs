//! The loop around one IMAP session.
//!
//! Invariants
//! * What waits for its peer is small: the futures of commands and of logins live on the heap while
//!   they run, and buffers are freed when they are empty.
//! * A session whose login ended ends: at its next command at the latest, and within
//!   [`LOGIN_CHECK`] when it says nothing.

mod idle;

use super::command::Appending;
use super::context::{Fault, Origin};
use super::sync::{After, Standing};
use super::{Context, Output, Shared, command, reply, sync};
use crate::conn::{CloseReason, Connection};
use crate::dialogue::{self, Dialogue, Replies, Step, Stopping, Woken, converse};
use crate::listen::Accepted;
use crate::login::Logins;
use crate::system::SteadyClock;
use crate::throttle::Offence;
use crate::tls::{Offer, Tls, TlsInfo};
use idle::{Heard, Idling};
use posthorn_base::shown::Shown;
use posthorn_proto::imap::command::{Append, Request};
use posthorn_proto::imap::{self, Completion, Event, Session};
use posthorn_proto::sasl::{Identity, LoginMethod, Question};
use posthorn_store::directory::Scopes;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How often a silent session's login is looked at, if anything changed in the directory.
const LOGIN_CHECK: Duration = Duration::from_secs(30);

/// The settings of one listener.
pub type Setup = dialogue::Setup<imap::Config>;

/// Serves one connection to its end.
pub async fn drive(accepted: Accepted, setup: Arc<Setup>, shared: Arc<Shared>) {
    let Accepted { stream, peer, local, id: _, admission, shutdown } = accepted;
    let tls = &shared.node.tls;
    let Some(conn) = setup.connection(stream, (peer, local), tls).await else { return };
    let steady = SteadyClock::new(shared.node.clock.as_ref());
    let logins = Logins::new(Arc::clone(&shared.node.throttle), peer.ip());
    let tls = conn.tls().map(TlsInfo::words);
    let session = Session::new(Arc::clone(&setup.config), tls.as_ref(), steady.now());
    let mut driver = Driver {
        peer: peer.ip(),
        setup,
        shared,
        session,
        steady,
        logins,
        out: Replies::default(),
        directory: 0,
        context: None,
        appending: None,
        idling: None,
        commands: 0,
    };
    let (conn, reason) = converse(&mut driver, conn, shutdown).await;
    // What the session held is free while its peer takes our last words.
    driver.context = None;
    driver.appending = None;
    let (received, sent) = conn.as_ref().map_or((0, 0), |conn| (conn.received(), conn.sent()));
    tracing::info!(%reason, received, sent, commands = driver.commands, "closed");
    if let Some(conn) = conn {
        conn.close(&reason).await;
    }
    drop(admission); // the place is taken until the socket is gone
}

/// What a client says that it is, for those who look for its faults in the log.
fn log_client(fields: &[(String, Option<String>)]) {
    let words =
        fields.iter().map(|(name, value)| (Shown::text(name), value.as_deref().map(Shown::text)));
    let mut text = String::new();
    for (name, value) in words {
        use std::fmt::Write;
        let value = value.map(|value| value.to_string()).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}={value} ");
    }
    tracing::info!(client = text.trim_end(), "the client says what it is");
}

/// Why the session closed, as the connection's reason.
fn closed(reason: imap::CloseReason) -> CloseReason {
    match reason {
        imap::CloseReason::Logout => CloseReason::Finished,
        imap::CloseReason::Timeout => CloseReason::IdleTimeout,
        imap::CloseReason::Shutdown => CloseReason::Draining,
        imap::CloseReason::Errors => CloseReason::Protocol("too many errors"),
        imap::CloseReason::Logins => CloseReason::Protocol("too many failed logins"),
        imap::CloseReason::Http => CloseReason::Protocol("HTTP"),
        imap::CloseReason::UnexpectedTls => CloseReason::Protocol("TLS without STARTTLS"),
        imap::CloseReason::BareLf => CloseReason::Protocol("a bare LF"),
        imap::CloseReason::TooLong => CloseReason::Protocol("a command was too long"),
        imap::CloseReason::Revoked => CloseReason::Refused("the login is valid no more".into()),
        imap::CloseReason::Broken => CloseReason::CutShort("the session cannot go on"),
    }
}

struct Driver {
    peer: IpAddr,
    setup: Arc<Setup>,
    shared: Arc<Shared>,
    session: Session,
    steady: SteadyClock,
    logins: Logins,
    out: Replies,
    /// The state of the directory when the login was looked at.
    directory: u64,
    /// From the login to the end.
    context: Option<Box<Context>>,
    /// While the message of an APPEND arrives.
    appending: Option<Box<Appending>>,
    /// During IDLE.
    idling: Option<Box<Idling>>,
    /// Commands that were carried out, for the log.
    commands: u64,
}

impl Dialogue for Driver {
    fn tls(&self) -> (&Tls, Offer) {
        (&self.shared.node.tls, self.setup.offer)
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
            Event::LoggedIn(identity, method) => self.logged_in(&identity, method),
            Event::ClientId(fields) => log_client(&fields),
            Event::Run(request) => Box::pin(self.run(conn, request)).await?,
            Event::AppendBegin(append) => Box::pin(self.append_begin(append)).await,
            Event::AppendData(octets) => Box::pin(self.append_data(octets)).await?,
            Event::AppendEnd => Box::pin(self.append_end(conn)).await?,
            Event::AppendAbandon => self.appending = None,
            Event::IdleBegin => Box::pin(self.idle_begin(conn)).await?,
            Event::IdleEnd => Box::pin(self.idle_done(conn)).await?,
            Event::StartTls { discarded } => {
                if discarded > 0 {
                    tracing::info!(discarded, "plaintext stood behind STARTTLS");
                    self.offended();
                }
                return Ok(Step::StartTls);
            }
            Event::Compress => return Ok(Step::Compress),
            Event::Close(reason) => {
                if matches!(reason, imap::CloseReason::Http) {
                    self.offended();
                }
                return Ok(Step::Close(closed(reason)));
            }
        }
        Ok(Step::Next)
    }

    async fn write(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        if self.out.write(conn).await? {
            self.session.written(self.steady.now());
        }
        Ok(())
    }

    async fn wait(
        &mut self,
        conn: &mut Connection,
        stopping: &mut Stopping,
    ) -> Result<Woken, CloseReason> {
        match self.heard(conn, stopping).await? {
            Heard::Peer(woken) => return Ok(woken),
            Heard::Changed => Box::pin(self.tell(conn)).await?,
            Heard::Check => Box::pin(self.check_silent()).await,
        }
        Ok(Woken::Input)
    }

    fn timed_out(&mut self) {
        self.session.timed_out(&mut self.out.bytes, self.steady.now());
    }

    fn drain(&mut self) {
        self.session.drain();
    }

    fn tls_started(&mut self, tls: &TlsInfo) {
        self.session.tls_started(&tls.words(), self.steady.now());
    }

    fn compressed(&mut self) {
        self.session.compressed();
    }
}

impl Driver {
    async fn authenticate(&mut self, question: Question, tls: Option<&TlsInfo>) {
        // Before: what changes meanwhile is looked at again.
        self.directory = self.shared.node.hub.directory_generation();
        let (auth, now) = (&self.shared.node.auth, self.steady.now());
        let answer = self.logins.answer(question, auth, Scopes::IMAP, tls, now).await;
        self.session.auth_answered(answer, &mut self.out.bytes, self.steady.now());
    }

    fn logged_in(&mut self, identity: &Identity, method: LoginMethod) {
        self.logins.succeeded(identity, method, self.steady.now());
        let (shared, origin) = (Arc::clone(&self.shared), Origin { peer: self.peer, method });
        let context = Context::new(shared, identity.clone(), origin, self.directory);
        self.context = Some(Box::new(context));
    }

    /// Whether the login is still good, asked again if anything changed in the directory.
    async fn is_login_good(&mut self) -> bool {
        match &mut self.context {
            Some(context) => context.is_login_good().await,
            None => false,
        }
    }

    fn revoke(&mut self) {
        let gone = "your login is valid no more";
        self.session.close(gone, imap::CloseReason::Revoked, &mut self.out.bytes);
    }

    /// Looks after a session that says nothing.
    async fn check_silent(&mut self) {
        if !self.is_login_good().await {
            return self.revoke();
        }
        let may_stay = self.context.as_mut().is_none_or(|context| context.may_stay());
        if !may_stay {
            tracing::warn!(
                "silent while its mailbox changed: too much would have to be kept for it"
            );
            let old = "you were silent while the mailbox changed, connect again";
            self.session.close(old, imap::CloseReason::Broken, &mut self.out.bytes);
        }
    }

    /// Carries a command out and tells of what changed.
    async fn run(&mut self, conn: &mut Connection, request: Request) -> Result<(), CloseReason> {
        self.commands += 1;
        let is_good = self.is_login_good().await;
        let Some(context) = self.context.as_mut().filter(|_| is_good) else {
            return self.refuse_revoked();
        };
        context.is_heard();
        let after = After::of(&request);
        let mut output = Output::new(conn, &mut self.out.bytes);
        let done = command::run(request, context, &mut output).await;
        let completion = reply::of(done)?;
        let done = sync::after(context, after, completion, &mut output).await?;
        self.complete(done);
        Ok(())
    }

    fn refuse_revoked(&mut self) -> Result<(), CloseReason> {
        let refused =
            Completion::no("Your login is valid no more").with(imap::Code::AuthorizationFailed);
        self.session.completed(refused, &mut self.out.bytes, self.steady.now());
        self.revoke();
        Ok(())
    }

    /// Ends a command; and the session, when its mailbox is gone.
    fn complete(&mut self, (completion, standing): (Completion, Standing)) {
        self.session.completed(completion, &mut self.out.bytes, self.steady.now());
        if standing == Standing::Gone {
            self.mailbox_is_gone();
        }
    }

    /// Our choice, for no RFC says what to do: who has a mailbox selected that another session
    /// deletes is disconnected. It counts messages that are no more, and no response says that a
    /// mailbox is left without the client's doing.
    fn mailbox_is_gone(&mut self) {
        let gone = "the selected mailbox was deleted";
        self.session.close(gone, imap::CloseReason::Broken, &mut self.out.bytes);
    }

    async fn append_begin(&mut self, append: Append) {
        let is_good = self.is_login_good().await;
        let begun = match self.context.as_mut().filter(|_| is_good) {
            Some(context) => Appending::begin(context, append).await,
            None => Err(Completion::no("Your login is valid no more").into()),
        };
        let checked = match begun {
            Ok(appending) => {
                self.appending = Some(Box::new(appending));
                Ok(())
            }
            Err(fault) => Err(reply::refusal(fault)),
        };
        self.session.append_checked(checked, &mut self.out.bytes, self.steady.now());
        if !is_good {
            self.revoke();
        }
    }

    async fn append_data(&mut self, octets: &[u8]) -> Result<(), CloseReason> {
        let Some(appending) = &mut self.appending else { return Ok(()) };
        match appending.data(octets).await {
            Ok(()) => Ok(()),
            Err(Fault::Close(reason)) => Err(reason),
            Err(fault) => {
                self.appending = None;
                self.session.append_failed(reply::refusal(fault), &mut self.out.bytes);
                Ok(())
            }
        }
    }

    async fn append_end(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        self.commands += 1;
        let (Some(context), Some(appending)) = (&mut self.context, self.appending.take()) else {
            let refused = Completion::no("The message was not taken");
            self.session.completed(refused, &mut self.out.bytes, self.steady.now());
            return Ok(());
        };
        let completion = reply::of(appending.end(context).await)?;
        let mut output = Output::new(conn, &mut self.out.bytes);
        let done = sync::after(context, After::EVERYTHING, completion, &mut output).await?;
        self.complete(done);
        Ok(())
    }

    fn offended(&mut self) {
        // A block takes effect at the next connection; this one has limits of its own.
        self.shared.node.throttle.offended(self.peer, Offence::Protocol, self.steady.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn future_of<F>(_: impl FnOnce(Accepted, Arc<Setup>, Arc<Shared>) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand clients that idle: what each of them costs, apart from its TLS.
    #[test]
    fn who_waits_is_small() {
        let (future, context) = (future_of(drive), size_of::<Context>());
        assert!(future + context <= 4096, "{future} + {context}");
    }
}
