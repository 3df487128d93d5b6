//! What every operation leans on: values, sets, failures, concurrency.

use crate::harness::BORN;
use bytes::Bytes;
use posthorn_store::meta::ReadMeta;
use posthorn_store::{Engine, EngineError, Operation, Rows, StoreError, Tx, Value, stmt};
use std::sync::Arc;

/// Runs batches one after the other and answers what the last one answered.
struct Batches(Vec<Vec<(&'static str, Vec<Value>)>>);

impl Operation for Batches {
    type Output = Vec<Rows>;
    const NAME: &'static str = "batches";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Rows>, StoreError> {
        let mut answers = Vec::new();
        for batch in &self.0 {
            let batch = batch
                .iter()
                .map(|(sql, values)| posthorn_store::Statement::new(sql, values.clone()));
            answers = tx.run(batch.collect()).await?;
        }
        Ok(answers)
    }
}

const INSERT: &str = "INSERT INTO operation (operation_id, at, result) VALUES (?1, ?2, ?3)";

fn insert(id: i64, result: &[u8]) -> (&'static str, Vec<Value>) {
    (INSERT, vec![Value::from(id), Value::from(BORN), Value::from(result)])
}

async fn count(engine: &Engine) -> i64 {
    let sql = "SELECT count(*) FROM operation";
    let answers = engine.read(&Batches(vec![vec![(sql, vec![])]])).await.unwrap();
    answers[0].first().unwrap().get(0).unwrap()
}

pub(crate) async fn values_come_back_as_they_went_in(engine: &Engine) {
    let long = vec![0xfe; 300_000];
    let cases: [(i64, &[u8]); 5] = [
        (i64::MAX, b""),
        (1, b"\0"),
        (2, "nul \0 and \u{1f4ee}".as_bytes()),
        (3, b"\xff\xfe"),
        (4, &long),
    ];
    for (id, result) in cases {
        engine.write(Batches(vec![vec![insert(id, result)]])).await.unwrap();
        let sql = "SELECT operation_id, at, result, NULL FROM operation WHERE operation_id = ?1";
        let answers = engine.read(&Batches(vec![vec![(sql, vec![id.into()])]])).await.unwrap();
        let row = answers[0].first().unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), id);
        assert_eq!(row.get::<posthorn_base::Time>(1).unwrap(), BORN);
        assert_eq!(row.get::<Bytes>(2).unwrap(), result);
        assert_eq!(row.get::<Option<i64>>(3).unwrap(), None);
        assert!(matches!(row.get::<Bytes>(0), Err(EngineError::Corrupt(_))));
    }
    // Our own words are text; and NULL goes in where it may.
    let job = "INSERT INTO job (name, state, updated_at) VALUES (?1, ?2, ?3)";
    let values = vec![Value::Text("purge".into()), Value::from("state"), Value::from(0_i64)];
    engine.write(Batches(vec![vec![(job, values)]])).await.unwrap();
    let sql = "SELECT name, state FROM job WHERE name = ?1";
    let answers =
        engine.read(&Batches(vec![vec![(sql, vec![Value::Text("purge".into())])]])).await.unwrap();
    assert_eq!(answers[0].first().unwrap().get::<String>(0).unwrap(), "purge");
    let event = "INSERT INTO story_event (arrival_id, event_id, at, account_id, data) \
                 VALUES (1, 1, 0, ?1, ?2)";
    let values = vec![Value::Null, Value::from("x")];
    engine.write(Batches(vec![vec![(event, values)]])).await.unwrap();
    let sql = "SELECT account_id FROM story_event";
    let answers = engine.read(&Batches(vec![vec![(sql, vec![])]])).await.unwrap();
    assert_eq!(answers[0].first().unwrap().get::<Option<i64>>(0).unwrap(), None);
}

