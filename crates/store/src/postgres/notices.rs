//! Wake-ups between nodes: what one commits, the sessions that wait on the others hear of.
//!
//! Each node has one connection for it, which listens and speaks. What a node commits it gathers
//! and tells by NOTIFY in transactions of their own, a few thousand changes in one if need be.
//! NOTIFY within the committing transaction would be simpler and would never be lost, but
//! PostgreSQL holds one lock of the whole cluster from there until the commit is on disk: all nodes
//! together would commit one transaction after the other. A transaction that only notifies writes
//! nothing and waits for no disk.
//!
//! So a wake-up can be lost, with a node that dies between its commit and its notice, or with a
//! connection. What it says is never needed to be right, only to be quick: sessions read *changes
//! since* from the store. After a gap, and every few minutes without one, everything may have
//! changed ([`Change::Everything`]), and who waits looks.
//!
//! Invariants
//! * What waits to be told is bounded; beyond the bound, everything has changed.
//! * A payload is digits and punctuation of ours, at most [`PAYLOAD_BYTES_MAX`] octets.
//! * What cannot be understood is everything.

use super::address::Address;
use crate::engine::Host;
use crate::seam::Change;
use posthorn_base::limits::POSTGRES_WAIT_MAX;
use posthorn_base::{AccountId, MailboxId, ModSeq};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::AsyncMessage;

/// The channel; there is one in each database.
const LISTEN: &str = "LISTEN posthorn";
/// PostgreSQL takes fewer than 8000.
const PAYLOAD_BYTES_MAX: usize = 7000;
/// Mailboxes whose changes wait to be told.
const WAITING_MAX: usize = 4096;
/// Between two looks at whether the connection lives, and whether something was missed.
const SWEEP: Duration = Duration::from_secs(120);
/// Where notices are not to be had (some engines that speak like PostgreSQL know none).
const SWEEP_BLIND: Duration = Duration::from_secs(10);
/// Before connecting again, the first time and at most.
const AGAIN: Duration = Duration::from_millis(200);
const AGAIN_MAX: Duration = Duration::from_secs(30);

/// What waits to be told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Waiting {
    mailboxes: HashMap<(AccountId, MailboxId), ModSeq>,
    queue: bool,
    directory: bool,
    everything: bool,
}

impl Waiting {
    fn add(&mut self, change: Change) {
        match change {
            Change::Mailbox { account, mailbox, modseq } => {
                let newest = self.mailboxes.entry((account, mailbox)).or_insert(modseq);
                *newest = modseq.max(*newest);
                if self.mailboxes.len() > WAITING_MAX {
                    self.add(Change::Everything);
                }
            }
            Change::Queue => self.queue = true,
            Change::Directory => self.directory = true,
            Change::Everything => *self = Waiting { everything: true, ..Waiting::default() },
        }
    }

    /// As payloads.
    fn encode(&self) -> Vec<String> {
        let mut payloads = Vec::new();
        let mut text = String::new();
        text.push_str(if self.everything { "e;" } else { "" });
        text.push_str(if self.directory { "d;" } else { "" });
        text.push_str(if self.queue { "q;" } else { "" });
        for ((account, mailbox), modseq) in &self.mailboxes {
            let (account, mailbox, modseq) = (account.get(), mailbox.get(), modseq.get());
            let item = format!("m{account}.{mailbox}.{modseq};");
            if text.len() + item.len() > PAYLOAD_BYTES_MAX {
                payloads.push(std::mem::take(&mut text));
            }
            text.push_str(&item);
        }
        if !text.is_empty() {
            payloads.push(text);
        }
        payloads
    }
}

/// What a payload says.
fn decode(payload: &str) -> Vec<Change> {
    let understood: Option<Vec<Change>> = payload.split_terminator(';').map(decode_item).collect();
    understood.unwrap_or_else(|| vec![Change::Everything])
}

fn decode_item(item: &str) -> Option<Change> {
    match item {
        "e" => return Some(Change::Everything),
        "d" => return Some(Change::Directory),
        "q" => return Some(Change::Queue),
        _ => {}
    }
    let mut numbers = item.strip_prefix('m')?.split('.').map(|number| number.parse::<i64>().ok());
    let mut next = || numbers.next().flatten();
    let account = AccountId::new(next()?)?;
    let mailbox = MailboxId::new(next()?)?;
    let modseq = ModSeq::new(next()?)?;
    numbers.next().is_none().then_some(Change::Mailbox { account, mailbox, modseq })
}

/// What this node has to tell.
#[derive(Debug, Default)]
pub(super) struct Notices {
    waiting: Mutex<Waiting>,
    wake: Notify,
    closing: AtomicBool,
    closed: Notify,
}

