//! Views in memory: mailboxes in use are held once per process, shared by all their sessions.
//!
//! A [`View`] is one mailbox at one moment, about 40 octets a message, in chunks that the next view
//! shares where nothing changed. A session keeps the view that its client knows, and asks for a
//! newer one when its protocol lets it show changes.
//!
//! Invariants
//! * [`Views::open`] answers a view that has every change committed before it was called.
//! * All views that the cache holds take no more memory than it was given (those that only sessions
//!   hold are theirs).
//! * No lock is held while the store is read, but for the mailbox's own: mailboxes don't wait for
//!   each other, and two sessions that open one mailbox read it once.

mod difference;
mod snapshot;

pub use difference::{Difference, Differences};
pub use snapshot::{Entry, View};

use crate::mail::{Cursor, FindMailbox, FlagsStored, ListMessages, ListUids, MailboxChanges};
use crate::seam::Change;
use crate::{Engine, StoreError};
use posthorn_base::{AccountId, MailboxId, Uid};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages or changes that one read takes: some 2 ms, after which other tasks have their turn.
const PAGE: u32 = 2000;

type Key = (AccountId, MailboxId);

/// One mailbox in the cache.
#[derive(Debug, Default)]
struct Slot {
    /// The newest view. Held while it is brought up to date.
    view: tokio::sync::Mutex<Option<Arc<View>>>,
    /// The newest modseq that was published for the mailbox.
    published: AtomicI64,
}

#[derive(Debug)]
struct Held {
    slot: Arc<Slot>,
    /// When it was last asked for, in calls.
    used: u64,
    memory: usize,
}

#[derive(Debug, Default)]
struct Cache {
    slots: HashMap<Key, Held>,
    calls: u64,
    memory: usize,
}

/// The views of a process.
#[derive(Debug)]
pub struct Views {
    cache: Mutex<Cache>,
    memory_max: usize,
}

impl Views {
    /// A cache of at most `memory_max` octets.
    pub fn new(memory_max: usize) -> Self {
        Views { cache: Mutex::default(), memory_max }
    }

    /// Tells the cache what was committed. On an engine that this process has for itself the host
    /// calls it for everything, before the writer is answered.
    pub fn publish(&self, changes: &[Change]) {
        let cache = self.lock();
        for change in changes {
            if let Change::Mailbox { account, mailbox, modseq } = change
                && let Some(held) = cache.slots.get(&(*account, *mailbox))
            {
                held.slot.published.fetch_max(modseq.get(), Ordering::Release);
            }
        }
    }

