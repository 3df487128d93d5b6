//! The load: several tasks at once accept, expunge, purge and sweep, and say so.

use super::{Letter, Line, Office};
use posthorn_base::{AccountId, ArrivalId, BodyId, IdSource, MailboxId, Random, Time, Uid};
use posthorn_store::bodies::sweep_orphans;
use posthorn_store::mail::{Accepted, Expunge, Purge, Purgeable};
use posthorn_store::{EngineError, Host, StoreError};
use posthorn_testkit::SimRandom;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tries to make the accounts; then there will be none.
const FOUNDING_TRIES_MAX: u32 = 1000;

/// How much, and by how many.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What everything follows from.
    pub seed: u64,
    /// Accounts that share the mail.
    pub accounts: usize,
    /// Tasks that work at once.
    pub tasks: usize,
    /// Steps of each task.
    pub steps: usize,
}

/// Tells a line, in one write, before anything else happens.
pub fn tell(line: &Line) {
    let text = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    // Nobody who listens any more: the test is over.
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A host that says when the store stops.
#[derive(Debug, Default)]
pub struct Telling {
    has_stopped: AtomicBool,
}

impl Host for Telling {
    fn publish(&self, _: &[posthorn_store::Change]) {}
    fn fatal(&self, error: &EngineError) {
        eprintln!("the store stops: {error}");
        self.has_stopped.store(true, Ordering::Release);
        tell(&Line::Stopped);
    }
}

impl Telling {
    /// True once the store writes no more.
    pub fn has_stopped(&self) -> bool {
        self.has_stopped.load(Ordering::Acquire)
    }
}

/// Runs the load to its end, or until the store stops.
pub async fn run(office: Arc<Office>, host: Arc<Telling>, load: Load) {
    let mut tries = 0;
    let accounts = loop {
        match office.found(load.accounts).await {
            Ok(accounts) => break accounts,
            Err(error) if host.has_stopped() => {
                eprintln!("no accounts: {error}");
                return;
            }
            Err(error) if tries < FOUNDING_TRIES_MAX => eprintln!("no accounts yet: {error}"),
            Err(error) => {
                eprintln!("no accounts: {error}");
                return;
            }
        }
        tries += 1;
    };
    accounts.iter().for_each(|account| tell(&Line::Account(*account)));
    let mut tasks = Vec::new();
    for number in 0..load.tasks {
        let mut task = Task {
            office: Arc::clone(&office),
            host: Arc::clone(&host),
            accounts: accounts.clone(),
            random: SimRandom::from_seed(load.seed.wrapping_mul(1000) + number as u64),
            mine: Vec::new(),
        };
        tasks.push(tokio::spawn(async move {
            for _ in 0..load.steps {
                task.step().await;
                if task.host.has_stopped() {
                    break;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    tell(&Line::Done);
}

/// A copy that this task may expunge.
struct Copy {
    arrival: ArrivalId,
    account: AccountId,
    mailbox: MailboxId,
    uid: Uid,
}

struct Task {
    office: Arc<Office>,
    host: Arc<Telling>,
    accounts: Vec<AccountId>,
    random: SimRandom,
    mine: Vec<Copy>,
}

impl Task {
    async fn step(&mut self) {
        let done = match self.random.up_to(19) {
            0..=13 => self.accept().await,
            14..=16 => self.expunge().await,
            17 | 18 => self.purge().await,
            _ => self.sweep().await,
        };
        if let Err(error) = done {
            eprintln!("a step failed: {error}");
        }
    }

    /// One to all accounts, sometimes remote recipients as well.
    async fn accept(&mut self) -> Result<(), StoreError> {
        let letter = Letter::draw(&mut self.random);
        let most = self.accounts.len() as u64 - 1;
        let first = self.random.up_to(most) as usize;
        let count = if self.random.one_in(2) { 0 } else { self.random.up_to(most) as usize };
        let all = self.accounts.iter().cycle().skip(first);
        let accounts: Vec<AccountId> = all.take(count + 1).copied().collect();
        let queued = if self.random.one_in(4) { 1 + self.random.up_to(2) as u32 } else { 0 };
        let arrival = self.office.id();
        tell(&Line::Offered { arrival, letter, accounts: accounts.clone(), queued });
        match self.office.accept(arrival, letter, &accounts, queued).await {
            Ok(accepted) => {
                tell(&Line::Accepted(arrival));
                self.remember(arrival, accepted);
                Ok(())
            }
            Err(error) => {
                let is_temporary = matches!(&error, StoreError::Engine(e) if e.is_temporary());
                tell(&Line::Refused(arrival, is_temporary));
                Err(error)
            }
        }
    }

    fn remember(&mut self, arrival: ArrivalId, accepted: Accepted) {
        self.mine.extend(accepted.placed.into_iter().map(|placed| Copy {
            arrival,
            account: placed.account,
            mailbox: placed.mailbox,
            uid: placed.uid,
        }));
    }

    async fn expunge(&mut self) -> Result<(), StoreError> {
        if self.mine.is_empty() {
            return Ok(());
        }
        let index = self.random.up_to(self.mine.len() as u64 - 1) as usize;
        let copy = self.mine.swap_remove(index);
        tell(&Line::Ending(copy.arrival, copy.account));
        let expunge = Expunge {
            account: copy.account,
            mailbox: copy.mailbox,
            uids: vec![copy.uid],
            only_deleted: false,
            now: self.office.now(),
        };
        self.office.engine.write(expunge).await?;
        tell(&Line::Ended(copy.arrival, copy.account));
        Ok(())
    }

    /// Everything of one account that has ended.
    async fn purge(&mut self) -> Result<(), StoreError> {
        let Some(account) = self.random.pick(&self.accounts).copied() else { return Ok(()) };
        let now = self.office.now();
        let what = Purgeable::EndedBefore(now);
        let purge = Purge { account, what, limit: 20, reason: "retention".into(), now };
        self.office.engine.write(purge).await?;
        Ok(())
    }

    /// Leaves two body files that nobody refers to, as a crash does, and sweeps.
    async fn sweep(&mut self) -> Result<(), StoreError> {
        let now = self.office.now();
        let long_ago = Time::from_millis(now.millis() - 300 * 86_400_000);
        let mut old = IdSource::new();
        for _ in 0..2 {
            let letter = Letter { seed: self.random.u64(), size: 200_000 };
            let lately = Duration::from_secs(self.random.up_to(80_000_000));
            let id: BodyId = old.next(long_ago + lately / 4, &mut self.random);
            self.office.encode(id, letter).await?;
        }
        sweep_orphans(&self.office.engine, &self.office.files, now).await?;
        Ok(())
    }
}
