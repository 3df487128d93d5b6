//! One transaction of one operation on a lent connection.

use super::error::engine_error;
use super::value::{Bound, Cell};
use crate::EngineError;
use crate::engine::Birth;
use crate::seam::{Backend, Batch, Rows, Statement, replace_ints};
use deadpool_postgres::{Client, Object};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;
use tokio_postgres::types::ToSql;

/// A connection on loan. Unless it is [`finished`](Lent::finished) it is closed instead of going
/// back: nobody may inherit an open transaction.
pub(super) struct Lent {
    client: Option<Client>,
    finished: bool,
}

impl Lent {
    pub(super) fn new(client: Client) -> Self {
        Lent { client: Some(client), finished: false }
    }
    #[expect(clippy::expect_used, reason = "it is taken in `drop` only")]
    pub(super) fn client(&mut self) -> &Client {
        self.finished = false;
        self.client.as_ref().expect("the connection is there until it is dropped")
    }
    /// Its transaction has ended.
    pub(super) fn finished(&mut self) {
        self.finished = true;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.finished
            && let Some(client) = self.client.take()
        {
            drop(Object::take(client));
        }
    }
}

/// Statements in PostgreSQL's words, by the address of the `'static` text.
#[derive(Default)]
pub(super) struct Texts(RwLock<HashMap<(usize, usize), Arc<str>>>);

impl Texts {
    fn get(&self, sql: &'static str) -> Arc<str> {
        let key = (sql.as_ptr().addr(), sql.len());
        if let Some(text) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(text);
        }
        let text: Arc<str> = translate(sql).into();
        let mut texts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(texts.entry(key).or_insert(text))
    }
}

/// `?1` becomes `$1`, `IN {ints:?1}` asks the array bound there.
fn translate(sql: &str) -> String {
    let text = replace_ints(sql, |place| format!("IN (SELECT unnest({place}::bigint[]))"));
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let parameter = c == '?' && chars.peek().is_some_and(char::is_ascii_digit);
        out.push(if parameter { '$' } else { c });
    }
    out
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Rows, EngineError>> + Send + 'a>>;

pub(super) struct Running<'a> {
    client: &'a Client,
    texts: &'a Texts,
    /// Travels with the first batch.
    begin: Option<&'static str>,
    failed: Option<EngineError>,
}

impl<'a> Running<'a> {
    pub(super) fn new(client: &'a Client, texts: &'a Texts, begin: &'static str) -> Self {
        Running { client, texts, begin: Some(begin), failed: None }
    }

    /// The first failure of a statement.
    pub(super) fn into_failure(self) -> Option<EngineError> {
        self.failed
    }

    async fn run_all(&mut self, batch: &Batch) -> Result<Vec<Rows>, EngineError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.pipeline(batch).await;
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    /// Sends everything, then collects the answers.
    async fn pipeline(&mut self, batch: &Batch) -> Result<Vec<Rows>, EngineError> {
        let client = self.client;
        let mut prepared = Vec::with_capacity(batch.len());
        for statement in batch {
            let text = self.texts.get(statement.sql);
            let ready = client
                .prepare_cached(&text)
                .await
                .map_err(|error| engine_error(&error, statement.sql))?;
            prepared.push(ready);
        }
        let begin = self.begin.take();
        let opened = begin.is_some();
        let begin = begin.map(|begin| -> Answer<'_> {
            Box::pin(async move {
                let begun = client.batch_execute(begin).await;
                begun.map(|()| Rows::default()).map_err(|error| engine_error(&error, begin))
            })
        });
        let answers = batch.iter().zip(&prepared).map(|(statement, prepared)| -> Answer<'_> {
            Box::pin(execute(client, statement, prepared))
        });
        let mut rows = in_order(begin.into_iter().chain(answers).collect()).await?;
        if opened {
            rows.remove(0);
        }
        Ok(rows)
    }
}

