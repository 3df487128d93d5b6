-- Posthorn's schema, version 1.
--
-- One text for both engines. Words in braces are the only differences:
--   {int}      INTEGER           | BIGINT
--   {bytes}    BLOB              | BYTEA              strings that come from messages are bytes, too
--   {text}     TEXT              | TEXT COLLATE "C"   short words of our own, ASCII
--   {rows}     STRICT            | (nothing)
--   {keyed}    STRICT, WITHOUT ROWID | (nothing)      where the key is (nearly) the row
--
-- Rules
--  * Mailbox-side tables have account_id first in every key; nothing joins across accounts.
--  * Ids are made by the application. Instants are UTC milliseconds, zone offsets minutes.
--  * A release only adds. What a column means never changes.

-- Exactly one row: who may open this store, and its secret.
CREATE TABLE meta (
    one          {int}   NOT NULL PRIMARY KEY CHECK (one = 1),
    schema       {int}   NOT NULL,   -- the newest migration that ran
    min_reader   {int}   NOT NULL,   -- schema a binary must know to read
    min_writer   {int}   NOT NULL,   -- schema a binary must know to write
    store_id     {int}   NOT NULL,   -- differs between stores, survives a restore
    restores     {int}   NOT NULL,   -- how often this store came back from a backup
    secret       {bytes} NOT NULL,   -- 32 bytes: keys app-password verifiers and fake salts
    created_at   {int}   NOT NULL
) {rows};

-- ---- whom we serve ---------------------------------------------------------------------------

CREATE TABLE domain (
    domain_key   {bytes} NOT NULL PRIMARY KEY,  -- ASCII form, lower case
    given        {bytes} NOT NULL,
    is_default   {int}   NOT NULL,              -- 1: bare login names belong here
    created_at   {int}   NOT NULL
) {keyed};

CREATE TABLE account (
    account_id       {int}   NOT NULL PRIMARY KEY,
    address          {bytes} NOT NULL,   -- primary address as given
    display_name     {bytes} NOT NULL,
    created_at       {int}   NOT NULL,
    disabled_at      {int},              -- NULL: in use. Mail is still accepted, logins are not
    modseq           {int}   NOT NULL,   -- the newest change; UPDATE of this row is the account's lock
    next_uidvalidity {int}   NOT NULL,
    next_keyword     {int}   NOT NULL,
    quota_bytes      {int},              -- NULL: no limit
    quota_messages   {int},
    used_bytes       {int}   NOT NULL,   -- sums over live placements
    used_messages    {int}   NOT NULL,
    ended_bytes      {int}   NOT NULL,   -- sums over ended placements, which can be restored
    ended_messages   {int}   NOT NULL,
    settings         {bytes} NOT NULL    -- versioned, opaque to SQL
) {rows};

-- What may be typed as a login name: full addresses and bare names, folded.
CREATE TABLE login (
    login_key    {bytes} NOT NULL PRIMARY KEY,
    account_id   {int}   NOT NULL
) {keyed};
CREATE INDEX login_account ON login (account_id);

-- Every address that we receive for. The key "@domain" is a catch-all.
CREATE TABLE address (
    address_key  {bytes} NOT NULL PRIMARY KEY,
    domain_key   {bytes} NOT NULL,
    given        {bytes} NOT NULL,
    kind         {int}   NOT NULL,   -- 1 account, 2 alias, 3 list
    owner        {int},              -- list: the account that receives bounces and requests
    posting      {int}   NOT NULL,   -- list: 1 anybody, 2 members, 3 the owner
    created_at   {int}   NOT NULL
) {keyed};
CREATE INDEX address_domain ON address (domain_key);

CREATE TABLE address_target (
    address_key  {bytes} NOT NULL,
    position     {int}   NOT NULL,
    kind         {int}   NOT NULL,   -- 1 account, 2 address, 3 discard
    account_id   {int},
    target       {bytes},            -- address as given
    PRIMARY KEY (address_key, position)
) {keyed};
CREATE INDEX address_target_account ON address_target (account_id) WHERE account_id IS NOT NULL;

-- Which addresses a login may use. The key "@domain" grants a whole domain.
CREATE TABLE address_grant (
    account_id   {int}   NOT NULL,
    address_key  {bytes} NOT NULL,
    uses         {int}   NOT NULL,   -- bits: 1 MAIL FROM, 2 From, 4 Sender
    created_at   {int}   NOT NULL,
    PRIMARY KEY (account_id, address_key)
) {keyed};

