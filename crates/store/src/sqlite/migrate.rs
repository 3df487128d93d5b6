//! Brings a store to the schema that this release knows.
//!
//! Each migration is one transaction. Before the first change of a store that existed, a copy of
//! its database is made beside it: `before-schema-N.db`. A release only adds, so the release before
//! this one still opens the store afterwards; only a store that demands more than we know is
//! refused.

use super::directory::{create_private, sync_file_and_name};
use super::error::engine_error;
use crate::EngineError;
use crate::engine::Birth;
use crate::schema::{Dialect, Migration};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// The store's row in `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    schema: i64,
    min_writer: i64,
}

/// Runs the migrations that are missing.
///
/// # Errors
/// [`EngineError::TooNew`] when the store demands a newer release, [`EngineError::Corrupt`] when
/// the file is no store, or what SQLite says.
pub(super) fn migrate(
    connection: &mut Connection,
    dir: &Path,
    migrations: &[Migration],
    birth: &Birth,
) -> Result<(), EngineError> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    let version = version(connection)?;
    if let Some(Version { schema, min_writer }) = version
        && min_writer > known
    {
        return Err(EngineError::TooNew { schema, needs: min_writer, known });
    }
    let schema = version.map_or(0, |version| version.schema);
    let missing: Vec<&Migration> =
        migrations.iter().filter(|migration| migration.number > schema).collect();
    if let (Some(first), Some(_)) = (missing.first(), version) {
        keep_copy(connection, &dir.join(format!("before-schema-{}.db", first.number)))?;
    }
    for migration in missing {
        apply(connection, migration, birth).map_err(|error| engine_error(error, "migration"))?;
        tracing::info!(schema = migration.number, "the store's schema was brought up to date");
    }
    Ok(())
}

fn version(connection: &Connection) -> Result<Option<Version>, EngineError> {
    const TABLES: &str = "SELECT count(*), coalesce(sum(name = 'meta'), 0) FROM sqlite_schema \
                          WHERE type = 'table'";
    let (tables, metas): (i64, i64) = connection
        .query_row(TABLES, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(|error| engine_error(error, TABLES))?;
    match (tables, metas) {
        (0, _) => return Ok(None),
        (_, 0) => return Err(EngineError::Corrupt("the database is none of Posthorn's".into())),
        _ => {}
    }
    const META: &str = "SELECT schema, min_writer FROM meta";
    connection
        .query_row(META, [], |row| Ok(Version { schema: row.get(0)?, min_writer: row.get(1)? }))
        .optional()
        .map_err(|error| engine_error(error, META))?
        .map(Some)
        .ok_or_else(|| EngineError::Corrupt("meta is empty".into()))
}

/// A copy that is whole or absent: it gets its name once it is on the disk.
fn keep_copy(connection: &Connection, to: &Path) -> Result<(), EngineError> {
    let io = |error: std::io::Error| EngineError::Io(format!("{}: {error}", to.display()));
    if to.exists() {
        // An earlier try got as far as this: its copy is of the same schema.
        return Ok(());
    }
    let part = to.with_extension("part");
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    create_private(&part).map_err(io)?;
    let name = part.to_str().ok_or_else(|| EngineError::Io("path is not UTF-8".into()))?;
    connection
        .execute("VACUUM INTO ?1", params![name])
        .map_err(|error| engine_error(error, "VACUUM INTO"))?;
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&part, to).map_err(io)?;
    sync_file_and_name(to).map_err(io)
}

fn apply(
    connection: &mut Connection,
    migration: &Migration,
    birth: &Birth,
) -> rusqlite::Result<()> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(&Dialect::SQLITE.render(migration))?;
    if migration.number == 1 {
        transaction.execute(
            "INSERT INTO meta (one, schema, min_reader, min_writer, store_id, restores, secret, \
             created_at) VALUES (1, 0, 0, 0, ?1, 0, ?2, ?3)",
            params![birth.store_id, birth.secret.as_slice(), birth.created_at.millis()],
        )?;
    }
    transaction.execute(
        "UPDATE meta SET schema = ?1, min_reader = ?2, min_writer = ?3",
        params![migration.number, migration.min_reader, migration.min_writer],
    )?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::MIGRATIONS;
    use crate::sqlite::connection;
    use posthorn_base::{Random, Time};

    struct Ones;
    impl Random for Ones {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(1);
        }
    }

    const SECOND: Migration = Migration {
        number: 2,
        min_reader: 1,
        min_writer: 1,
        text: "ALTER TABLE job ADD COLUMN extra {int}; \
            CREATE TABLE second (a {int} NOT NULL) {rows};",
    };
    const BROKEN: Migration = Migration {
        number: 3,
        min_reader: 3,
        min_writer: 3,
        text: "CREATE TABLE third (a {int} NOT NULL) {rows}; CREATE TABLE third (a {int}) {rows};",
    };

    fn run(dir: &Path, migrations: &[Migration]) -> Result<Version, EngineError> {
        let mut connection = connection::writer(&dir.join("store.db"), 1 << 20)?;
        migrate(&mut connection, dir, migrations, &Birth::draw(Time::EPOCH, &mut Ones))?;
        Ok(version(&connection)?.unwrap())
    }

    fn tables(path: &Path) -> i64 {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('second', 'third')";
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_copy_comes_before_the_first_change_and_a_broken_step_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("before-schema-2.db");
        let first = MIGRATIONS.first().copied().unwrap();
        let version = run(dir.path(), &[first]).unwrap();
        assert_eq!(version, Version { schema: 1, min_writer: 1 });
        assert!(!copy.exists(), "a new store has nothing to keep");

        let version = run(dir.path(), &[first, SECOND]).unwrap();
        assert_eq!(version, Version { schema: 2, min_writer: 1 });
        let mode = std::os::unix::fs::PermissionsExt::mode(&copy.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!((tables(&copy), tables(&dir.path().join("store.db"))), (0, 1));

        // The release before still opens it, changes nothing and makes no copy.
        assert_eq!(run(dir.path(), &[first]).unwrap().schema, 2);
        assert!(!dir.path().join("before-schema-3.db").exists());

        assert!(run(dir.path(), &[first, SECOND, BROKEN]).is_err());
        assert_eq!(run(dir.path(), &[first, SECOND]).unwrap().schema, 2);
        assert_eq!(tables(&dir.path().join("store.db")), 1, "half a step is none");
    }
}
