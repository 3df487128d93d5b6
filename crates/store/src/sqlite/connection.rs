//! How connections are opened, and the settings that were measured.

use super::error::engine_error;
use crate::EngineError;
use posthorn_base::limits::{WAL_BYTES_MAX, WRITER_HOLD_MAX};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The page size: 4 KiB was the smallest on disk and as fast as any.
pub(super) const PAGE_BYTES: u32 = 4096;
/// Statements kept prepared per connection: more than the domain has.
const STATEMENTS_KEPT: usize = 512;
/// A reader waits only while the log is recovered.
const READER_WAIT: Duration = Duration::from_secs(2);

/// The page with SQLite's lock: page 262,145, at 1 GiB.
const LOCK_PAGE_AT: u64 = 1 << 30;
/// The writer's page cache in a store that ends before the lock page, at most. Whenever SQLite puts
/// pages in order there, it takes that page's number for a moment; the commit then looks at every
/// page in the cache for some that lie behind the end of the file. With 48 MiB that took 0.35 ms.
const SMALL_STORE_CACHE: u64 = 8 << 20;

/// Page cache of the writer and of each reader, octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CacheSizes {
    pub(super) writer: u64,
    pub(super) reader: u64,
}

impl CacheSizes {
    /// What a connection gets that is opened for one task.
    pub(super) const OCCASIONAL: u64 = 2 << 20;

    /// Shares `total` octets: three quarters are the writer's, which meets all pages of an index,
    /// the rest is the readers', who share what the kernel caches.
    pub(super) fn of(total: u64, readers: u32) -> Self {
        let reading = total / 4;
        CacheSizes { writer: total - reading, reader: reading / u64::from(readers.max(1)) }
    }

    /// The same, for the store as large as it is when it is opened.
    pub(super) fn for_file(self, path: &Path) -> Self {
        let is_small = path.metadata().is_ok_and(|file| file.len() <= LOCK_PAGE_AT);
        let most = if is_small { SMALL_STORE_CACHE } else { u64::MAX };
        CacheSizes { writer: self.writer.min(most), ..self }
    }
}

/// The connection that writes. Makes the file if there is none, readable for its owner only: SQLite
/// gives the log and the shared memory the same mode. `cache`: octets of page cache.
pub(super) fn writer(path: &Path, cache: u64) -> Result<Connection, EngineError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| EngineError::Io(format!("{}: {error}", path.display())))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let log_bytes = i64::try_from(WAL_BYTES_MAX).unwrap_or(i64::MAX);
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        // Both count only before the first table and before the log.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
        connection.pragma_update_and_check(None, "journal_size_limit", log_bytes, |_| Ok(()))?;
        // Nobody else writes; a truncating checkpoint waits for readers, but not at everybody's
        // cost.
        connection.busy_timeout(WRITER_HOLD_MAX)?;
        common(&connection, cache)?;
        Ok(connection)
    };
    open().map_err(|error| engine_error(error, "open"))
}

/// A connection that can only read, with a page cache of so many octets.
pub(super) fn reader(path: &Path, cache: u64) -> Result<Connection, EngineError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.busy_timeout(READER_WAIT)?;
        common(&connection, cache)?;
        Ok(connection)
    };
    open().map_err(|error| engine_error(error, "open"))
}

fn common(connection: &Connection, cache: u64) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Sets of integers are bound as they are.
    rusqlite::vtab::array::load_module(connection)?;
    // In KiB when it is negative.
    let cache_kib = i64::try_from(cache / 1024).unwrap_or(i64::MAX).max(1);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Temporary data is parts of mail: never in a file elsewhere.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // No mmap: a failed read would be a signal instead of an error.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Plans don't depend on what is bound: else SQLite prepares every statement that compares a
    // parameter with the column of a partial index anew, each time it is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A quoted word that names no column is an error, not a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_add_up_to_what_they_were_given() {
        for (total, readers) in [(2 << 20, 4), (64 << 20, 4), (64 << 30, 1), (10 << 20, 7)] {
            let caches = CacheSizes::of(total, readers);
            assert!(caches.writer + caches.reader * u64::from(readers) <= total);
            assert!(caches.writer >= total / 2);
            assert!(caches.reader >= total / (u64::from(readers) * 8));
        }
    }

    #[test]
    fn the_writer_of_a_small_store_has_a_small_cache() {
        let dir = tempfile::tempdir().unwrap();
        let caches = CacheSizes::of(64 << 20, 4);
        let path = dir.path().join("db");
        let of_length = |length: u64| {
            std::fs::File::create(&path).unwrap().set_len(length).unwrap();
            caches.for_file(&path)
        };
        assert_eq!(of_length(1 << 20), CacheSizes { writer: SMALL_STORE_CACHE, ..caches });
        assert_eq!(of_length(LOCK_PAGE_AT + 1), caches);
        let little = CacheSizes::of(1 << 20, 4);
        std::fs::File::create(&path).unwrap();
        assert_eq!(little.for_file(&path), little, "no more than it was given");
    }

    #[test]
    fn a_connection_has_the_cache_it_was_given() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let kib = |connection: Connection| {
            connection.query_row("PRAGMA cache_size", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(kib(writer(&path, 1 << 20).unwrap()), -1024);
        assert_eq!(kib(reader(&path, 300 << 10).unwrap()), -300);
        assert_eq!(kib(reader(&path, 0).unwrap()), -1, "0 would mean SQLite's own default");
    }
}