CREATE TABLE credential (
    account_id    {int}   NOT NULL,
    credential_id {int}   NOT NULL,
    kind          {int}   NOT NULL,   -- 1 main password, 2 app password, 3 client certificate
    name          {bytes} NOT NULL,
    scopes        {int}   NOT NULL,   -- bits: 1 SMTP, 2 IMAP, 4 POP3, 8 JMAP, 16 webmail, 32 ManageSieve
    verifier      {bytes} NOT NULL,   -- argon2id PHC string; keyed hash; certificate fingerprint
    scram         {bytes},            -- SCRAM-SHA-256 salt, iterations, StoredKey, ServerKey
    created_at    {int}   NOT NULL,
    last_used_at  {int},
    expires_at    {int},
    PRIMARY KEY (account_id, credential_id)
) {keyed};

-- ---- mailboxes -------------------------------------------------------------------------------

CREATE TABLE mailbox (
    account_id     {int}   NOT NULL,
    mailbox_id     {int}   NOT NULL,
    name           {bytes} NOT NULL,
    role           {int}   NOT NULL,   -- 0 none, else base::Role's code
    uidvalidity    {int}   NOT NULL,
    uidnext        {int}   NOT NULL,
    recent_from    {int}   NOT NULL,   -- UIDs from here on are \Recent to the next session that selects
    highest_modseq {int}   NOT NULL,
    modseq         {int}   NOT NULL,   -- last change of this row's name, role or existence
    created_modseq {int}   NOT NULL,
    vanished_floor {int}   NOT NULL,   -- expunges up to this modseq are forgotten (QRESYNC falls back)
    total          {int}   NOT NULL,   -- live placements ...
    unseen         {int}   NOT NULL,   -- ... without \Seen
    deleted        {int}   NOT NULL,   -- ... with \Deleted
    bytes          {int}   NOT NULL,   -- ... sum of sizes
    created_at     {int}   NOT NULL,
    ended_at       {int},              -- NULL: exists
    PRIMARY KEY (account_id, mailbox_id)
) {keyed};
CREATE UNIQUE INDEX mailbox_name ON mailbox (account_id, name) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX mailbox_role ON mailbox (account_id, role)
    WHERE ended_at IS NULL AND role <> 0;
CREATE INDEX mailbox_modseq ON mailbox (account_id, highest_modseq);
-- Deleted mailboxes whose messages are still being ended, step by step.
CREATE INDEX mailbox_ending ON mailbox (account_id, mailbox_id)
    WHERE ended_at IS NOT NULL AND total <> 0;

-- Subscriptions are by name: a name may be subscribed without a mailbox (RFC 3501 6.3.6).
CREATE TABLE subscription (
    account_id   {int}   NOT NULL,
    name         {bytes} NOT NULL,
    PRIMARY KEY (account_id, name)
) {keyed};

-- Rights of others on a mailbox (RFC 4314). Empty until mailboxes can be shared.
CREATE TABLE mailbox_right (
    account_id   {int}   NOT NULL,
    mailbox_id   {int}   NOT NULL,
    grantee      {int}   NOT NULL,   -- another account
    rights       {int}   NOT NULL,   -- bits in the order of RFC 4314's letters
    PRIMARY KEY (account_id, mailbox_id, grantee)
) {keyed};

-- \Seen of others in a shared mailbox. Empty until mailboxes can be shared.
CREATE TABLE seen_by (
    account_id   {int}   NOT NULL,
    mailbox_id   {int}   NOT NULL,
    uid          {int}   NOT NULL,
    grantee      {int}   NOT NULL,
    modseq       {int}   NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid, grantee)
) {keyed};

-- Keywords that have no bit, by number within the account.
CREATE TABLE keyword (
    account_id   {int}   NOT NULL,
    number       {int}   NOT NULL,
    name         {bytes} NOT NULL,   -- as first written
    name_key     {bytes} NOT NULL,   -- lower case
    PRIMARY KEY (account_id, number),
    UNIQUE (account_id, name_key)
) {keyed};

-- ---- messages --------------------------------------------------------------------------------

