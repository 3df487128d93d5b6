//! Random operations, against a model of mailboxes as plain lists.

use super::world::{Letter, Seeded, World, letter, uid};
use posthorn_base::{Flags, MailboxId, Random, Uid};
use posthorn_store::Engine;
use posthorn_store::directory::ReadQuota;
use posthorn_store::mail::{
    CopyMessages, CopyMode, Expunge, FindMailbox, FlagAction, ListRestorable, Purgeable, Restore,
    StoreFlags, Target, bulk,
};
use posthorn_store::view::Views;
use std::collections::BTreeMap;

const SEEDS: u64 = 6;
const STEPS: usize = 60;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Copy {
    text: u64,
    flags: Flags,
}

/// A mailbox of the model: live messages, ended ones in the order in which they ended, the next
/// UID.
#[derive(Default)]
struct Model {
    live: BTreeMap<Uid, Copy>,
    ended: BTreeMap<Uid, Copy>,
    next: u32,
}

impl Model {
    fn add(&mut self, copy: Copy) {
        self.live.insert(uid(self.next), copy);
        self.next += 1;
    }
}

struct Run<'a> {
    world: World<'a>,
    random: Seeded,
    ids: Vec<MailboxId>,
    models: Vec<Model>,
}

impl Run<'_> {
    fn pick(&mut self, below: usize) -> usize {
        usize::try_from(self.random.up_to(below as u64 - 1)).unwrap()
    }

    /// Some UIDs, most of them live ones.
    fn some(&mut self, at: usize) -> Vec<Uid> {
        let next = self.models[at].next;
        (1..next + 1).map(uid).filter(|_| self.random.one_in_three()).collect()
    }

    async fn step(&mut self) {
        let (a, b) = (self.pick(self.ids.len()), self.pick(self.ids.len()));
        let (account, now) = (self.world.alice, self.world.now());
        let uids = self.some(a);
        match self.pick(10) {
            0..=3 => {
                let text = self.random.u64() % 1000;
                let flags = Flags::from_bits((self.random.u64() & 0b1_1111) as u32);
                let letter = Letter { flags, ..letter(&text.to_string()) };
                self.world.deliver(&letter, Target::Mailbox(self.ids[a])).await;
                self.models[a].add(Copy { text, flags });
            }
            4 => {
                let flags = Flags::SEEN.with(Flags::DELETED);
                let action = [FlagAction::Set, FlagAction::Add, FlagAction::Remove][self.pick(3)];
                for uid in &uids {
                    if let Some(copy) = self.models[a].live.get_mut(uid) {
                        copy.flags = match action {
                            FlagAction::Set => flags,
                            FlagAction::Add => copy.flags.with(flags),
                            FlagAction::Remove => copy.flags.without(flags),
                        };
                    }
                }
                let (mailbox, keywords) = (self.ids[a], Vec::new());
                let change = StoreFlags {
                    account,
                    mailbox,
                    uids,
                    action,
                    flags,
                    keywords,
                    unchanged_since: None,
                };
                self.world.write(change).await.unwrap();
            }
            5 => {
                let only_deleted = self.pick(2) == 0;
                for uid in &uids {
                    let model = &mut self.models[a];
                    let goes = |c: &Copy| !only_deleted || c.flags.contains(Flags::DELETED);
                    if model.live.get(uid).is_some_and(goes) {
                        let copy = model.live.remove(uid).unwrap();
                        model.ended.insert(*uid, copy);
                    }
                }
                let expunge = Expunge { account, mailbox: self.ids[a], uids, only_deleted, now };
                self.world.write(expunge).await.unwrap();
            }
            6 | 7 => self.copy(a, b, uids).await,
            8 => {
                let wanted: Vec<Uid> = self.models[a].ended.keys().copied().collect();
                for uid in &wanted {
                    let mut copy = self.models[a].ended.remove(uid).unwrap();
                    copy.flags = copy.flags.without(Flags::DELETED);
                    self.models[a].add(copy);
                }
                let placements = wanted.into_iter().map(|uid| (self.ids[a], uid)).collect();
                self.world.write(Restore { account, placements, now }).await.unwrap();
            }
            _ => {
                let what = Purgeable::EndedBefore(now);
                bulk::purge(self.world.engine, account, what, "test", now).await.unwrap();
                self.models.iter_mut().for_each(|model| model.ended.clear());
            }
        }
    }

    async fn copy(&mut self, from: usize, to: usize, uids: Vec<Uid>) {
        let mode = [CopyMode::Copy, CopyMode::Move][self.pick(2)];
        let asked = u32::try_from(uids.len()).unwrap();
        let end = self.models[to].next + asked;
        // What is copied is chosen before the first copy is made: it may be the same mailbox.
        let source = &mut self.models[from].live;
        let chosen: Vec<Copy> = match mode {
            CopyMode::Copy => uids.iter().filter_map(|uid| source.get(uid).cloned()).collect(),
            CopyMode::Move => uids.iter().filter_map(|uid| source.remove(uid)).collect(),
        };
        chosen.into_iter().for_each(|copy| self.models[to].add(copy));
        // A UID is taken for each that was asked for, also for those that were gone.
        self.models[to].next = end;
        let (from, to) = (self.ids[from], self.ids[to]);
        let (account, now) = (self.world.alice, self.world.now());
        self.world.write(CopyMessages { account, from, to, uids, mode, now }).await.unwrap();
    }

    async fn compare(&self, views: &Views) {
        let account = self.world.alice;
        for (model, mailbox) in self.models.iter().zip(&self.ids) {
            let state = self.world.read(FindMailbox::Id(account, *mailbox)).await.unwrap();
            let view = views.open(self.world.engine, account, *mailbox).await.unwrap();
            let got: Vec<_> = view.messages().map(|e| (e.uid, e.flags)).collect();
            let want: Vec<_> = model.live.iter().map(|(uid, copy)| (*uid, copy.flags)).collect();
            assert_eq!(got, want);
            let unseen = model.live.values().filter(|c| !c.flags.contains(Flags::SEEN)).count();
            let deleted = model.live.values().filter(|c| c.flags.contains(Flags::DELETED)).count();
            let counts = state.counts;
            assert_eq!(
                (counts.total, counts.unseen, counts.deleted),
                (model.live.len() as u64, unseen as u64, deleted as u64)
            );
            assert_eq!(state.uidnext, uid(model.next));
        }
        let ended: usize = self.models.iter().map(|model| model.ended.len()).sum();
        let list = ListRestorable { account, after: None, limit: 10_000 };
        assert_eq!(self.world.read(list).await.len(), ended);
        let quota = self.world.read(ReadQuota { account }).await;
        let live: usize = self.models.iter().map(|model| model.live.len()).sum();
        assert_eq!((quota.used_messages, quota.ended_messages), (live as u64, ended as u64));
    }
}

impl Seeded {
    fn one_in_three(&mut self) -> bool {
        self.up_to(2) == 0
    }
}

pub(crate) async fn random_operations_do_what_a_model_does(engine: &Engine) {
    let mut run = Run {
        world: World::new(engine).await,
        random: Seeded(0),
        ids: Vec::new(),
        models: Vec::new(),
    };
    for seed in 0..SEEDS {
        println!("seed {seed}");
        run.random = Seeded(seed);
        for name in ["a", "b", "c"] {
            run.ids.push(run.world.mailbox(&format!("{name}{seed}")).await.id);
            run.models.push(Model { next: 1, ..Model::default() });
        }
        for _ in 0..STEPS {
            run.step().await;
        }
        // A cache of its own each time: nothing was published to it.
        run.compare(&Views::new(1 << 20)).await;
        assert_eq!(run.world.findings().await, []);
    }
}
