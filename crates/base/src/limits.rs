//! Every bound of the system, by name. Names end in their unit and `MAX` (or `MIN`).
//!
//! A limit says what it protects and where its value comes from. What an operator may change is in
//! the configuration; its default and hard bounds stand here all the same.

use std::time::Duration;

// ---- addresses and names ----------------------------------------------------------------------

/// RFC 5321 4.5.3.1.1.
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// RFC 5321 4.5.3.1.2.
pub const DOMAIN_BYTES_MAX: usize = 255;
/// RFC 5321 4.5.3.1.3 asks for 256; the sum of the two above and the punctuation is what we take.
pub const PATH_BYTES_MAX: usize = LOCAL_PART_BYTES_MAX + DOMAIN_BYTES_MAX + 3;
/// A mailbox name in UTF-8.
pub const MAILBOX_NAME_BYTES_MAX: usize = 1000;
/// Levels of a mailbox name.
pub const MAILBOX_DEPTH_MAX: usize = 64;
/// A keyword.
pub const KEYWORD_BYTES_MAX: usize = 100;
/// Keywords without a bit, per account.
pub const KEYWORDS_PER_ACCOUNT_MAX: usize = 1000;
/// Keywords of an account above which maintenance looks for those that no message carries.
pub const KEYWORDS_FREED_FROM: usize = KEYWORDS_PER_ACCOUNT_MAX * 3 / 4;
/// Mailboxes of one account.
pub const MAILBOXES_PER_ACCOUNT_MAX: usize = 10_000;

// ---- SMTP -------------------------------------------------------------------------------------

/// A command line with its CRLF. RFC 5321 4.5.3.1.4 demands 512, extensions add to it; RFC 4954 4
/// asks for 12288 for AUTH.
pub const SMTP_LINE_BYTES_MAX: usize = 12_288;
/// The largest message, announced as SIZE (RFC 1870). A setting may lower it.
pub const MESSAGE_BYTES_MAX: u64 = 35_651_584;
/// Recipients of one message. RFC 5321 4.5.3.1.8 demands at least 100; announced by LIMITS.
pub const SMTP_RECIPIENTS_MAX: usize = 1000;
/// Messages on one connection, announced by LIMITS.
pub const SMTP_MESSAGES_PER_CONNECTION_MAX: u32 = 10_000;
/// Errors (5xx to commands) on one connection before it is closed.
pub const SMTP_ERRORS_MAX: u32 = 20;
/// Errors on one connection before its replies are delayed.
pub const SMTP_ERRORS_FREE: u32 = 5;
/// Refused recipients on one connection, without a message in between, before it is closed.
pub const SMTP_REFUSED_RECIPIENTS_MAX: u32 = 100;
/// How long a reply to bad behaviour is delayed, unless set.
pub const SMTP_TARPIT: Duration = Duration::from_secs(1);
/// Memory that one message's recipients may take before RCPT is refused.
pub const SMTP_ENVELOPE_BYTES_MAX: usize = 256 * 1024;
/// Replies that may wait to be written before the next command is looked at.
pub const SMTP_OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// RFC 5321 4.5.3.1.5: a reply line with its CRLF.
pub const SMTP_REPLY_LINE_BYTES_MAX: usize = 512;
/// ENVID's value (RFC 3461 4.4).
pub const DSN_ENVID_BYTES_MAX: usize = 100;
/// ORCPT's value (RFC 3461 4.2).
pub const DSN_ORCPT_BYTES_MAX: usize = 500;
/// Received fields that mean a loop. RFC 5321 6.3 asks for at least 100.
pub const SMTP_HOPS_MAX: usize = 100;
/// Failed logins on one connection before it is closed.
pub const AUTH_FAILURES_MAX: u32 = 3;
/// Response lines of one SASL exchange.
pub const SASL_ROUNDS_MAX: u32 = 8;
/// A login name or password, in bytes after decoding. RFC 4616 2 demands 255.
pub const CREDENTIAL_BYTES_MAX: usize = 1024;
/// One response of a SASL exchange, in bytes after decoding.
pub const SASL_RESPONSE_BYTES_MAX: usize = 8192;
/// Login names of one account for which a password has SCRAM keys, each of which takes some 30 ms
/// to make.
pub const SCRAM_NAMES_MAX: usize = 16;
/// Iterations that our SCRAM client computes for a server: bounds what a hostile one can cost us.
pub const SCRAM_CLIENT_ITERATIONS_MAX: u32 = 1_000_000;
/// Fewest iterations our SCRAM client accepts (RFC 7677 3).
pub const SCRAM_CLIENT_ITERATIONS_MIN: u32 = 4096;