-- The bytes of one arrival, shared by its recipients. Immutable but for refs.
CREATE TABLE body (
    body_id      {int}   NOT NULL PRIMARY KEY,
    arrival_id   {int}   NOT NULL,
    prefix       {bytes} NOT NULL,   -- our Return-Path, Received, Authentication-Results
    size         {int}   NOT NULL,   -- octets as they came, without the prefix
    hash         {bytes} NOT NULL,   -- SHA-256 of the octets and then the prefix: it is known last
    codec        {int}   NOT NULL,   -- 0 plain frames, 1 zstd frames, 2 LZ4 frames
    key_id       {int}   NOT NULL,   -- 0: not encrypted
    location     {int}   NOT NULL,   -- 0 inline, 1 file, 2 object store
    frames       {bytes} NOT NULL,   -- table of frames: stored length and checksum each (bodies::table)
    data         {bytes},            -- inline only
    name         {bytes},            -- file or object name
    refs         {int}   NOT NULL,   -- email rows and queue rows that need it
    created_at   {int}   NOT NULL
) {rows};

-- Body files that nothing needs any more, deleted after a grace.
CREATE TABLE body_sweep (
    name         {bytes} NOT NULL PRIMARY KEY,
    location     {int}   NOT NULL,
    due_at       {int}   NOT NULL
) {keyed};

CREATE TABLE email (
    account_id     {int}   NOT NULL,
    email_id       {int}   NOT NULL,
    body_id        {int}   NOT NULL,
    arrival_id     {int}   NOT NULL,
    thread_id      {int}   NOT NULL,
    size           {int}   NOT NULL,   -- octets of prefix and body: RFC822.SIZE
    received_at    {int}   NOT NULL,   -- INTERNALDATE ...
    received_zone  {int}   NOT NULL,   -- ... and the offset at that time, minutes
    sent_at        {int},              -- from the Date field
    sent_zone      {int},
    created_modseq {int}   NOT NULL,
    map_version    {int}   NOT NULL,   -- of the two below
    part_map       {bytes} NOT NULL,
    envelope       {bytes} NOT NULL,
    PRIMARY KEY (account_id, email_id)
) {keyed};

-- Folded text for searching.
CREATE TABLE email_text (
    account_id   {int}   NOT NULL,
    email_id     {int}   NOT NULL,
    version      {int}   NOT NULL,
    codec        {int}   NOT NULL,
    key_id       {int}   NOT NULL,
    size         {int}   NOT NULL,   -- before compression
    data         {bytes} NOT NULL,
    PRIMARY KEY (account_id, email_id)
) {rows};

-- An email in a mailbox. Ended ones are what EXPUNGE leaves until their retention ends.
CREATE TABLE placement (
    account_id     {int}   NOT NULL,
    mailbox_id     {int}   NOT NULL,
    uid            {int}   NOT NULL,   -- not below the mailbox's uidnext: a COPY is writing it
    email_id       {int}   NOT NULL,   -- 0: a tombstone, which only says that the UID is gone
    modseq         {int}   NOT NULL,
    created_modseq {int}   NOT NULL,
    flags          {int}   NOT NULL,   -- base::Flags
    keywords       {bytes},            -- spill set: numbers of the keyword table, rising varints
    size           {int}   NOT NULL,   -- the email's, so that sums need no join
    crlf_added     {int}   NOT NULL,   -- octets that CRLF line ends would add: POP3 sends them
    saved_at       {int}   NOT NULL,   -- SAVEDATE
    ended_at       {int},              -- NULL: live
    PRIMARY KEY (account_id, mailbox_id, uid)
) {keyed};
CREATE INDEX placement_modseq ON placement (account_id, mailbox_id, modseq);
CREATE INDEX placement_email ON placement (account_id, email_id);
CREATE INDEX placement_ended ON placement (account_id, ended_at) WHERE ended_at IS NOT NULL;

-- Unique-ids under which POP3 clients know messages from another server, so that they download nothing
-- again after a move. Messages without a row have one of ours, made of UIDVALIDITY and UID.
CREATE TABLE pop3_unique_id (
    account_id   {int}   NOT NULL,
    mailbox_id   {int}   NOT NULL,
    uid          {int}   NOT NULL,
    text         {bytes} NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) {keyed};
CREATE UNIQUE INDEX pop3_unique_id_text ON pop3_unique_id (account_id, mailbox_id, text);

-- Where a conversation is found: hashes of Message-IDs and of base subjects.
CREATE TABLE thread_ref (
    account_id   {int}   NOT NULL,
    hash         {int}   NOT NULL,
    thread_id    {int}   NOT NULL,
    seen_at      {int}   NOT NULL,
    PRIMARY KEY (account_id, hash)
) {keyed};

-- ---- queue -----------------------------------------------------------------------------------