impl Backend for Running<'_> {
    fn run<'a>(
        &'a mut self,
        batch: Batch,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Rows>, EngineError>> + Send + 'a>> {
        Box::pin(async move { self.run_all(&batch).await })
    }
}

/// Polls every future once, in order, which sends its request; then awaits the answers in order.
/// The first failure is the answer: the server refuses what follows it.
async fn in_order(mut answers: Vec<Answer<'_>>) -> Result<Vec<Rows>, EngineError> {
    let mut early: Vec<Option<Result<Rows, EngineError>>> = Vec::with_capacity(answers.len());
    poll_fn(|context| {
        for answer in &mut answers {
            early.push(match answer.as_mut().poll(context) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            });
        }
        Poll::Ready(())
    })
    .await;
    let mut rows = Vec::with_capacity(answers.len());
    for (answer, early) in answers.into_iter().zip(early) {
        rows.push(match early {
            Some(result) => result?,
            None => answer.await?,
        });
    }
    Ok(rows)
}

async fn execute(
    client: &Client,
    statement: &Statement,
    prepared: &tokio_postgres::Statement,
) -> Result<Rows, EngineError> {
    let refused = |error| engine_error(&error, statement.sql);
    let wanted = prepared.params().len();
    if wanted != statement.values.len() {
        let message = format!("{wanted} parameters, {} values", statement.values.len());
        return Err(EngineError::Statement { message, sql: statement.sql });
    }
    let bound: Vec<Bound<'_>> = statement.values.iter().map(Bound).collect();
    let values: Vec<&(dyn ToSql + Sync)> =
        bound.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let width = prepared.columns().len();
    if width == 0 {
        let changed = client.execute(prepared, &values).await.map_err(refused)?;
        return Ok(Rows::new(0, Vec::new(), changed));
    }
    let rows = client.query(prepared, &values).await.map_err(refused)?;
    let mut cells = Vec::with_capacity(rows.len() * width);
    for row in &rows {
        for column in 0..width {
            let cell: Cell = row.try_get(column).map_err(|error| {
                EngineError::Corrupt(format!("column {column} of {}: {error}", statement.sql))
            })?;
            cells.push(cell.0);
        }
    }
    let reads = ["SELECT", "WITH", "VALUES"];
    let verb = statement.sql.split_ascii_whitespace().next().unwrap_or_default();
    let changed = if reads.iter().any(|read| verb.eq_ignore_ascii_case(read)) {
        0
    } else {
        rows.len() as u64
    };
    Ok(Rows::new(width, cells, changed))
}

/// Waits that differ, so that those who lost a race do not meet again.
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    pub(super) fn new(birth: &Birth) -> Self {
        Jitter(AtomicU64::new(birth.store_id.unsigned_abs()))
    }

    /// Before the try after `tries`: up to 2, 4, 8... milliseconds.
    pub(super) fn wait(&self, tries: u32) -> Duration {
        // SplitMix64: good enough to part two nodes, no secret.
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let most = 1000_u64 << tries.min(10);
        Duration::from_micros((mixed >> 31) % most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_postgresql_words() {
        #[track_caller]
        fn check(sql: &str, want: &str) {
            assert_eq!(translate(sql), want);
        }
        check("SELECT 1", "SELECT 1");
        check("UPDATE t SET a = ?12 WHERE b = ?1", "UPDATE t SET a = $12 WHERE b = $1");
        check("x IN {ints:?3} AND ?", "x IN (SELECT unnest($3::bigint[])) AND ?");
    }

    #[test]
    fn waits_grow_and_differ() {
        let jitter = Jitter(AtomicU64::new(1));
        let waits: Vec<Duration> = (1..8).map(|tries| jitter.wait(tries)).collect();
        for (wait, tries) in waits.iter().zip(1_u32..) {
            assert!(*wait < Duration::from_millis(1 << tries), "{waits:?}");
        }
        assert!(waits.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