/// Silence before a connection is closed. RFC 5321 4.5.3.2.7 asks for at least 5 minutes.
pub const SMTP_IDLE_MAX: Duration = Duration::from_secs(300);
/// A message's data may take this long in all, however slowly it drips.
pub const SMTP_DATA_TOTAL_MAX: Duration = Duration::from_secs(60 * 60);
/// A connection's whole life.
pub const SMTP_CONNECTION_TOTAL_MAX: Duration = Duration::from_secs(4 * 60 * 60);

// ---- POP3 -------------------------------------------------------------------------------------

/// A command line with its CRLF. RFC 2449 4 demands 255; AUTH needs more (RFC 5034 4).
pub const POP3_LINE_BYTES_MAX: usize = 12_288;
/// RFC 1939 3: the inactivity timer is at least 10 minutes.
pub const POP3_IDLE_MAX: Duration = Duration::from_secs(600);
/// Silence after which a session gives its maildrop up to a new login of the same account.
pub const POP3_SILENCE_MAX: Duration = Duration::from_secs(60);
/// A client may take this long to log in, however busy it keeps itself.
pub const POP3_LOGIN_TOTAL_MAX: Duration = Duration::from_secs(900);
/// Output that may wait to be written before the session stops making more.
pub const POP3_OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Commands that are unknown, wrong or out of place before the connection is closed.
pub const POP3_ERRORS_MAX: u32 = 20;
/// How long the reply to a failed login is delayed, unless set.
pub const POP3_TARPIT: Duration = Duration::from_secs(2);
/// RFC 1939 7: a message's unique-id.
pub const POP3_UNIQUE_ID_BYTES_MAX: usize = 70;
/// Lists of messages (8 bytes each, and imported unique-ids) of all open maildrops together.
pub const POP3_SNAPSHOTS_BYTES_MAX: usize = 64 * 1024 * 1024;

// ---- IMAP -------------------------------------------------------------------------------------

/// RFC 3501 5.4: the inactivity timer is at least 30 minutes.
pub const IMAP_IDLE_MAX: Duration = Duration::from_secs(31 * 60);
/// What the message of an APPEND brings per second, on average and once the time for silence is
/// over: a mobile line of the slowest kind does. The largest message may take ten hours so; who
/// sends less keeps a place for nothing.
pub const IMAP_APPEND_BYTES_PER_SECOND_MIN: u64 = 1024;
/// How long the reply to a failed login is delayed, unless set.
pub const IMAP_TARPIT: Duration = Duration::from_secs(2);
/// A client may take this long to log in, however busy it keeps itself.
pub const IMAP_LOGIN_TOTAL_MAX: Duration = Duration::from_secs(300);
/// One command with its literals, but for APPEND's message. RFC 7162 4 asks for 8192 at least;
/// lists of UIDs and search keys can be long.
pub const IMAP_COMMAND_BYTES_MAX: usize = 64 * 1024;
/// One command with its literals before the login, and a response line of AUTHENTICATE: room for
/// the largest SASL response in base64, which may stand behind AUTHENTICATE (RFC 4959).
pub const IMAP_COMMAND_BEFORE_LOGIN_BYTES_MAX: usize = 12_288;
/// One literal before the login.
pub const IMAP_LITERAL_BEFORE_LOGIN_BYTES_MAX: usize = 4096;
/// A non-synchronizing literal that is refused is read and dropped up to this size; a larger one
/// ends the connection (RFC 7888 4).
pub const IMAP_SKIPPED_LITERAL_BYTES_MAX: u64 = MESSAGE_BYTES_MAX;
/// A tag.
pub const IMAP_TAG_BYTES_MAX: usize = 64;
/// Ranges of one sequence set.
pub const IMAP_SEQUENCE_RANGES_MAX: usize = 10_000;
/// Keys of one SEARCH.
pub const IMAP_SEARCH_KEYS_MAX: usize = 1000;
/// How deep its keys are nested.
pub const IMAP_SEARCH_DEPTH_MAX: usize = 50;
/// Data items of one FETCH.
pub const IMAP_FETCH_ITEMS_MAX: usize = 100;
/// Patterns of one LIST.
pub const IMAP_LIST_PATTERNS_MAX: usize = 100;
/// Fields of ID that are kept (RFC 2971 3.3).
pub const IMAP_ID_FIELDS_MAX: usize = 30;
/// The name of a field of ID that is kept (RFC 2971 3.3).
pub const IMAP_ID_NAME_BYTES_MAX: usize = 30;
/// The value of a field of ID that is kept (RFC 2971 3.3).
pub const IMAP_ID_VALUE_BYTES_MAX: usize = 1024;
/// Output that may wait to be written before more of it is made.
pub const IMAP_OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Memory for mailboxes as silent IMAP sessions know them, beyond [`VIEWS_BYTES_MAX`] for mailboxes
/// as they are; above it, such sessions are closed.
pub const IMAP_PINNED_VIEWS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Commands that are unknown or badly written before the connection is closed.
pub const IMAP_ERRORS_MAX: u32 = 50;