-- One recipient that waits to be sent to.
CREATE TABLE queue_row (
    queue_id      {int}   NOT NULL PRIMARY KEY,
    arrival_id    {int}   NOT NULL,
    body_id       {int}   NOT NULL,
    account_id    {int},              -- the sender's, when one of ours
    recipient     {bytes} NOT NULL,   -- as given in RCPT
    final_address {bytes} NOT NULL,   -- after aliases
    orcpt         {bytes},
    notify        {int}   NOT NULL,   -- bits: 1 NEVER, 2 SUCCESS, 4 FAILURE, 8 DELAY; 0 not said
    ret           {int}   NOT NULL,   -- 0 not said, 1 FULL, 2 HDRS
    envid         {bytes},
    return_path   {bytes} NOT NULL,   -- empty: <>
    next_hop      {bytes} NOT NULL,   -- domain key
    needs         {int}   NOT NULL,   -- bits: 1 8BITMIME, 2 SMTPUTF8, 4 REQUIRETLS, 8 BINARYMIME
    priority      {int}   NOT NULL,
    held_at       {int},              -- set: an operator holds it
    due_at        {int}   NOT NULL,
    expires_at    {int}   NOT NULL,
    attempts      {int}   NOT NULL,
    lease_until   {int},              -- set: somebody is trying
    lease_owner   {int},
    last_reply    {bytes},
    created_at    {int}   NOT NULL
) {rows};
CREATE INDEX queue_row_due ON queue_row (next_hop, due_at);
CREATE INDEX queue_row_arrival ON queue_row (arrival_id);

-- Where rows go: a dead destination is one row that is not due, however many messages wait for it.
CREATE TABLE destination (
    next_hop     {bytes} NOT NULL PRIMARY KEY,
    next_due_at  {int}   NOT NULL,
    failures     {int}   NOT NULL,   -- in a row
    waiting      {int}   NOT NULL    -- queue rows
) {keyed};
CREATE INDEX destination_due ON destination (next_due_at);

-- ---- what became of it -----------------------------------------------------------------------

CREATE TABLE story (
    arrival_id   {int}   NOT NULL PRIMARY KEY,
    day          {int}   NOT NULL,   -- days since 1970
    at           {int}   NOT NULL,
    kind         {int}   NOT NULL,   -- 1 accepted, 2 refused, 3 appended or imported, 4 made by us
    size         {int}   NOT NULL,   -- octets of this row and its events, for the limit
    data         {bytes} NOT NULL    -- versioned events up to the commit
) {rows};
CREATE INDEX story_day ON story (kind, day);

CREATE TABLE story_event (
    arrival_id   {int}   NOT NULL,
    event_id     {int}   NOT NULL,
    at           {int}   NOT NULL,
    account_id   {int},              -- whose branch; NULL: the operator's and the sender's
    data         {bytes} NOT NULL,
    PRIMARY KEY (arrival_id, event_id)
) {keyed};

CREATE TABLE story_pointer (
    account_id   {int}   NOT NULL,
    arrival_id   {int}   NOT NULL,
    role         {int}   NOT NULL,   -- bits: 1 sender, 2 recipient
    PRIMARY KEY (account_id, arrival_id)
) {keyed};

-- Refusals beyond a rate fold into counts.
CREATE TABLE refusal_count (
    day          {int}   NOT NULL,
    network      {bytes} NOT NULL,
    reason       {int}   NOT NULL,
    count        {int}   NOT NULL,
    last_at      {int}   NOT NULL,
    PRIMARY KEY (day, network, reason)
) {keyed};

-- ---- machinery -------------------------------------------------------------------------------

-- Operations whose commit may be ambiguous leave their id, so that it is looked up, not repeated.
CREATE TABLE operation (
    operation_id {int}   NOT NULL PRIMARY KEY,
    at           {int}   NOT NULL,
    result       {bytes} NOT NULL
) {rows};

-- A plan for many accounts, durable before it is applied account by account (PostgreSQL).
CREATE TABLE pending_plan (
    arrival_id   {int}   NOT NULL,
    account_id   {int}   NOT NULL,
    at           {int}   NOT NULL,
    data         {bytes} NOT NULL,
    PRIMARY KEY (arrival_id, account_id)
) {keyed};

-- Long jobs that resume: backfills, purges, imports.
CREATE TABLE job (
    name         {text}  NOT NULL PRIMARY KEY,
    state        {bytes} NOT NULL,
    updated_at   {int}   NOT NULL
) {keyed};
