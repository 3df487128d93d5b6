//! The machine and the process: who we are, where the mail lies, what is logged.

use super::section::section;
use super::units::{Size, Span};
use super::value::{Secret, choice};
use posthorn_base::{Domain, limits};
use std::path::PathBuf;

section! {
    /// The server as a whole.
    pub struct Server {
        /// The name under which this server greets, and which stands in Received fields and in the
        /// self-signed certificate. Other servers expect it to have an address record, and the
        /// address to lead back to it (RFC 5321 2.3.5, 4.1.3). Unset: the machine's own host name.
        hostname: Option<Domain> = None;
        /// The system user to become after the ports are bound, when started as root. Serving as
        /// root is refused. Started as anybody else, the server stays who it is.
        user: String = "posthorn".to_owned();
        /// The system group to become. Unset: the user's own group.
        group: Option<String> = None;
        /// How long sessions may go on after SIGTERM before they are closed. Longer than this no
        /// stop takes; systemd kills after 90 seconds unless told otherwise.
        drain: Span = Span::new(limits::DRAIN_MAX), in Span::seconds(0)..=Span::seconds(600);
    }
}

choice! {
    /// What the store keeps its tables in.
    pub enum Engine {
        /// A file in `dir`, inside this process.
        Sqlite = "sqlite",
        /// A PostgreSQL server or cluster.
        Postgres = "postgres",
    }
}

section! {
    /// Where accounts and mail are kept.
    pub struct Store {
        /// The directory of the store: mode 0700, owned by `server.user`. One server at a time has
        /// it. Commands find a running server through the socket in it.
        dir: PathBuf = PathBuf::from("/var/lib/posthorn");
        /// `"sqlite"` needs nothing else and suits one machine. `"postgres"` is for those who
        /// outgrow it.
        engine: Engine = Engine::Sqlite;
        /// Where the PostgreSQL server is: `postgres://user:password@host/database`. Only with
        /// `engine = "postgres"`, and needed there. Give the file mode 0600 when it holds a
        /// password. Beyond this machine the connection is under TLS and the database's certificate
        /// is verified, by the authorities that the machine trusts or by `?sslrootcert=FILE`;
        /// `?sslmode=` disable, prefer, require, verify-ca or verify-full says otherwise.
        url: Option<Secret> = None;
        /// Connections kept to PostgreSQL.
        postgres_connections: u32 = 16, in 2..=512;
        /// Up to which schema a PostgreSQL database may be changed by an upgrade, because a backup
        /// of it was made. The server says which number it needs, and changes nothing without. A
        /// SQLite store is copied by itself before it is changed.
        postgres_migrate_to: u32 = 0, in 0..=1_000_000;
        /// Memory for SQLite's page cache, all its connections together.
        sqlite_cache: Size =
            Size::bytes(limits::SQLITE_CACHE_BYTES), in Size::mib(2)..=Size::gib(64);
        /// Free space on the disk below which no new mail is accepted (452 4.3.1). Reading,
        /// expunging and purging go on, so that the owner can make room.
        disk_reserve: Size = Size::bytes(limits::DISK_RESERVE_BYTES),
            in Size::mib(16)..=Size::gib(1024);
        /// A message up to this size lies in the database, a larger one in a file of its own. Small
        /// ones are faster inline, large ones would make the database unwieldy.
        inline_size_max: Size = Size::bytes(limits::INLINE_BODY_BYTES_MAX as u64),
            in Size::kib(4)..=Size::bytes(limits::INLINE_BODY_BYTES_MAX as u64);
        /// Memory for the mailboxes that are open: 32 bytes a message, shared by all sessions.
        /// Those that were not used longest are read again when they are.
        views_memory: Size = Size::bytes(limits::VIEWS_BYTES_MAX as u64),
            in Size::mib(1)..=Size::gib(64);
    }
}

section! {
    /// How long things are kept that nobody needs any more, until somebody does.
    pub struct Retention {
        /// How long expunged mail can be restored by its owner. `"0 days"` removes it at once, for
        /// ever.
        expunged: Span = Span::new(limits::RESTORE_RETENTION), in Span::days(0)..=Span::days(3650);
        /// How long the stories of accepted messages are kept.
        stories_accepted: Span = Span::new(limits::STORY_ACCEPTED_RETENTION),
            in Span::days(1)..=Span::days(3650);
        /// How long the stories of refused messages are kept.
        stories_refused: Span = Span::new(limits::STORY_REFUSED_RETENTION),
            in Span::days(1)..=Span::days(3650);
    }
}

choice! {
    /// How log lines are written.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line, for programs.
        Json = "json",
    }
}

section! {
    /// What is written to standard error.
    pub struct Log {
        /// `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`, and finer per part of the
        /// program: `"info,posthorn_server::smtp=debug"`. A reload takes a changed level.
        level: String = "info".to_owned();
        /// `"text"` for people, `"json"` for programs.
        format: LogFormat = LogFormat::Text;
    }
}