// ---- messages ---------------------------------------------------------------------------------

/// A header section, all its fields together. What is beyond belongs to the body.
pub const HEADER_BYTES_MAX: usize = 1024 * 1024;
/// Header fields of one section that are looked at.
pub const HEADER_FIELDS_MAX: usize = 5000;
/// One header field, folded lines included, that is looked at; the rest of it is skipped.
pub const HEADER_FIELD_BYTES_MAX: usize = 256 * 1024;
/// Parts of one message; what is beyond belongs to the last part.
pub const MIME_PARTS_MAX: usize = 10_000;
/// Nesting of parts; deeper ones are leaves.
pub const MIME_DEPTH_MAX: usize = 64;
/// RFC 2046 5.1.1: 70. Broken software writes longer ones; a longer one than this would not fit on
/// a line (RFC 5322 2.1.1: 998, of which the delimiter's hyphens take two).
pub const MIME_BOUNDARY_BYTES_MAX: usize = 996;
/// Parameters of one Content-Type or Content-Disposition.
pub const MIME_PARAMETERS_MAX: usize = 100;
/// Addresses of one header field that are read.
pub const ADDRESSES_PER_FIELD_MAX: usize = 10_000;
/// All texts of one part map together: parameters, ids, the envelopes of messages within.
pub const PART_MAP_TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Text kept of one message for searching.
pub const SEARCH_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

// ---- memory -----------------------------------------------------------------------------------

/// A message above this goes to a spool file while it arrives, and to a body file in the store.
pub const INLINE_BODY_BYTES_MAX: usize = 128 * 1024;
/// Uncompressed size of a body's frames: a partial read touches only its frames.
pub const BODY_FRAME_BYTES: usize = 256 * 1024;
/// All message bytes held in memory at once.
pub const MESSAGE_MEMORY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A message that is asked for waits this long for memory before the client is told to come back.
pub const MESSAGE_MEMORY_WAIT_MAX: Duration = Duration::from_secs(60);
/// A connection's fixed state: buffers, session, task.
pub const CONNECTION_MEMORY_BYTES_MAX: usize = 64 * 1024;
/// Messages above [`INLINE_BODY_BYTES_MAX`] that are parsed and stored at the same time. Each takes
/// a processor and up to twice its size in memory; more at once would finish no sooner.
pub const LARGE_MESSAGES_AT_ONCE_MAX: usize = 4;
/// The priority of the threads that work on them, as nice(2) counts: a third of what the threads
/// that serve connections get when all of them want to run.
pub const LARGE_MESSAGE_NICE: i32 = 5;
/// How long such a message waits for its turn before it is put off. The client waits for our answer
/// to its final dot, 10 minutes by RFC 5321 4.5.3.2.6.
pub const LARGE_MESSAGE_WAIT_MAX: Duration = Duration::from_secs(120);
/// Octets that wait in the kernel to be sent on a connection, beyond what its peer is about to
/// take. Without it each peer that asks and never reads makes the kernel keep megabytes.
pub const CONNECTION_UNSENT_BYTES_MAX: u32 = 128 * 1024;
/// Bytes read from a connection and not yet understood.
pub const CONNECTION_INPUT_BYTES_MAX: usize = 16 * 1024;
/// Bytes to be written to a connection and not yet on their way; also what is written under one
/// [`WRITE_STALL_MAX`].
pub const CONNECTION_OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Bytes that a connection reads in a row before others that wait have their turn: what takes a
/// fraction of a millisecond.
pub const CONNECTION_TURN_BYTES_MAX: usize = 64 * 1024;
/// Writes to spool files at the same time: more of them would only make each other, and everybody
/// else, wait for the disk.
pub const SPOOL_WRITES_AT_ONCE_MAX: usize = 4;
/// A message that is small while it arrives: it finds memory where a larger one has to go to its
/// file.
pub const SPOOL_SMALL_BYTES_MAX: usize = 16 * 1024;
/// What spool files may leave in the system's cache to be written some time, all of them together:
/// so much that a few large messages at a time never wait for the disk, so little that nobody
/// notices when it is written.
pub const SPOOL_CACHED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// At which pace the spool files that do not fit there grow, all of them together: half of what a
/// fast line brings and a small part of what a disk takes, so that commits have the rest.
pub const SPOOL_BYTES_PER_SECOND_MAX: u64 = 64 * 1024 * 1024;
/// Spool files that wait to be closed.
pub const SPOOL_CLOSING_MAX: usize = 1024;
/// Threads for work that blocks, all kinds together.
pub const BLOCKING_THREADS_MAX: usize = 64;

