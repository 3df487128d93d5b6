//! What a store needs now and then: messages whose retention is over, stories, files that nothing
//! refers to, what a crash left half done, accounts that are being removed.
//!
//! Everything is done in steps of the store's own size, so that mail is accepted in between, and
//! every step can be cut off: the next round goes on. When free space falls below the reserve, what
//! could still be restored goes first, the oldest of each account.

use crate::removal;
use crate::shutdown::Shutdown;
use posthorn_base::{AccountId, Clock, Time, limits};
use posthorn_store::bodies::{BodyFiles, sweep_due, sweep_orphans};
use posthorn_store::directory::{Account, ListAccounts};
use posthorn_store::mail::{FindManyKeywords, Purgeable, bulk, free_keywords};
use posthorn_store::story::{PurgeStories, StoryKind};
use posthorn_store::{Engine, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(60 * 60);
/// Between two looks at the free space.
const LOOK: Duration = Duration::from_secs(60);
/// Accounts of one page, stories of one step.
const PAGE: u32 = 100;
/// A large COPY that nobody went on with for this long is taken back.
const COPY_ABANDONED: Duration = Duration::from_secs(60 * 60);

/// A plan that was recorded this long ago and is not carried out was left by a node that died.
const PLAN_ABANDONED: Duration = Duration::from_secs(60);

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Expunged messages.
    pub expunged: Duration,
    /// Stories of accepted, appended and made messages.
    pub stories_accepted: Duration,
    /// Stories of refused ones.
    pub stories_refused: Duration,
}

/// Does the rounds.
#[derive(Debug)]
pub struct Maintenance {
    engine: Arc<Engine>,
    files: BodyFiles,
    retention: Retention,
}

impl Maintenance {
    /// For this store.
    pub fn new(engine: Arc<Engine>, files: BodyFiles, retention: Retention) -> Self {
        Maintenance { engine, files, retention }
    }

    /// Goes on until `shutdown`.
    pub async fn run(self, clock: Arc<dyn Clock>, mut shutdown: Shutdown) {
        let work = async {
            let mut next_round = Time::EPOCH;
            loop {
                let now = clock.now();
                if next_round <= now {
                    self.round(now).await;
                    next_round = clock.now() + ROUND;
                } else if !self.engine.has_room() {
                    tracing::warn!("free space is below the reserve: what was expunged is purged");
                    self.told(self.make_room(now).await, "making room");
                }
                sleep(LOOK).await;
                self.told(self.apply_pending(clock.now()).await, "carrying out recorded plans");
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.draining() => {}
        }
    }

    /// Everything once. What fails is told, and the rest goes on.
    pub async fn round(&self, now: Time) {
        let (engine, files) = (&self.engine, &self.files);
        self.told(bulk::end_deleted(engine, now).await, "ending deleted mailboxes");
        self.told(self.apply_pending(now).await, "carrying out recorded plans");
        self.told(removal::finish_all(engine, now).await, "removing closed accounts");
        let before = now - COPY_ABANDONED;
        self.told(bulk::abandon_copies(engine, before, now).await, "taking copies back");
        self.told(self.purge_expunged(now).await, "purging expunged messages");
        self.told(self.free_keywords().await, "freeing keywords");
        self.told(self.purge_stories(now).await, "removing old stories");
        self.told(sweep_due(engine, files, now).await.map(drop), "deleting body files");
        self.told(sweep_orphans(engine, files, now).await.map(drop), "sweeping body files");
    }

    /// What a node decided and died over, or could not reach an account for.
    async fn apply_pending(&self, now: Time) -> Result<(), StoreError> {
        let left = bulk::apply_pending(&self.engine, now - PLAN_ABANDONED, now).await?;
        if left > 0 {
            tracing::warn!(left, "messages are accepted and not in every mailbox yet");
        }
        Ok(())
    }

    fn told(&self, result: Result<(), StoreError>, what: &str) {
        match result {
            Ok(()) => tracing::debug!(what, "maintenance"),
            Err(error) => tracing::warn!(%error, what, "maintenance failed; it is tried again"),
        }
    }

    async fn purge_expunged(&self, now: Time) -> Result<(), StoreError> {
        let over = now - self.retention.expunged;
        let mut pages = Pages::default();
        while let Some(accounts) = pages.next(&self.engine).await? {
            for account in accounts {
                let what = Purgeable::EndedBefore(over);
                bulk::purge(&self.engine, account.id, what, "retention", now).await?;
                // What can be restored has a cap of its own: the quota once more.
                if let Some(cap) = account.quota.limit_bytes
                    && account.quota.ended_bytes > cap
                {
                    let what = Purgeable::DownTo(cap);
                    bulk::purge(&self.engine, account.id, what, "cap", now).await?;
                }
            }
        }
        Ok(())
    }

    /// Accounts that are near their limit get back the keywords that no message carries. Behind the
    /// purge: what can be restored keeps its own.
    async fn free_keywords(&self) -> Result<(), StoreError> {
        let at_least = limits::KEYWORDS_FREED_FROM;
        let mut find = FindManyKeywords { at_least, after: None, limit: PAGE };
        loop {
            let accounts = self.engine.read(&find).await?;
            let Some(last) = accounts.last() else { return Ok(()) };
            find.after = Some(*last);
            for account in accounts {
                let freed = free_keywords(&self.engine, account).await?;
                if freed > 0 {
                    tracing::info!(%account, freed, "keywords that no message carries are free");
                }
            }
        }
    }

    /// Halves what can be restored, account by account, until there is room again.
    async fn make_room(&self, now: Time) -> Result<(), StoreError> {
        let mut pages = Pages::default();
        while let Some(accounts) = pages.next(&self.engine).await? {
            for account in accounts {
                let ended = account.quota.ended_bytes;
                if ended > 0 && !self.engine.has_room() {
                    let what = Purgeable::DownTo(ended / 2);
                    bulk::purge(&self.engine, account.id, what, "disk reserve", now).await?;
                }
            }
        }
        Ok(())
    }

    async fn purge_stories(&self, now: Time) -> Result<(), StoreError> {
        let kept = &self.retention;
        for (kind, kept) in [
            (StoryKind::Accepted, kept.stories_accepted),
            (StoryKind::Appended, kept.stories_accepted),
            (StoryKind::Made, kept.stories_accepted),
            (StoryKind::Refused, kept.stories_refused),
        ] {
            let before_day = (now - kept).day();
            let step = PurgeStories { kind, before_day, limit: PAGE };
            while self.engine.write(step.clone()).await? == PAGE {}
        }
        Ok(())
    }
}

/// The accounts, a page at a time.
#[derive(Default)]
struct Pages {
    after: Option<AccountId>,
}

impl Pages {
    async fn next(&mut self, engine: &Engine) -> Result<Option<Vec<Account>>, StoreError> {
        let page = engine.read(&ListAccounts { after: self.after, limit: PAGE }).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.id);
        Ok(Some(page))
    }
}

#[cfg(test)]
mod tests;
