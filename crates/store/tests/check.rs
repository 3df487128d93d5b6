//! Each rule of the check is broken once, and the check must name it.

#![cfg(test)]

#[path = "conformance/mail/world.rs"]
#[allow(dead_code, reason = "the suite uses the rest")]
mod world;

use posthorn_store::mail::pending::RecordPlan;
use posthorn_store::sqlite::{Options, Sqlite};
use posthorn_store::{Birth, Engine, Operation, StoreError, Tx, check, stmt};
use std::collections::BTreeSet;
use world::{INBOX, Seeded, World, letter};

/// Rules, and what breaks them in a store that [`World::fill`] filled.
const MUTATIONS: &[(&str, &[&str])] = &[
    ("account.modseq", &["UPDATE mailbox SET highest_modseq = 1000000"]),
    ("account.used", &["UPDATE account SET used_bytes = used_bytes + 1"]),
    ("account.ended", &["UPDATE account SET ended_messages = ended_messages + 1"]),
    ("mailbox.inbox", &["UPDATE mailbox SET name = x'7a' WHERE role = 1"]),
    ("mailbox.uidvalidity", &["UPDATE mailbox SET uidvalidity = 7"]),
    ("mailbox.uidnext", &["UPDATE mailbox SET recent_from = uidnext + 1"]),
    ("mailbox.modseq", &["UPDATE mailbox SET created_modseq = modseq + 1"]),
    ("mailbox.highest_modseq", &["UPDATE mailbox SET highest_modseq = modseq WHERE role = 1"]),
    ("mailbox.counts", &["UPDATE mailbox SET unseen = unseen + 1"]),
    ("mailbox.role", &["UPDATE mailbox SET role = 77 WHERE role = 2"]),
    ("mailbox.name", &["UPDATE mailbox SET name = x'612f2f62' WHERE role = 2"]),
    ("placement.mailbox", &["DELETE FROM mailbox WHERE role = 1"]),
    ("placement.email", &["UPDATE placement SET email_id = email_id + 1 WHERE email_id <> 0"]),
    ("placement.tombstone", &["UPDATE placement SET ended_at = NULL WHERE email_id = 0"]),
    ("placement.modseq", &["UPDATE placement SET modseq = created_modseq - 1"]),
    ("placement.uid_order", &["UPDATE placement SET created_modseq = 1 WHERE uid > 6"]),
    ("placement.unpublished", &["UPDATE mailbox SET uidnext = 1, recent_from = 1"]),
    ("placement.keywords", &["UPDATE placement SET keywords = x'09' WHERE ended_at IS NULL"]),
    ("pop3_unique_id.placement", &["UPDATE pop3_unique_id SET uid = uid + 1000"]),
    ("email.placement", &["DELETE FROM placement"]),
    ("email.body", &["UPDATE email SET size = size + 1"]),
    ("email.dates", &["UPDATE email SET sent_zone = 60"]),
    ("email.modseq", &["UPDATE email SET created_modseq = 1000000"]),
    ("email_text.email", &["UPDATE email_text SET email_id = -email_id"]),
    ("keyword.number", &["UPDATE account SET next_keyword = 1"]),
    ("keyword.name", &["UPDATE keyword SET name_key = x'58' WHERE number = 1"]),
    ("subscription.name", &["UPDATE subscription SET name = x'2f' WHERE name = x'4a756e6b'"]),
    ("story_pointer.story", &["DELETE FROM story"]),
    ("story_event.story", &["DELETE FROM story"]),
    ("meta.one", &["UPDATE meta SET schema = 0"]),
    ("domain.default", &["INSERT INTO domain VALUES (x'62', x'62', 1, 0)"]),
    ("address.domain", &["UPDATE address SET domain_key = x'62'"]),
    ("address.owner", &["UPDATE address SET owner = 99"]),
    ("address_target.address", &["DELETE FROM address"]),
    ("address_target.account", &["UPDATE address_target SET account_id = 99"]),
    ("body.refs", &["UPDATE body SET refs = refs + 1"]),
    ("body.location", &["UPDATE body SET location = 2 WHERE location = 0"]),
    ("body.frames", &["UPDATE body SET frames = x'00'"]),
    ("body.checksum", &["UPDATE body SET hash = zeroblob(32)"]),
    (
        "body_sweep.body",
        &["INSERT INTO body_sweep SELECT name, location, 0 FROM body WHERE location = 1"],
    ),
    ("queue_row.body", &["UPDATE queue_row SET body_id = 5"]),
    ("queue_row.destination", &["DELETE FROM destination"]),
    ("queue_row.lease", &["UPDATE queue_row SET lease_owner = 1"]),
    ("destination.waiting", &["UPDATE destination SET waiting = waiting + 1"]),
    ("pending_plan.body", &["UPDATE pending_plan SET arrival_id = arrival_id + 1"]),
    ("pending_plan.plan", &["DELETE FROM pending_plan WHERE account_id = 0"]),
    (
        "pending_plan.data",
        &["UPDATE pending_plan SET account_id = account_id + 7 WHERE account_id <> 0"],
    ),
    ("owner.login", &["UPDATE login SET account_id = 99"]),
    ("owner.address_grant", &["UPDATE address_grant SET account_id = -account_id"]),
    (
        "owner.credential",
        &["INSERT INTO credential VALUES (9, 9, 1, x'', 0, x'', NULL, 0, NULL, NULL)"],
    ),
    ("owner.mailbox", &["UPDATE mailbox SET account_id = -account_id"]),
    ("owner.subscription", &["UPDATE subscription SET account_id = -account_id"]),
    ("owner.keyword", &["UPDATE keyword SET account_id = -account_id"]),
    ("owner.email", &["UPDATE email SET account_id = -account_id"]),
    ("owner.email_text", &["UPDATE email_text SET account_id = -account_id"]),
    ("owner.placement", &["UPDATE placement SET account_id = -account_id"]),
    ("owner.pop3_unique_id", &["UPDATE pop3_unique_id SET account_id = -account_id"]),
    ("owner.thread_ref", &["UPDATE thread_ref SET account_id = -account_id"]),
    ("owner.story_pointer", &["UPDATE story_pointer SET account_id = -account_id"]),
];

