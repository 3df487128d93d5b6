//! Brings the schema of a cluster up to date. Several nodes may start at once: each migration is
//! one transaction, and who comes second finds it done.
//!
//! A snapshot precedes the first change, and here it is the operator's: a node has no place for a
//! copy of a cluster, and one beside the tables would double it, go down with it, and not be of one
//! moment on engines of several machines. So a database that exists is changed only when it was
//! said that there is a backup, for which schema
//! ([`Options::migrate_to`](super::Options::migrate_to)): a number, because a standing "yes" would
//! be given once and never thought of again. A new database needs none. What fails half way leaves
//! nothing: changes of the schema are transactional.

use super::error::engine_error;
use super::session::Lent;
use crate::EngineError;
use crate::engine::Birth;
use crate::schema::{Dialect, Migration};
use deadpool_postgres::Client;

/// Large values are compressed by us already: PostgreSQL is not to try again.
const TUNING: &str = "ALTER TABLE body ALTER COLUMN data SET STORAGE EXTERNAL; \
     ALTER TABLE email_text ALTER COLUMN data SET STORAGE EXTERNAL";

struct Version {
    schema: i64,
    min_writer: i64,
}

/// Runs the migrations that are missing.
///
/// # Errors
/// [`EngineError::TooNew`], [`EngineError::Unavailable`] when it was not said that there is a
/// backup, or what the database says.
pub(super) async fn migrate(
    lent: &mut Lent,
    migrations: &[Migration],
    birth: &Birth,
    migrate_to: i64,
) -> Result<(), EngineError> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    let client = lent.client();
    let version = version(client).await?;
    if let Some(Version { schema, min_writer }) = version
        && min_writer > known
    {
        return Err(EngineError::TooNew { schema, needs: min_writer, known });
    }
    if let Some(Version { schema, .. }) = version
        && schema < known
        && migrate_to < known
    {
        return Err(EngineError::Unavailable(format!(
            "the database has schema {schema}, and this release brings it to schema {known}. \
             Nothing was changed. Make a backup of the database (pg_dump, or your cluster's own), \
             then set store.postgres_migrate_to = {known} and start again; the release before this \
             one goes on working on the changed database"
        )));
    }
    let schema = version.map_or(0, |version| version.schema);
    for migration in migrations.iter().filter(|migration| migration.number > schema) {
        if let Err(error) = apply(client, migration, birth).await {
            end(client, "ROLLBACK").await?;
            let now = self::version(client).await?.map_or(0, |version| version.schema);
            if now < migration.number {
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn version(client: &Client) -> Result<Option<Version>, EngineError> {
    const TABLES: &str = "SELECT count(*) FROM information_schema.tables \
                          WHERE table_schema = current_schema() AND table_name = 'meta'";
    let refused = |error| engine_error(&error, TABLES);
    let tables: i64 =
        client.query_one(TABLES, &[]).await.and_then(|row| row.try_get(0)).map_err(refused)?;
    if tables == 0 {
        return Ok(None);
    }
    const META: &str = "SELECT schema, min_writer FROM meta";
    let refused = |error| engine_error(&error, META);
    let row = client
        .query_opt(META, &[])
        .await
        .map_err(refused)?
        .ok_or_else(|| EngineError::Corrupt("meta is empty".into()))?;
    Ok(Some(Version {
        schema: row.try_get(0).map_err(refused)?,
        min_writer: row.try_get(1).map_err(refused)?,
    }))
}

async fn apply(client: &Client, migration: &Migration, birth: &Birth) -> Result<(), EngineError> {
    end(client, "BEGIN").await?;
    const SQL: &str = "migration";
    let refused = |error| engine_error(&error, SQL);
    client.batch_execute(&Dialect::POSTGRES.render(migration)).await.map_err(refused)?;
    if migration.number == 1 {
        client.batch_execute(TUNING).await.map_err(refused)?;
        client
            .execute(
                "INSERT INTO meta (one, schema, min_reader, min_writer, store_id, restores, \
                 secret, created_at) VALUES (1, 0, 0, 0, $1, 0, $2, $3)",
                &[&birth.store_id, &birth.secret.as_slice(), &birth.created_at.millis()],
            )
            .await
            .map_err(refused)?;
    }
    client
        .execute(
            "UPDATE meta SET schema = $1, min_reader = $2, min_writer = $3",
            &[&migration.number, &migration.min_reader, &migration.min_writer],
        )
        .await
        .map_err(refused)?;
    end(client, "COMMIT").await
}

async fn end(client: &Client, sql: &'static str) -> Result<(), EngineError> {
    client.batch_execute(sql).await.map_err(|error| engine_error(&error, sql))
}
