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