/// Runs SQL past all operations.
struct Mutate(&'static [&'static str]);

impl Operation for Mutate {
    type Output = u64;
    const NAME: &'static str = "mutate";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let batch = self.0.iter().map(|sql| stmt!(*sql)).collect();
        Ok(tx.run(batch).await?.iter().map(|rows| rows.changed()).sum())
    }
}

async fn findings_after(mutation: &'static [&'static str]) -> BTreeSet<&'static str> {
    let dir = tempfile::tempdir().unwrap();
    let birth = Birth::draw(posthorn_base::Time::from_seconds(1_795_425_540), &mut Seeded(1));
    let options = Options { reserve_bytes: 0, ..Options::new(birth) };
    let engine = Engine::Sqlite(Sqlite::open(dir.path(), options).unwrap());
    let world = World::new(&engine).await;
    world.fill().await;
    let to: [(_, &[_]); 2] = [(world.alice, &[INBOX]), (world.bob, &[INBOX])];
    let plan = world.plan(&letter("is decided, and waits"), &to);
    world.write(RecordPlan { plan }).await.unwrap();
    if !mutation.is_empty() {
        assert!(world.write(Mutate(mutation)).await.unwrap() > 0, "{mutation:?} changes nothing");
    }
    world.findings().await.into_iter().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn a_whole_store_has_no_findings() {
    assert!(findings_after(&[]).await.is_empty());
}

#[tokio::test]
async fn every_rule_is_told_when_it_is_broken() {
    for (rule, mutation) in MUTATIONS {
        let told = findings_after(mutation).await;
        assert!(told.contains(rule), "{rule} is not among {told:?}");
    }
}

#[test]
fn every_rule_has_a_mutation() {
    let rules: BTreeSet<_> = check::rules().map(|(name, _)| name).collect();
    let broken: BTreeSet<_> = MUTATIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(rules, broken);
    assert_eq!(rules.len(), check::rules().count(), "names are unique");
}