pub(crate) async fn sets_of_integers(engine: &Engine) {
    let rows = (1..=50).map(|id| insert(id, b"x")).collect();
    engine.write(Batches(vec![rows])).await.unwrap();
    let sql = "SELECT operation_id FROM operation \
               WHERE operation_id IN {ints:?1} AND at = ?2 ORDER BY operation_id";
    for set in [vec![], vec![7], vec![50, 3, 3, 77, -1, i64::MIN, i64::MAX], (0..5000).collect()] {
        let want: Vec<i64> = (1..=50).filter(|id| set.contains(id)).collect();
        let values = vec![Value::from(set), Value::from(BORN)];
        let answers = engine.read(&Batches(vec![vec![(sql, values)]])).await.unwrap();
        let got: Vec<i64> = answers[0].iter().map(|row| row.get(0).unwrap()).collect();
        assert_eq!(got, want);
    }
    let delete = "DELETE FROM operation WHERE operation_id IN {ints:?1}";
    let values = vec![Value::from(vec![1_i64, 2, 3, 99])];
    let answers = engine.write(Batches(vec![vec![(delete, values)]])).await.unwrap();
    assert_eq!(answers[0].changed(), 3);
}

pub(crate) async fn a_duplicate_is_told_apart_and_leaves_nothing(engine: &Engine) {
    engine.write(Batches(vec![vec![insert(1, b"x")]])).await.unwrap();
    let both = Batches(vec![vec![insert(2, b"x"), insert(1, b"x"), insert(3, b"x")]]);
    let refused = engine.write(both).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Duplicate(_))), "{refused:?}");
    assert_eq!(count(engine).await, 1);
    let missing = "INSERT INTO operation (operation_id, at, result) VALUES (9, NULL, ?1)";
    let refused = engine.write(Batches(vec![vec![(missing, vec!["x".into()])]])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Statement { .. })), "{refused:?}");
    let wrong = engine.write(Batches(vec![vec![(INSERT, vec![Value::Null])]])).await.unwrap_err();
    assert!(matches!(wrong, StoreError::Engine(EngineError::Statement { .. })), "{wrong:?}");
    assert_eq!(count(engine).await, 1);
}

/// Meets a duplicate, asks again, answers success.
struct Swallow;

impl Operation for Swallow {
    type Output = ();
    const NAME: &'static str = "swallow";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let (sql, values) = insert(2, b"x");
        tx.one(posthorn_store::Statement::new(sql, values)).await?;
        let (sql, values) = insert(1, b"x");
        let first = tx.one(posthorn_store::Statement::new(sql, values)).await;
        assert!(matches!(first, Err(EngineError::Duplicate(_))), "{first:?}");
        assert!(tx.one(stmt!("SELECT count(*) FROM operation")).await.is_err());
        Ok(())
    }
}

pub(crate) async fn nothing_after_a_failure_succeeds(engine: &Engine) {
    engine.write(Batches(vec![vec![insert(1, b"x")]])).await.unwrap();
    let refused = engine.write(Swallow).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(EngineError::Duplicate(_))), "{refused:?}");
    assert_eq!(count(engine).await, 1);
}

pub(crate) async fn rows_say_how_many_changed(engine: &Engine) {
    let batch = vec![
        insert(1, b"a"),
        insert(2, b"b"),
        ("UPDATE operation SET at = at + ?1 RETURNING operation_id, at", vec![Value::from(5_i64)]),
        ("UPDATE operation SET at = 0 WHERE operation_id = 77", vec![]),
        ("SELECT operation_id FROM operation", vec![]),
        ("DELETE FROM operation WHERE operation_id < ?1", vec![Value::from(9_i64)]),
    ];
    let answers = engine.write(Batches(vec![batch])).await.unwrap();
    let changed: Vec<u64> = answers.iter().map(Rows::changed).collect();
    assert_eq!(changed, [1, 1, 2, 0, 0, 2]);
    assert_eq!(answers[2].len(), 2);
    assert_eq!(answers[2].first().unwrap().get::<i64>(1).unwrap(), BORN.millis() + 5);
    assert_eq!(answers[4].len(), 2);
    let upsert = "INSERT INTO operation (operation_id, at, result) VALUES (?1, ?2, ?3) \
                  ON CONFLICT (operation_id) DO UPDATE SET at = operation.at + 1 RETURNING at";
    for want in [0_i64, 1, 2] {
        let values = vec![Value::from(5_i64), Value::from(0_i64), Value::from("x")];
        let answers = engine.write(Batches(vec![vec![(upsert, values)]])).await.unwrap();
        assert_eq!(answers[0].first().unwrap().get::<i64>(0).unwrap(), want);
        assert_eq!(answers[0].changed(), 1);
    }
}

