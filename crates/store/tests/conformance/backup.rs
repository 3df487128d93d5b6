//! A store that came back from a backup.

use crate::mail::world::{INBOX, World, letter};
use posthorn_base::Time;
use posthorn_store::backup::AfterRestore;
use posthorn_store::mail::{ListMailboxes, Mailbox};
use posthorn_store::{Engine, Operation, StoreError, Tx, stmt};

/// What writing a snapshot does to its copy.
struct Copied;

impl Operation for Copied {
    type Output = ();
    const NAME: &'static str = "copied";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!("UPDATE meta SET restores = restores + 1")).await?;
        Ok(())
    }
}

pub(crate) async fn a_restored_store_never_repeats_what_it_forgot(engine: &Engine) {
    let world = World::new(engine).await;
    world.deliver(&letter("before"), INBOX).await;
    let now = Time::from_seconds(world.now().seconds() + 86_400);
    assert!(!world.write(AfterRestore { now }).await.unwrap(), "never restored");
    let before = world.read(ListMailboxes(world.alice)).await;
    world.write(Copied).await.unwrap();
    assert!(world.write(AfterRestore { now }).await.unwrap());
    assert!(!world.write(AfterRestore { now }).await.unwrap(), "once");

    let after = world.read(ListMailboxes(world.alice)).await;
    let validities = |list: &[Mailbox]| {
        let mut all: Vec<_> = list.iter().map(|mailbox| mailbox.uidvalidity).collect();
        all.sort();
        all.dedup();
        all
    };
    let (old, new) = (validities(&before), validities(&after));
    assert_eq!(new.len(), old.len(), "each its own");
    assert!(new[0] > old[old.len() - 1] && i64::from(new[0].get()) >= now.seconds());
    for (was, is) in before.iter().zip(&after) {
        assert_eq!((was.id, &was.name, was.uidnext), (is.id, &is.name, is.uidnext));
        assert!(is.highest_modseq.get() > was.highest_modseq.get() + 1_000_000);
    }
    // What is made next goes on behind.
    assert!(world.mailbox("new").await.uidvalidity > new[new.len() - 1]);
    world.deliver(&letter("after"), INBOX).await;
    world.clean().await;
}
