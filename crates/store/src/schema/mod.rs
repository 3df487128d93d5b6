//! The schema's migrations. A release only adds migrations; the text of one that was released never
//! changes.

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number: 1 for the first.
    pub number: i64,
    /// The oldest schema knowledge with which a binary may still read the store afterwards.
    pub min_reader: i64,
    /// The same for writing.
    pub min_writer: i64,
    /// Statements, with the markers explained in `0001.sql`.
    pub text: &'static str,
}

/// Every migration, in order.
pub const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, min_reader: 1, min_writer: 1, text: include_str!("0001.sql") }];

/// The engine's words for the markers in a migration.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// `{int}`
    pub int: &'static str,
    /// `{bytes}`
    pub bytes: &'static str,
    /// `{text}`
    pub text: &'static str,
    /// `{rows}`
    pub rows: &'static str,
    /// `{keyed}`
    pub keyed: &'static str,
}

impl Dialect {
    /// SQLite's words.
    pub const SQLITE: Dialect = Dialect {
        int: "INTEGER",
        bytes: "BLOB",
        text: "TEXT",
        rows: "STRICT",
        keyed: "STRICT, WITHOUT ROWID",
    };
    /// PostgreSQL's words.
    pub const POSTGRES: Dialect =
        Dialect { int: "BIGINT", bytes: "BYTEA", text: "TEXT COLLATE \"C\"", rows: "", keyed: "" };

    /// A migration in this engine's words.
    pub fn render(&self, migration: &Migration) -> String {
        migration
            .text
            .replace("{int}", self.int)
            .replace("{bytes}", self.bytes)
            .replace("{text}", self.text)
            .replace("{rows}", self.rows)
            .replace("{keyed}", self.keyed)
    }
}
