//! What a store says of itself.

use crate::{EngineError, Operation, StoreError, Tx, stmt};
use posthorn_base::Time;

/// The row of `meta`.
#[derive(Clone)]
pub struct Meta {
    /// The newest migration that ran.
    pub schema: i64,
    /// Differs between stores, survives a restore.
    pub store_id: i64,
    /// How often this store came back from a backup.
    pub restores: i64,
    /// Keys app-password verifiers and fake salts. Never leaves the process.
    pub secret: [u8; 32],
    /// When it was made.
    pub created_at: Time,
}

impl std::fmt::Debug for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meta")
            .field("schema", &self.schema)
            .field("store_id", &self.store_id)
            .finish_non_exhaustive()
    }
}

/// Reads it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadMeta;

impl Operation for ReadMeta {
    type Output = Meta;
    const NAME: &'static str = "read meta";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Meta, StoreError> {
        let damaged = || EngineError::Corrupt("the row of meta cannot be read".into());
        let rows = tx
            .one(stmt!("SELECT schema, store_id, restores, secret, created_at FROM meta"))
            .await?;
        let row = rows.first().ok_or_else(damaged)?;
        let secret: Vec<u8> = row.get(3)?;
        Ok(Meta {
            schema: row.get(0)?,
            store_id: row.get(1)?,
            restores: row.get(2)?,
            secret: secret.try_into().map_err(|_| damaged())?,
            created_at: row.get(4)?,
        })
    }
}
