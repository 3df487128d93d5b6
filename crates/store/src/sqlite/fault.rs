//! Faults that tests provoke in a real engine.

use rusqlite::Connection;

/// Called at the places where a disk or memory can fail. A hook may change the connection so that
/// SQLite itself fails next (`PRAGMA max_page_count` makes a full disk), or answer with the error
/// that the step is to fail with. Production has none.
pub trait Faults: Send + Sync + 'static {
    /// A connection of the writer was opened and the schema is there.
    fn opened(&self, connection: &Connection) {
        let _ = connection;
    }
    /// Before the writer's `nth` statement, counted from 0; a statement of an operation that runs
    /// again counts again.
    ///
    /// # Errors
    /// What the statement is to fail with.
    fn before_statement(&self, connection: &Connection, nth: u64) -> rusqlite::Result<()> {
        let _ = (connection, nth);
        Ok(())
    }
    /// Before a COMMIT of so many operations.
    ///
    /// # Errors
    /// What the COMMIT is to fail with.
    fn before_commit(&self, connection: &Connection, operations: usize) -> rusqlite::Result<()> {
        let _ = (connection, operations);
        Ok(())
    }
    /// Before a fresh connection is opened because SQLite called the database malformed.
    fn before_look(&self) {}
    /// Before a checkpoint.
    ///
    /// # Errors
    /// What the checkpoint is to fail with.
    fn before_checkpoint(&self, connection: &Connection) -> rusqlite::Result<()> {
        let _ = connection;
        Ok(())
    }
}
