//! Small operations on tables of the real schema, for tests of the engines.

#![allow(dead_code, reason = "each test binary uses its own part")]

use posthorn_base::{AccountId, MailboxId, ModSeq, Random, Time};
use posthorn_store::sqlite::Options;
use posthorn_store::{Birth, Change, EngineError, Operation, StoreError, Tx, stmt};
use std::sync::{Mutex, mpsc};

/// Bytes that follow from a seed.
pub(crate) struct Seeded(pub(crate) u64);

impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            // SplitMix64's step; its top byte is good enough to differ.
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            *byte = ((self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8;
        }
    }
}

pub(crate) fn birth(seed: u64) -> Birth {
    Birth::draw(Time::from_seconds(1_795_425_540), &mut Seeded(seed))
}

/// Without a disk reserve: test machines may be tight.
pub(crate) fn options() -> Options {
    Options { reserve_bytes: 0, ..Options::new(birth(1)) }
}

/// Inserts a row of `operation`, then perhaps refuses.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) id: i64,
    pub(crate) blob: usize,
    pub(crate) bytes: usize,
    pub(crate) then_refuse: bool,
    pub(crate) frees_space: bool,
}

impl Put {
    pub(crate) fn new(id: i64) -> Self {
        Put { id, blob: 10, bytes: 100, then_refuse: false, frees_space: false }
    }
}

impl Operation for Put {
    type Output = ();
    const NAME: &'static str = "put";

    fn bytes(&self) -> usize {
        self.bytes
    }
    fn needs_room(&self) -> bool {
        !self.frees_space
    }
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let insert = stmt!(
            "INSERT INTO operation (operation_id, at, result) VALUES (?1, ?2, ?3)",
            self.id,
            Time::EPOCH,
            vec![7_u8; self.blob]
        );
        match tx.one(insert).await {
            Err(EngineError::Duplicate(_)) => {
                return Err(StoreError::exists("operation", self.id));
            }
            other => other?,
        };
        if self.then_refuse {
            return Err(StoreError::Refused("as it was told".into()));
        }
        tx.changed(Change::Mailbox {
            account: AccountId::new(1).unwrap(),
            mailbox: MailboxId::new(self.id + 1).unwrap(),
            modseq: ModSeq::new(1).unwrap(),
        });
        Ok(())
    }
}

pub(crate) struct Count;

impl Operation for Count {
    type Output = i64;
    const NAME: &'static str = "count";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let rows = tx.one(stmt!("SELECT count(*) FROM operation")).await?;
        Ok(rows.first().unwrap().get(0)?)
    }
}

/// Counts, tells, waits to be told, counts again. Only for an engine that reads in place.
pub(crate) struct CountTwice {
    between: mpsc::Sender<()>,
    going: Mutex<mpsc::Receiver<()>>,
}

impl CountTwice {
    pub(crate) fn new(between: mpsc::Sender<()>, going: mpsc::Receiver<()>) -> Self {
        CountTwice { between, going: Mutex::new(going) }
    }
}

impl Operation for CountTwice {
    type Output = (i64, i64);
    const NAME: &'static str = "count twice";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(i64, i64), StoreError> {
        let first = Count.run(tx).await?;
        self.between.send(()).unwrap();
        self.going.lock().unwrap().recv().unwrap();
        Ok((first, Count.run(tx).await?))
    }
}

/// Ids and sizes of the rows with these ids.
pub(crate) struct Get(pub(crate) Vec<i64>);

impl Operation for Get {
    type Output = Vec<(i64, i64)>;
    const NAME: &'static str = "get";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT operation_id, length(result), result FROM operation \
                 WHERE operation_id IN {ints:?1} ORDER BY operation_id",
                self.0.clone()
            ))
            .await?;
        let mut out = Vec::new();
        for row in rows.iter() {
            let result: bytes::Bytes = row.get(2)?;
            assert!(result.iter().all(|byte| *byte == 7));
            assert_eq!(i64::try_from(result.len()).unwrap(), row.get::<i64>(1)?);
            out.push((row.get(0)?, row.get(1)?));
        }
        Ok(out)
    }
}

/// Changes one row and says how many it changed.
pub(crate) struct Create;

impl Operation for Create {
    type Output = u64;
    const NAME: &'static str = "create";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let rows = tx
            .run(vec![
                stmt!(
                    "INSERT INTO operation (operation_id, at, result) VALUES (?1, 0, ?2)",
                    900_i64,
                    "x"
                ),
                stmt!(
                    "UPDATE operation SET at = ?2 WHERE operation_id = ?1 RETURNING at",
                    900_i64,
                    5_i64
                ),
                stmt!("SELECT at FROM operation"),
            ])
            .await?;
        assert_eq!(rows[1].first().unwrap().get::<i64>(0)?, 5);
        assert_eq!(rows[0].changed(), 1);
        assert_eq!(rows[2].changed(), 0);
        Ok(rows[1].changed())
    }
}

/// What an operation must not do.
pub(crate) enum Misbehave {
    Panic,
    Wait,
    SwallowDuplicate,
}

impl Operation for Misbehave {
    type Output = ();
    const NAME: &'static str = "misbehave";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        match self {
            Misbehave::Panic => panic!("as it was told"),
            Misbehave::Wait => std::future::pending().await,
            Misbehave::SwallowDuplicate => {
                let insert = "INSERT INTO operation (operation_id, at, result) VALUES (1, 0, ?1)";
                let failed = tx.one(stmt!(insert, "x")).await;
                assert!(failed.is_err());
                assert!(tx.one(stmt!("SELECT 1")).await.is_err());
                Ok(())
            }
        }
    }
}

/// Removes every row of `operation`.
pub(crate) struct Clear;

impl Operation for Clear {
    type Output = ();
    const NAME: &'static str = "clear";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.one(stmt!("DELETE FROM operation")).await?;
        Ok(())
    }
}
