//! What it costs to read what a list of messages shows, in nanoseconds an email:
//! `cargo run --release --example read_summaries [MESSAGES]`. It asserts nothing.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for people")]

use posthorn_base::{AccountId, EmailId, Random, Time};
use posthorn_store::mail::ReadSummaries;
use posthorn_store::sqlite::{Options, Sqlite};
use posthorn_store::{Birth, Engine, Operation, StoreError, Tx, stmt};
use std::time::Instant;

/// Emails that are asked for together.
const PAGE: usize = 256;

struct Zeros;

impl Random for Zeros {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Writes emails whose ids are two apart, with rows as large as those of ordinary mail.
struct Setup(u32);

impl Operation for Setup {
    type Output = ();
    const NAME: &'static str = "setup";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.run(vec![stmt!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             INSERT INTO email (account_id, email_id, body_id, arrival_id, thread_id, size, \
             received_at, received_zone, sent_at, sent_zone, created_modseq, \
             map_version, part_map, envelope) SELECT 1, i, i, i, i, 4096, i * 1000, 60, i * 1000, \
             60, i, 1, randomblob(110), randomblob(180) FROM n",
            self.0
        )])
        .await?;
        Ok(())
    }
}

fn main() {
    let messages = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(run(messages));
}

async fn run(messages: u32) {
    let dir = tempfile::tempdir().expect("a directory");
    let birth = Birth::draw(Time::EPOCH, &mut Zeros);
    let options = Options { reserve_bytes: 0, ..Options::new(birth) };
    let engine = Engine::Sqlite(Sqlite::open(dir.path(), options).expect("a store"));
    engine.write(Setup(messages)).await.expect("emails");
    let account = AccountId::new(1).expect("an id");
    for (how, step) in [("all", 1), ("every second", 2), ("every third", 3), ("few", 20)] {
        let emails: Vec<EmailId> =
            (1..=i64::from(messages)).step_by(step).filter_map(EmailId::new).collect();
        for (what, envelope, part_map) in
            [("dates", false, false), ("envelopes", true, false), ("part maps", false, true)]
        {
            let mut best = u128::MAX;
            for _ in 0..7 {
                let start = Instant::now();
                for page in emails.chunks(PAGE) {
                    let read = ReadSummaries {
                        account,
                        emails: page.to_vec(),
                        envelope,
                        part_map,
                        octets_max: 8192,
                    };
                    let found = engine.read(&read).await.expect("read");
                    assert_eq!(found.len(), page.len());
                }
                best = best.min(start.elapsed().as_nanos() / emails.len() as u128);
            }
            println!("{what} of {how}: {best} ns each");
        }
    }
    engine.close().await.expect("closed");
}