pub(crate) async fn sums_and_counts_are_integers(engine: &Engine) {
    let sql = "SELECT count(*), sum(at), coalesce(sum(at), 0), max(operation_id), \
               max(operation_id) > 1 FROM operation";
    let read = || async {
        let answers = engine.read(&Batches(vec![vec![(sql, vec![])]])).await.unwrap();
        let row = answers[0].first().unwrap();
        let sum: Option<i64> = row.get(1).unwrap();
        let all: (i64, i64) = (row.get(0).unwrap(), row.get(2).unwrap());
        (all, sum, row.get::<Option<i64>>(3).unwrap(), row.get::<Option<bool>>(4).unwrap())
    };
    assert_eq!(read().await, ((0, 0), None, None, None));
    engine.write(Batches(vec![vec![insert(1, b""), insert(3, b"")]])).await.unwrap();
    let sum = 2 * BORN.millis();
    assert_eq!(read().await, ((2, sum), Some(sum), Some(3), Some(true)));
}

pub(crate) async fn a_read_cannot_write(engine: &Engine) {
    let refused = engine.read(&Batches(vec![vec![insert(1, b"x")]])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Engine(_)), "{refused:?}");
    assert_eq!(count(engine).await, 0);
}

/// Reads a number, then writes one more, as an operation that locks by its first statement does.
struct Increment;

impl Operation for Increment {
    type Output = i64;
    const NAME: &'static str = "increment";
    async fn run(&self, tx: &mut Tx<'_>) -> Result<i64, StoreError> {
        let lock = stmt!("UPDATE operation SET at = at + 1 WHERE operation_id = 1 RETURNING at");
        let at: i64 = match tx.one(lock).await?.first() {
            Some(row) => row.get(0)?,
            None => return Err(StoreError::missing("operation", 1)),
        };
        let (sql, values) = insert(at, b"x");
        tx.one(posthorn_store::Statement::new(sql, values)).await?;
        Ok(at)
    }
}

pub(crate) async fn writers_of_one_row_take_turns(engine: &Engine) {
    let zero = "INSERT INTO operation (operation_id, at, result) VALUES (1, 1, ?1)";
    engine.write(Batches(vec![vec![(zero, vec!["x".into()])]])).await.unwrap();
    let done = Arc::new(std::sync::Mutex::new(Vec::new()));
    let one = |engine| {
        let done = Arc::clone(&done);
        async move {
            let at = Engine::write(engine, Increment).await.unwrap();
            done.lock().unwrap().push(at);
        }
    };
    // Twelve at a time, five times.
    for _ in 0..5 {
        tokio::join!(
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine),
            one(engine)
        );
    }
    let mut done = done.lock().unwrap().clone();
    done.sort_unstable();
    assert_eq!(done, (2..62).collect::<Vec<i64>>());
    assert_eq!(count(engine).await, 61);
}

pub(crate) async fn the_store_knows_itself(engine: &Engine) {
    let meta = engine.read(&ReadMeta).await.unwrap();
    assert_eq!(meta.created_at, BORN);
    assert!(meta.store_id > 0 && meta.schema >= 1);
    assert!(meta.secret.iter().any(|byte| *byte != 0));
}
