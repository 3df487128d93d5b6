//! How long a mailbox takes to open and to follow: `cargo run --release --example open_mailbox
//! [MESSAGES] [CHANGES]`.
//!
//! Opens a mailbox that is not in memory, then changes one message at a time and brings the view up
//! to date. It prints figures of this machine and asserts nothing.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for people")]

use posthorn_base::{AccountId, Flags, MailboxId, Random, Time, Uid};
use posthorn_store::mail::{FlagAction, StoreFlags};
use posthorn_store::sqlite::{Options, Sqlite};
use posthorn_store::view::{Difference, Views};
use posthorn_store::{Birth, Change, Engine, Operation, StoreError, Tx, stmt};
use std::time::{Duration, Instant};

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Writes the account, the mailbox and its messages, as many deliveries would have left them.
struct Setup(u32);

impl Operation for Setup {
    type Output = ();
    const NAME: &'static str = "setup";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.run(vec![
            stmt!(
                "INSERT INTO account (account_id, address, display_name, created_at, modseq, \
                 next_uidvalidity, next_keyword, used_bytes, used_messages, ended_bytes, \
                 ended_messages, settings) \
                 VALUES (1, ?1, ?1, 0, ?2, 2, 1, 0, 0, 0, 0, ?1)",
                "x@y",
                self.0
            ),
            stmt!(
                "INSERT INTO mailbox (account_id, mailbox_id, name, role, uidvalidity, uidnext, \
                 recent_from, highest_modseq, modseq, created_modseq, vanished_floor, total, \
                 unseen, deleted, bytes, created_at) \
                 VALUES (1, 1, ?1, 0, 1, ?2 + 1, 1, ?2, 1, 1, 0, ?2, ?2, 0, 0, 0)",
                "INBOX",
                self.0
            ),
            stmt!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
                 INSERT INTO placement (account_id, mailbox_id, uid, email_id, modseq, \
                 created_modseq, flags, size, crlf_added, saved_at) \
                 SELECT 1, 1, i, i, i, i, 0, 4096, 0, 1000 * i FROM n",
                self.0
            ),
        ])
        .await?;
        Ok(())
    }
}

fn number(nth: usize, default: u32) -> u32 {
    std::env::args().nth(nth).and_then(|word| word.parse().ok()).unwrap_or(default)
}

fn say(what: &str, took: Duration, times: u32) {
    println!("{what}: {:?} each", took / times.max(1));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(run(number(1, 10_000), number(2, 200)));
}

async fn run(messages: u32, changes: u32) {
    let dir = tempfile::tempdir().expect("a directory");
    let birth = Birth::draw(Time::EPOCH, &mut Zeros);
    let options = Options { reserve_bytes: 0, ..Options::new(birth) };
    let engine = Engine::Sqlite(Sqlite::open(dir.path(), options).expect("a store"));
    engine.write(Setup(messages)).await.expect("a mailbox");
    let account = AccountId::new(1).expect("an id");
    let mailbox = MailboxId::new(1).expect("an id");

    let rounds = 5;
    let start = Instant::now();
    for _ in 0..rounds {
        Views::new(0).open(&engine, account, mailbox).await.expect("opened");
    }
    say(&format!("open {messages} messages, not in memory"), start.elapsed(), rounds);

    let views = Views::new(1 << 30);
    let mut shown = views.open(&engine, account, mailbox).await.expect("opened");
    let start = Instant::now();
    for _ in 0..changes {
        views.open(&engine, account, mailbox).await.expect("opened");
    }
    say("open again, nothing changed", start.elapsed(), changes);

    let (mut refresh, mut compare, mut keep) = <(Duration, Duration, Duration)>::default();
    for change in 0..changes {
        let uid = Uid::new(1 + change * 7919 % messages).expect("a UID");
        let flags = StoreFlags {
            account,
            mailbox,
            uids: vec![uid],
            action: FlagAction::Set,
            flags: if change % 2 == 0 { Flags::SEEN } else { Flags::FLAGGED },
            keywords: Vec::new(),
            unchanged_since: None,
        };
        engine.write(flags).await.expect("stored");
        // What a host does after a commit.
        let modseq = posthorn_base::ModSeq::new(i64::from(messages + change + 1)).expect("one");
        views.publish(&[Change::Mailbox { account, mailbox, modseq }]);
        let start = Instant::now();
        let newer = views.open(&engine, account, mailbox).await.expect("opened");
        refresh += start.elapsed();
        let start = Instant::now();
        let changed = shown.difference(&newer).collect::<Vec<Difference>>();
        compare += start.elapsed();
        assert_eq!(changed.len(), 1, "{changed:?}");
        let start = Instant::now();
        std::hint::black_box(shown.keeping(&newer));
        keep += start.elapsed();
        shown = newer;
    }
    say("follow one change", refresh, changes);
    say("tell what differs", compare, changes);
    say("keep what is gone", keep, changes);
    engine.close().await.expect("closed");
}