// ---- connections ------------------------------------------------------------------------------

/// Connections of all protocols together, unless set.
pub const CONNECTIONS_MAX: u32 = 4096;
/// A peer takes our output, at most [`CONNECTION_OUTPUT_BYTES_MAX`] at a time, within this, or is
/// cut.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(60);
/// A TLS handshake.
pub const TLS_HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// After our last words we read on this long, so that a reset does not destroy them on their way.
pub const LINGER_MAX: Duration = Duration::from_secs(2);
/// Bytes read and dropped meanwhile.
pub const LINGER_BYTES_MAX: usize = 256 * 1024;
/// How long a stopping server waits for its connections, unless set.
pub const DRAIN_MAX: Duration = Duration::from_secs(30);

// ---- throttling -------------------------------------------------------------------------------

/// Parts of each throttle's table that are locked apart.
pub const THROTTLE_SHARDS: usize = 16;
/// Blocks in force, together with those that ended lately.
pub const BLOCKS_MAX: usize = 10_000;

// ---- store ------------------------------------------------------------------------------------

/// Free space below which nothing new is accepted (452 4.3.1); expunge and purge still work.
pub const DISK_RESERVE_BYTES: u64 = 512 * 1024 * 1024;
/// Operations that one group commit takes at most.
pub const GROUP_OPERATIONS_MAX: usize = 256;
/// Bytes that one group commit takes at most (it takes a single larger operation alone).
pub const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// No operation holds the writer longer than this; bulk work is cut into steps.
pub const WRITER_HOLD_MAX: Duration = Duration::from_millis(20);
/// Times in a row that the database may fail to be opened when it is to be read anew, before the
/// store stops.
pub const STORE_LOOKS_MAX: u32 = 20;
/// Connections that read an embedded store.
pub const STORE_READERS: u32 = 4;
/// Pages that an embedded store keeps in memory, all its connections together, unless set.
pub const SQLITE_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Mailboxes that are kept in memory because they are in use, unless set: 32 octets a message.
pub const VIEWS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows that `posthorn store sql` shows.
pub const SQL_ROWS_MAX: usize = 10_000;
/// Steps of SQLite's machine that one question of `posthorn store sql` may take: about 20 seconds.
pub const SQL_STEPS_MAX: u64 = 1_000_000_000;
/// Connections of one node to its PostgreSQL.
pub const POSTGRES_CONNECTIONS: usize = 16;
/// Waiting for a connection to PostgreSQL.
pub const POSTGRES_WAIT_MAX: Duration = Duration::from_secs(20);
/// Runs of a transaction that keeps losing races.
pub const TRANSACTION_TRIES_MAX: u32 = 16;
/// Pages in the write-ahead log after which the writer checkpoints, once it has answered.
pub const CHECKPOINT_PAGES: u32 = 1500;
/// Size of the write-ahead log above which it is truncated.
pub const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long expunged mail can be restored, unless set.
pub const RESTORE_RETENTION: Duration = Duration::from_secs(14 * 86_400);
/// How long a body file outlives its last reference: longer than any transaction or backup.
pub const BODY_FILE_GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// Stories of accepted messages are kept this long, unless set.
pub const STORY_ACCEPTED_RETENTION: Duration = Duration::from_secs(90 * 86_400);
/// Stories of refused messages are kept this long, unless set.
pub const STORY_REFUSED_RETENTION: Duration = Duration::from_secs(14 * 86_400);
/// Ancestors of a message by which its conversation is looked for, the nearest first.
pub const THREAD_REFERENCES_MAX: usize = 20;
/// Messages that one step of a bulk operation (flags, expunge, copy, purge) touches.
pub const BULK_STEP_MESSAGES: usize = 1000;
/// A large COPY writes its messages under UIDs this far above the mailbox's next one, so that what
/// arrives meanwhile comes before them.
pub const COPY_UID_GAP: u32 = 1 << 16;
/// A large COPY publishes with a modseq this far above the account's, so that every change made
/// meanwhile comes before it.
pub const COPY_MODSEQ_GAP: i64 = 1 << 20;
/// Aliases and lists that lead to further aliases and lists.
pub const ALIAS_DEPTH_MAX: usize = 10;
/// Recipients that one address may lead to in all.
pub const ALIAS_RECIPIENTS_MAX: usize = 10_000;
/// Targets of one address.
pub const ADDRESS_TARGETS_MAX: usize = 5000;