impl Notices {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These changes are committed: the other nodes are told soon.
    pub(super) fn tell(&self, changes: &[Change]) {
        let mut waiting = self.waiting();
        for change in changes {
            waiting.add(*change);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// What waits is told, then [`run`] ends.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake.notify_one();
        self.closed.notify_one();
    }

    /// Statements that tell what waits; `None` when nothing does.
    fn take(&self) -> Option<String> {
        let waiting = std::mem::take(&mut *self.waiting());
        let payloads = waiting.encode();
        let mut sql = String::new();
        for payload in &payloads {
            // Writing to a string cannot fail; the payload has nothing that could end the quotes.
            let _ = write!(sql, "NOTIFY posthorn, '{payload}';");
        }
        (!payloads.is_empty()).then_some(sql)
    }
}

/// Why a connection for notices ended.
enum Ended {
    /// It is not needed any more.
    Closed,
    /// It broke, or could not be made.
    Broken(tokio_postgres::Error),
    /// It does not answer.
    Silent,
    /// The database knows no notices.
    Unknown(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Ended {
    fn from(error: tokio_postgres::Error) -> Self {
        // feature_not_supported, syntax_error
        match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("0A000" | "42601") => Ended::Unknown(error),
            _ => Ended::Broken(error),
        }
    }
}

/// Listens and speaks until [`Notices::close`].
pub(super) async fn run(address: Address, notices: Arc<Notices>, host: Arc<dyn Host>) {
    let mut again = AGAIN;
    let mut is_gap = false;
    loop {
        let listening = || {
            again = AGAIN;
            if is_gap {
                host.publish(&[Change::Everything]);
            }
        };
        match converse(&address, &notices, &*host, listening).await {
            Ended::Closed => return,
            Ended::Unknown(error) => {
                tracing::warn!(%error, "the database has no notices: nodes look by themselves");
                while !notices.closing.load(Ordering::Acquire) {
                    let _ = timeout(SWEEP_BLIND, notices.closed.notified()).await;
                    drop(notices.take());
                    host.publish(&[Change::Everything]);
                }
                return;
            }
            Ended::Broken(error) => {
                tracing::warn!(%error, "the connection for notices of other nodes is lost");
            }
            Ended::Silent => tracing::warn!("the connection for notices of other nodes is silent"),
        }
        is_gap = true;
        if notices.closing.load(Ordering::Acquire) {
            return;
        }
        sleep(again).await;
        again = (again * 2).min(AGAIN_MAX);
    }
}

async fn converse(
    address: &Address,
    notices: &Notices,
    host: &dyn Host,
    listening: impl FnOnce(),
) -> Ended {
    let connected = timeout(POSTGRES_WAIT_MAX, address.config.connect(address.tls.clone())).await;
    let (client, mut connection) = match connected {
        Ok(Ok(connected)) => connected,
        Ok(Err(error)) => return error.into(),
        Err(_) => return Ended::Silent,
    };
    let own = AtomicI32::new(0);
    let hear = async {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notice))) => {
                    // Our own were published when they were committed.
                    if notice.process_id() != own.load(Ordering::Relaxed) {
                        host.publish(&decode(notice.payload()));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Ended::from(error),
                None => return Ended::Silent,
            }
        }
    };
    let speak = async {
        match client.query_one("SELECT pg_backend_pid()", &[]).await {
            Ok(row) => own.store(row.try_get(0).unwrap_or_default(), Ordering::Relaxed),
            Err(error) => return error.into(),
        }
        if let Err(ended) = ask(&client, LISTEN).await {
            return ended;
        }
        listening();
        loop {
            match timeout(SWEEP, notices.wake.notified()).await {
                Ok(()) => {}
                Err(_) => {
                    if let Err(ended) = ask(&client, "SELECT 1").await {
                        return ended;
                    }
                    host.publish(&[Change::Everything]);
                }
            }
            let is_closing = notices.closing.load(Ordering::Acquire);
            if let Some(sql) = notices.take()
                && let Err(ended) = ask(&client, &sql).await
            {
                // Somebody may have missed it.
                notices.tell(&[Change::Everything]);
                return ended;
            }
            if is_closing {
                return Ended::Closed;
            }
        }
    };
    tokio::select! {
        ended = hear => ended,
        ended = speak => ended,
    }
}

async fn ask(client: &tokio_postgres::Client, sql: &str) -> Result<(), Ended> {
    match timeout(POSTGRES_WAIT_MAX, client.batch_execute(sql)).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Ended::Silent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(account: i64, mailbox: i64, modseq: i64) -> Change {
        let account = AccountId::new(account).unwrap();
        let mailbox = MailboxId::new(mailbox).unwrap();
        Change::Mailbox { account, mailbox, modseq: ModSeq::new(modseq).unwrap() }
    }

    #[test]
    fn the_newest_of_each_mailbox_is_told_once() {
        let mut waiting = Waiting::default();
        for told in [change(1, 2, 7), Change::Queue, change(1, 2, 5), Change::Directory] {
            waiting.add(told);
        }
        let payloads = waiting.encode();
        assert_eq!(payloads, ["d;q;m1.2.7;"]);
        assert_eq!(decode(&payloads[0]), [Change::Directory, Change::Queue, change(1, 2, 7)]);
        assert!(Waiting::default().encode().is_empty());
    }

    #[test]
    fn payloads_and_what_waits_are_bounded() {
        let mut waiting = Waiting::default();
        for mailbox in 0..WAITING_MAX as i64 {
            waiting.add(change(i64::MAX, i64::MAX - mailbox, i64::MAX >> 1));
        }
        let payloads = waiting.encode();
        assert!(payloads.iter().all(|payload| payload.len() <= PAYLOAD_BYTES_MAX));
        let told: usize = payloads.iter().map(|payload| decode(payload).len()).sum();
        assert_eq!(told, WAITING_MAX);
        waiting.add(change(1, 1, 1));
        assert_eq!(waiting.encode(), ["e;"]);
    }

    #[test]
    fn what_is_not_understood_is_everything() {
        for payload in ["x", "m1.2", "m1.2.3.4", "m0.1.1", "m1.2.99999999999999999999", ";", "'"] {
            assert_eq!(decode(payload), [Change::Everything], "{payload}");
        }
        assert!(decode("").is_empty());
    }
}
