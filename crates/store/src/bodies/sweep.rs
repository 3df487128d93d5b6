//! Deletes body files that no row knows: what a crash left between the file and the commit.

use super::files::{BodyFiles, born};
use crate::engine::Engine;
use crate::seam::{Operation, Tx};
use crate::{EngineError, StoreError, stmt};
use posthorn_base::limits::BODY_FILE_GRACE;
use posthorn_base::{BodyId, Time};
use std::collections::HashSet;

/// Files that one question asks about.
const STEP: usize = 500;

/// Deletes the files older than [`BODY_FILE_GRACE`] that no body row refers to, and says how many.
/// Not for those that wait in `body_sweep`: their time comes there. While a backup holds the files
/// it stops and the next run goes on.
///
/// # Errors
/// What the engine or the file system says; what was deleted until then stays deleted.
pub async fn sweep_orphans(
    engine: &Engine,
    files: &BodyFiles,
    now: Time,
) -> Result<usize, StoreError> {
    let listed = {
        let files = files.clone();
        tokio::task::spawn_blocking(move || files.list())
            .await
            .map_err(|error| EngineError::Io(error.to_string()))??
    };
    let mut old: Vec<BodyId> =
        listed.into_iter().filter(|id| now.since(born(*id)) > BODY_FILE_GRACE).collect();
    old.sort_unstable();
    let mut deleted = 0;
    for ids in old.chunks(STEP) {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { continue };
        let known = engine.read(&KnownBodies { first: *first, last: *last }).await?;
        for id in ids.iter().filter(|id| !known.contains(id)) {
            match files.remove(&BodyFiles::name(*id)) {
                Ok(there) => deleted += usize::from(there),
                Err(EngineError::Retry) => return Ok(deleted),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(deleted)
}

/// Deletes the files whose bodies are gone and whose grace is over, and says how many. While a
/// backup holds the files it stops and the next run goes on.
///
/// # Errors
/// What the engine or the file system says; what was deleted until then stays deleted.
pub async fn sweep_due(engine: &Engine, files: &BodyFiles, now: Time) -> Result<usize, StoreError> {
    let mut deleted = 0;
    loop {
        let names = engine.read(&DueFiles { now }).await?;
        if names.is_empty() {
            return Ok(deleted);
        }
        for name in &names {
            match files.remove(name) {
                Ok(there) => deleted += usize::from(there),
                Err(EngineError::Retry) => return Ok(deleted),
                Err(error) => return Err(error.into()),
            }
        }
        // The rows go last: cut off in between, the next run finds them again, and no files.
        engine.write(ForgetFiles { names }).await?;
    }
}

/// Names of files whose time has come.
struct DueFiles {
    now: Time,
}

impl Operation for DueFiles {
    type Output = Vec<String>;
    const NAME: &'static str = "due files";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<String>, StoreError> {
        let rows = tx
            .one(stmt!(
                "SELECT name FROM body_sweep WHERE due_at <= ?1 AND location = 1 \
                 ORDER BY name LIMIT ?2",
                self.now,
                STEP as i64
            ))
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
    }
}

/// Forgets files that are gone.
struct ForgetFiles {
    names: Vec<String>,
}

impl Operation for ForgetFiles {
    type Output = ();
    const NAME: &'static str = "forget files";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let forget = |name: &String| stmt!("DELETE FROM body_sweep WHERE name = ?1", name.as_str());
        tx.run(self.names.iter().map(forget).collect()).await?;
        Ok(())
    }

    fn needs_room(&self) -> bool {
        false
    }
}

/// Which bodies between two ids have a row, or a file that waits in `body_sweep` for its time.
struct KnownBodies {
    first: BodyId,
    last: BodyId,
}

impl Operation for KnownBodies {
    type Output = HashSet<BodyId>;
    const NAME: &'static str = "known bodies";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<HashSet<BodyId>, StoreError> {
        let [rows, waiting] = tx
            .run(vec![
                stmt!(
                    "SELECT body_id FROM body WHERE body_id BETWEEN ?1 AND ?2",
                    self.first,
                    self.last
                ),
                // Names sort as the numbers do.
                stmt!(
                    "SELECT name FROM body_sweep WHERE name BETWEEN ?1 AND ?2",
                    BodyFiles::name(self.first).as_str(),
                    BodyFiles::name(self.last).as_str()
                ),
            ])
            .await?
            .try_into()
            .map_err(|_| EngineError::Corrupt("not an answer for each statement".into()))?;
        let mut known: HashSet<BodyId> = HashSet::new();
        for row in rows.iter() {
            known.insert(row.get(0)?);
        }
        for row in waiting.iter() {
            let name: String = row.get(0)?;
            known.extend(name.parse::<BodyId>());
        }
        Ok(known)
    }
}
