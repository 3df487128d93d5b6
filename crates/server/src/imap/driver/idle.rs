//! Waiting: for the client, for changes during IDLE, for the end.

use super::{Driver, LOGIN_CHECK};
use crate::conn::{CloseReason, Connection};
use crate::dialogue::{self, Dialogue, Stopping, Woken};
use crate::hub::Watch;
use crate::imap::Output;
use crate::imap::context::Fault;
use crate::imap::sync::{self, After, Standing};
use posthorn_proto::imap::Completion;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// During IDLE, changes that follow each other closely are told together: after some were told, the
/// next ones wait until this time is over.
const IDLE_GAP: Duration = Duration::from_millis(200);

/// What IDLE (RFC 2177) needs.
#[derive(Debug)]
pub(super) struct Idling {
    /// Hears of changes of the selected mailbox. Without a selected mailbox there is nothing to
    /// tell of.
    watch: Option<Watch>,
    /// Nothing is told before.
    quiet_until: Instant,
}

impl Idling {
    async fn changed(idling: Option<&mut Box<Idling>>) {
        let watch = idling.and_then(|idling| {
            let quiet_until = idling.quiet_until;
            idling.watch.as_mut().map(|watch| (watch, quiet_until))
        });
        match watch {
            Some((watch, quiet_until)) => {
                // In this order: a change that was heard must not be lost when something else
                // ends the waiting.
                sleep_until(quiet_until).await;
                watch.changed().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Why the waiting is over.
pub(super) enum Heard {
    /// As in every protocol.
    Peer(Woken),
    /// The mailbox changed.
    Changed,
    /// It is time to look at the login.
    Check,
}

impl Driver {
    /// Waits until there is something to do.
    pub(super) async fn heard(
        &mut self,
        conn: &mut Connection,
        stopping: &mut Stopping,
    ) -> Result<Heard, CloseReason> {
        // States without a deadline never wait for the peer.
        let idle = || self.steady.now() + self.setup.config.idle_max;
        let deadline = self.steady.instant(self.session.deadline().unwrap_or_else(idle));
        let check = self.context.as_ref().map(|_| Instant::now() + LOGIN_CHECK);
        let until = check.map_or(deadline, |check| check.min(deadline));
        tokio::select! {
            input = dialogue::input(conn, until, stopping) => match input {
                Ok(woken) => Ok(Heard::Peer(woken)),
                Err(CloseReason::IdleTimeout) if until < deadline => Ok(Heard::Check),
                Err(reason) => Err(reason),
            },
            () = Idling::changed(self.idling.as_mut()) => Ok(Heard::Changed),
        }
    }

    /// IDLE begins: tells of what is new already.
    pub(super) async fn idle_begin(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        let selected = self
            .context
            .as_ref()
            .and_then(|context| Some((context.account, context.selected.as_ref()?.mailbox)));
        // Before the mailbox is looked at, so that nothing falls in between.
        let watch = selected.map(|(account, mailbox)| self.shared.node.hub.watch(account, mailbox));
        self.idling = Some(Box::new(Idling { watch, quiet_until: Instant::now() }));
        self.tell(conn).await
    }

    /// Tells of changes while the client waits for them.
    pub(super) async fn tell(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        let Some(context) = &mut self.context else { return Ok(()) };
        let mut output = Output::new(conn, &mut self.out.bytes);
        match sync::sync(context, After::EVERYTHING, &mut output).await {
            Ok(Standing::Good) => {}
            Ok(Standing::Gone) => self.mailbox_is_gone(),
            Err(Fault::Close(reason)) => return Err(reason),
            // The client is told later; the next change asks again.
            Err(Fault::Store(error)) => {
                tracing::warn!(%error, "changes of a mailbox cannot be told now");
            }
            Err(Fault::Refused(_)) => {}
        }
        if let Some(idling) = &mut self.idling {
            idling.quiet_until = Instant::now() + IDLE_GAP;
        }
        self.write(conn).await
    }

    /// The client said DONE.
    pub(super) async fn idle_done(&mut self, conn: &mut Connection) -> Result<(), CloseReason> {
        self.commands += 1;
        self.idling = None;
        let completion = Completion::ok("IDLE completed");
        let Some(context) = &mut self.context else {
            self.complete((completion, Standing::Good));
            return Ok(());
        };
        let mut output = Output::new(conn, &mut self.out.bytes);
        let done = sync::after(context, After::EVERYTHING, completion, &mut output).await?;
        self.complete(done);
        Ok(())
    }
}