// ---- operation --------------------------------------------------------------------------------

/// A configuration file; what is larger is some other file.
pub const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// A file with certificates or a key.
pub const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Certificates of one server.
pub const CERTIFICATES_MAX: usize = 1000;
/// Addresses that one protocol listens on.
pub const LISTEN_ADDRESSES_MAX: usize = 32;
/// Networks that are exempt from limits.
pub const EXEMPT_NETWORKS_MAX: usize = 1000;
/// A frame on the control socket.
pub const CONTROL_FRAME_BYTES_MAX: usize = 1024 * 1024;
/// A piece of something large on the control socket.
pub const CONTROL_CHUNK_BYTES_MAX: usize = 256 * 1024;
/// What is read from the control socket, and written to it, at once.
pub const CONTROL_BUFFER_BYTES: usize = 64 * 1024;
/// Commands that talk to the server at the same time; more of them wait.
pub const CONTROL_CONNECTIONS_MAX: usize = 16;
/// A command that is silent for longer, or does not read its answer, is cut off.
pub const CONTROL_IDLE_MAX: Duration = Duration::from_secs(600);
/// Messages that one step of an import stores.
pub const IMPORT_BATCH_MESSAGES_MAX: usize = 100;
/// Bytes of messages after which a step of an import is complete.
pub const IMPORT_BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

const _: () = assert!(SMTP_LINE_BYTES_MAX > 2 * PATH_BYTES_MAX);
const _: () = assert!(SASL_RESPONSE_BYTES_MAX >= 3 * CREDENTIAL_BYTES_MAX + 2);
const _: () = assert!(SASL_RESPONSE_BYTES_MAX.div_ceil(3) * 4 + 2 <= SMTP_LINE_BYTES_MAX);
const _: () = assert!(SASL_RESPONSE_BYTES_MAX.div_ceil(3) * 4 + 2 <= POP3_LINE_BYTES_MAX);
const _: () = assert!(
    IMAP_TAG_BYTES_MAX + 64 + SASL_RESPONSE_BYTES_MAX.div_ceil(3) * 4 + 2
        <= IMAP_COMMAND_BEFORE_LOGIN_BYTES_MAX
);
const _: () = assert!(IMAP_LITERAL_BEFORE_LOGIN_BYTES_MAX <= IMAP_COMMAND_BEFORE_LOGIN_BYTES_MAX);
const _: () = assert!(SMTP_LINE_BYTES_MAX <= CONNECTION_MEMORY_BYTES_MAX / 4);
const _: () = assert!(POP3_LINE_BYTES_MAX <= CONNECTION_MEMORY_BYTES_MAX / 4);
const _: () = assert!(
    CONNECTION_INPUT_BYTES_MAX + CONNECTION_OUTPUT_BYTES_MAX + SMTP_LINE_BYTES_MAX
        <= CONNECTION_MEMORY_BYTES_MAX
);
const _: () = assert!(POP3_LINE_BYTES_MAX <= CONNECTION_INPUT_BYTES_MAX);
const _: () = assert!(POP3_OUTPUT_BYTES_MAX <= CONNECTION_OUTPUT_BYTES_MAX);
const _: () = assert!(POP3_LOGIN_TOTAL_MAX.as_secs() > POP3_IDLE_MAX.as_secs());
const _: () = assert!(INLINE_BODY_BYTES_MAX <= BODY_FRAME_BYTES);
const _: () = assert!(HEADER_FIELD_BYTES_MAX <= HEADER_BYTES_MAX);
const _: () = assert!(GROUP_BYTES_MAX < MESSAGE_MEMORY_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX < u32::MAX as u64);
const _: () = assert!(SMTP_DATA_TOTAL_MAX.as_secs() < SMTP_CONNECTION_TOTAL_MAX.as_secs());
const _: () = assert!(SMTP_ERRORS_FREE < SMTP_ERRORS_MAX);
const _: () =
    assert!(SMTP_LINE_BYTES_MAX + SMTP_OUTPUT_BYTES_MAX <= CONNECTION_MEMORY_BYTES_MAX / 2);
// A thousand recipients with addresses of the usual length fit.
const _: () = assert!(SMTP_ENVELOPE_BYTES_MAX / SMTP_RECIPIENTS_MAX >= 256);