    /// The mailbox as it is now.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when it does not exist; [`StoreError::Engine`].
    pub async fn open(
        &self,
        engine: &Engine,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Arc<View>, StoreError> {
        let key = (account, mailbox);
        let slot = self.slot(key);
        let mut held = slot.view.lock().await;
        let newest = match &*held {
            Some(view) if is_current(engine, &slot, view) => Ok(Arc::clone(view)),
            Some(view) => refresh(engine, account, view).await.map(Arc::new),
            None => load(engine, account, mailbox).await.map(Arc::new),
        };
        let view = match newest {
            Ok(view) => view,
            Err(error) => {
                if matches!(error, StoreError::Missing { .. }) || held.is_none() {
                    self.forget(key);
                }
                return Err(error);
            }
        };
        *held = Some(Arc::clone(&view));
        drop(held);
        self.account_for(key, &slot, view.memory());
        Ok(view)
    }

    /// Moves a mailbox's view on by flags that were just stored, so that nobody has to read back
    /// what is known. Does nothing when the view is not the one right before: then it is read.
    pub async fn follow(&self, account: AccountId, mailbox: MailboxId, stored: &FlagsStored) {
        let slot = self.lock().slots.get(&(account, mailbox)).map(|held| Arc::clone(&held.slot));
        let Some(slot) = slot else { return };
        let mut held = slot.view.lock().await;
        let next = held.as_ref().and_then(|view| view.with_flags(stored));
        if let Some(next) = next {
            *held = Some(Arc::new(next));
        }
    }

    /// Octets that somebody's view of a mailbox takes beyond what the cache holds of it. Reads
    /// nothing and waits for nobody; a mailbox that is just being read counts nothing.
    pub fn unshared(&self, account: AccountId, view: &View) -> usize {
        let slots = &self.lock().slots;
        let Some(held) = slots.get(&(account, view.mailbox().id)) else { return view.memory() };
        match held.slot.view.try_lock().as_deref() {
            Ok(Some(newest)) => view.unshared(newest),
            Ok(None) => view.memory(),
            Err(_) => 0,
        }
    }

    /// Octets that the cache holds.
    pub fn memory(&self) -> usize {
        self.lock().memory
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // Nothing panics while it is held; if it did, the map would still be whole.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: Key) -> Arc<Slot> {
        let mut cache = self.lock();
        cache.calls += 1;
        let used = cache.calls;
        let held = cache.slots.entry(key).or_insert_with(|| Held {
            slot: Arc::new(Slot::default()),
            used,
            memory: 0,
        });
        held.used = used;
        Arc::clone(&held.slot)
    }

    fn forget(&self, key: Key) {
        let mut cache = self.lock();
        if let Some(held) = cache.slots.remove(&key) {
            cache.memory = cache.memory.saturating_sub(held.memory);
        }
    }

    /// Notes how large a view is, and lets those go that were not asked for longest.
    fn account_for(&self, key: Key, slot: &Arc<Slot>, memory: usize) {
        let mut cache = self.lock();
        let cache = &mut *cache;
        if let Some(held) = cache.slots.get_mut(&key).filter(|held| Arc::ptr_eq(&held.slot, slot)) {
            cache.memory = cache.memory.saturating_sub(held.memory).saturating_add(memory);
            held.memory = memory;
        }
        while cache.memory > self.memory_max {
            let oldest = cache.slots.iter().min_by_key(|(_, held)| held.used);
            let Some(key) = oldest.map(|(key, _)| *key) else { break };
            if let Some(held) = cache.slots.remove(&key) {
                cache.memory = cache.memory.saturating_sub(held.memory);
            }
        }
    }
}

/// On an engine with one process, what was not published did not happen. With several, the store is
/// asked.
fn is_current(engine: &Engine, slot: &Slot, view: &View) -> bool {
    let published = slot.published.load(Ordering::Acquire);
    matches!(engine, Engine::Sqlite(_)) && published <= view.mailbox().highest_modseq.get()
}

async fn load(engine: &Engine, account: AccountId, mailbox: MailboxId) -> Result<View, StoreError> {
    let state = engine.read(&FindMailbox::Id(account, mailbox)).await?;
    let state = state.ok_or_else(|| StoreError::missing("mailbox", mailbox))?;
    let mut view = View::empty(state.clone());
    let mut after = None;
    loop {
        let page = engine.read(&ListMessages { account, mailbox, after, limit: PAGE }).await?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|message| message.uid).or(after);
        // The state stays that from before the first page: what changed since is asked for again.
        view = view.with(state.clone(), page, &BTreeSet::new());
        if is_last {
            break;
        }
        tokio::task::yield_now().await;
    }
    refresh(engine, account, &view).await
}

/// Brings a view up to date by asking what changed since.
async fn refresh(engine: &Engine, account: AccountId, view: &View) -> Result<View, StoreError> {
    let mailbox = view.mailbox().id;
    let mut since = Cursor::after(view.mailbox().highest_modseq);
    let (mut messages, mut vanished) = (Vec::new(), BTreeSet::new());
    let mut is_complete = true;
    let state = loop {
        let page = engine.read(&MailboxChanges { account, mailbox, since, limit: PAGE }).await?;
        messages.extend(page.messages);
        vanished.extend(page.vanished);
        is_complete &= page.vanished_is_complete;
        match page.next {
            Some(next) => since = next,
            None => break page.mailbox,
        }
        tokio::task::yield_now().await;
    };
    if !is_complete {
        // What vanished was forgotten: compare with what there is. A message that came after that
        // question is no loss: it is not in the view yet, and was not asked about.
        let live: BTreeSet<Uid> =
            engine.read(&ListUids { account, mailbox }).await?.into_iter().collect();
        vanished.extend(view.messages().map(|entry| entry.uid).filter(|uid| !live.contains(uid)));
        messages.retain(|message| live.contains(&message.uid));
    }
    Ok(view.with(state, messages, &vanished))
}
