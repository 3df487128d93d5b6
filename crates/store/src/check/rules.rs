//! The rules that a whole store obeys, as queries for what breaks them.
//!
//! Each query answers one row for a violation: up to two numbers that say where. Names are stable:
//! tools and people refer to them.

/// A rule, and the query that finds what breaks it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub says: &'static str,
    /// What the numbers of a violation are.
    pub(super) places: [&'static str; 2],
    pub(super) sql: &'static str,
}

const fn rule(
    name: &'static str,
    says: &'static str,
    places: [&'static str; 2],
    sql: &'static str,
) -> Rule {
    Rule { name, says, places, sql }
}

/// Rules within one account, which is `?1`. Numbers, sums and references.
pub(super) const ACCOUNT: &[Rule] = &[
    rule(
        "account.modseq",
        "no change is newer than the account's modseq",
        ["mailbox", "modseq"],
        "SELECT mailbox_id, highest_modseq FROM mailbox WHERE account_id = ?1 \
         AND highest_modseq > (SELECT modseq FROM account WHERE account_id = ?1)",
    ),
    rule(
        "account.used",
        "used octets and messages are the sums over the mailboxes",
        ["used octets", "used messages"],
        "SELECT used_bytes, used_messages FROM account AS a WHERE account_id = ?1 \
         AND (used_bytes <> (SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM mailbox \
             WHERE account_id = ?1) \
         OR used_messages <> (SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM mailbox \
             WHERE account_id = ?1))",
    ),
    rule(
        "account.ended",
        "ended octets and messages are the sums over ended placements",
        ["ended octets", "ended messages"],
        "SELECT ended_bytes, ended_messages FROM account WHERE account_id = ?1 \
         AND (ended_bytes <> (SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM placement \
             WHERE account_id = ?1 AND ended_at IS NOT NULL) \
         OR ended_messages <> (SELECT COUNT(*) FROM placement \
             WHERE account_id = ?1 AND ended_at IS NOT NULL AND email_id <> 0))",
    ),
    rule(
        "mailbox.inbox",
        "the account has an INBOX, and only INBOX has its role",
        ["INBOXes", "mailboxes with the role of INBOX"],
        // 494E424F58 is INBOX; an account whose mailboxes are all deleted is being removed.
        "SELECT i.named, i.roles FROM (SELECT \
         (SELECT COUNT(*) FROM mailbox WHERE account_id = ?1 AND ended_at IS NULL) AS mailboxes, \
         (SELECT COUNT(*) FROM mailbox WHERE account_id = ?1 AND ended_at IS NULL \
             AND name = ?2 AND role = 1) AS named, \
         (SELECT COUNT(*) FROM mailbox WHERE account_id = ?1 AND ended_at IS NULL \
             AND role = 1) AS roles) AS i \
         WHERE i.mailboxes > 0 AND (i.named <> 1 OR i.roles <> 1)",
    ),
    rule(
        "mailbox.uidvalidity",
        "a UIDVALIDITY is given once and below the account's next",
        ["UIDVALIDITY", "mailboxes with it"],
        "SELECT uidvalidity, COUNT(*) FROM mailbox WHERE account_id = ?1 GROUP BY uidvalidity \
         HAVING COUNT(*) > 1 OR uidvalidity < 1 OR uidvalidity >= \
         (SELECT next_uidvalidity FROM account WHERE account_id = ?1)",
    ),
    rule(
        "mailbox.uidnext",
        "uidnext and recent_from are UIDs, recent_from is not beyond uidnext",
        ["mailbox", "uidnext"],
        "SELECT mailbox_id, uidnext FROM mailbox WHERE account_id = ?1 \
         AND (uidnext < 1 OR uidnext > 4294967295 OR recent_from < 1 OR recent_from > uidnext)",
    ),
    rule(
        "mailbox.modseq",
        "created <= modseq <= highest, and what vanished is forgotten up to highest at most",
        ["mailbox", "modseq"],
        "SELECT mailbox_id, modseq FROM mailbox WHERE account_id = ?1 \
         AND (created_modseq > modseq OR modseq > highest_modseq \
         OR vanished_floor > highest_modseq)",
    ),
    rule(
        "mailbox.highest_modseq",
        "no message of a mailbox is newer than its highest modseq",
        ["mailbox", "uid"],
        "SELECT p.mailbox_id, p.uid FROM placement AS p JOIN mailbox AS m \
         ON m.account_id = p.account_id AND m.mailbox_id = p.mailbox_id \
         WHERE p.account_id = ?1 AND p.modseq > m.highest_modseq AND p.uid < m.uidnext",
    ),
    rule(
        "mailbox.counts",
        "total, unseen, deleted and bytes are the sums over live placements",
        ["mailbox", "total"],
        "SELECT m.mailbox_id, m.total FROM mailbox AS m LEFT JOIN placement AS p \
         ON p.account_id = m.account_id AND p.mailbox_id = m.mailbox_id \
         AND p.ended_at IS NULL AND p.uid < m.uidnext WHERE m.account_id = ?1 \
         GROUP BY m.mailbox_id, m.total, m.unseen, m.deleted, m.bytes \
         HAVING m.total <> COUNT(p.uid) \
         OR m.unseen <> COUNT(CASE WHEN p.flags & 1 = 0 THEN 1 END) \
         OR m.deleted <> COUNT(CASE WHEN p.flags & 8 <> 0 THEN 1 END) \
         OR m.bytes <> COALESCE(SUM(p.size), 0)",
    ),
    rule(
        "mailbox.role",
        "a role is known and given once",
        ["role", "mailboxes with it"],
        "SELECT role, COUNT(*) FROM mailbox WHERE account_id = ?1 AND ended_at IS NULL \
         AND role <> 0 GROUP BY role HAVING COUNT(*) > 1 OR role < 0 OR role > 6",
    ),
    rule(
        "placement.mailbox",
        "a placement is in a mailbox of the account",
        ["mailbox", "uid"],
        "SELECT mailbox_id, uid FROM placement WHERE account_id = ?1 AND mailbox_id NOT IN \
         (SELECT mailbox_id FROM mailbox WHERE account_id = ?1)",
    ),
    rule(
        "placement.email",
        "a placement holds an email of the account, and has its size",
        ["mailbox", "uid"],
        "SELECT p.mailbox_id, p.uid FROM placement AS p LEFT JOIN email AS e \
         ON e.account_id = p.account_id AND e.email_id = p.email_id \
         WHERE p.account_id = ?1 AND p.email_id <> 0 \
         AND (e.email_id IS NULL OR e.size <> p.size)",
    ),
    rule(
        "placement.tombstone",
        "a placement without an email has ended and weighs nothing",
        ["mailbox", "uid"],
        "SELECT mailbox_id, uid FROM placement WHERE account_id = ?1 AND email_id = 0 \
         AND (ended_at IS NULL OR size <> 0 OR keywords IS NOT NULL)",
    ),
    rule(
        "placement.modseq",
        "a placement's last change is not before its first",
        ["mailbox", "uid"],
        "SELECT mailbox_id, uid FROM placement WHERE account_id = ?1 \
         AND (created_modseq > modseq OR created_modseq < 1)",
    ),
    rule(
        "placement.uid_order",
        "UIDs rise in the order in which messages came",
        ["mailbox", "uid"],
        "SELECT o.mailbox_id, o.uid FROM (SELECT mailbox_id, uid, created_modseq, \
         LAG(created_modseq) OVER (PARTITION BY mailbox_id ORDER BY uid) AS earlier \
         FROM placement WHERE account_id = ?1) AS o WHERE o.earlier > o.created_modseq",
    ),
    rule(
        "placement.unpublished",
        "beyond uidnext are only the messages of a COPY that is going on",
        ["mailbox", "uid"],
        "SELECT p.mailbox_id, p.uid FROM placement AS p JOIN mailbox AS m \
         ON m.account_id = p.account_id AND m.mailbox_id = p.mailbox_id \
         WHERE p.account_id = ?1 AND p.uid >= m.uidnext AND p.modseq <= \
         (SELECT modseq FROM account WHERE account_id = ?1)",
    ),
    rule(
        "pop3_unique_id.placement",
        "a unique-id belongs to a placement",
        ["mailbox", "uid"],
        "SELECT u.mailbox_id, u.uid FROM pop3_unique_id AS u LEFT JOIN placement AS p \
         ON p.account_id = u.account_id AND p.mailbox_id = u.mailbox_id AND p.uid = u.uid \
         WHERE u.account_id = ?1 AND p.uid IS NULL",
    ),
    rule(
        "email.placement",
        "a placement holds an email, live or ended",
        ["email", "body"],
        "SELECT e.email_id, e.body_id FROM email AS e WHERE e.account_id = ?1 AND NOT EXISTS \
         (SELECT 1 FROM placement AS p WHERE p.account_id = ?1 AND p.email_id = e.email_id)",
    ),
    rule(
        "email.body",
        "an email has its body, and the size of prefix and body",
        ["email", "body"],
        "SELECT e.email_id, e.body_id FROM email AS e LEFT JOIN body AS b \
         ON b.body_id = e.body_id WHERE e.account_id = ?1 \
         AND (b.body_id IS NULL OR b.size + length(b.prefix) <> e.size)",
    ),
    rule(
        "email.dates",
        "a date has a zone, which is less than a day",
        ["email", "zone"],
        "SELECT email_id, received_zone FROM email WHERE account_id = ?1 \
         AND ((sent_at IS NULL AND sent_zone IS NOT NULL) \
         OR (sent_at IS NOT NULL AND sent_zone IS NULL) \
         OR received_zone <= -1440 OR received_zone >= 1440)",
    ),
    rule(
        "email.modseq",
        "an email came into being before the account's newest change",
        ["email", "modseq"],
        "SELECT email_id, created_modseq FROM email WHERE account_id = ?1 \
         AND (created_modseq < 1 OR created_modseq > \
         (SELECT modseq FROM account WHERE account_id = ?1))",
    ),
    rule(
        "email_text.email",
        "a search text belongs to an email",
        ["email", "octets"],
        "SELECT email_id, size FROM email_text WHERE account_id = ?1 AND email_id NOT IN \
         (SELECT email_id FROM email WHERE account_id = ?1)",
    ),
    rule(
        "keyword.number",
        "a keyword's number is below the account's next",
        ["number", "next"],
        "SELECT k.number, a.next_keyword FROM keyword AS k JOIN account AS a \
         ON a.account_id = k.account_id WHERE k.account_id = ?1 \
         AND (k.number < 1 OR k.number >= a.next_keyword)",
    ),
    rule(
        "story_pointer.story",
        "a pointer leads to a story",
        ["arrival", "role"],
        "SELECT arrival_id, role FROM story_pointer WHERE account_id = ?1 AND arrival_id NOT IN \
         (SELECT arrival_id FROM story)",
    ),
];

/// Rules of the whole store.
pub(super) const STORE: &[Rule] = &[
    rule(
        "meta.one",
        "the store knows itself",
        ["rows", "schema"],
        "SELECT n.number, n.newest FROM (SELECT COUNT(*) AS number, \
         COALESCE(MAX(schema), 0) AS newest FROM meta) AS n WHERE n.number <> 1 OR n.newest < 1",
    ),
    rule(
        "domain.default",
        "one domain at most is the default",
        ["default domains", "domains"],
        "SELECT n.defaults, n.number FROM (SELECT COUNT(CASE WHEN is_default = 1 THEN 1 END) \
         AS defaults, COUNT(*) AS number FROM domain) AS n WHERE n.defaults > 1",
    ),
    rule(
        "address.domain",
        "an address is in a domain of ours",
        ["kind", "posting"],
        "SELECT kind, posting FROM address WHERE domain_key NOT IN \
         (SELECT domain_key FROM domain)",
    ),
    rule(
        "address.owner",
        "a list's owner is an account",
        ["account", "kind"],
        "SELECT owner, kind FROM address WHERE owner IS NOT NULL AND owner NOT IN \
         (SELECT account_id FROM account)",
    ),
    rule(
        "address_target.address",
        "a target belongs to an address",
        ["position", "kind"],
        "SELECT position, kind FROM address_target WHERE address_key NOT IN \
         (SELECT address_key FROM address)",
    ),
    rule(
        "address_target.account",
        "a target that is an account exists",
        ["account", "position"],
        "SELECT account_id, position FROM address_target WHERE account_id IS NOT NULL \
         AND account_id NOT IN (SELECT account_id FROM account)",
    ),
    rule(
        "body.refs",
        "a body knows how many emails, queue rows and waiting shares need it, and one does",
        ["body", "references"],
        "SELECT b.body_id, b.refs FROM body AS b \
         LEFT JOIN (SELECT body_id, COUNT(*) AS number FROM email GROUP BY body_id) AS e \
         ON e.body_id = b.body_id \
         LEFT JOIN (SELECT body_id, COUNT(*) AS number FROM queue_row GROUP BY body_id) AS q \
         ON q.body_id = b.body_id \
         LEFT JOIN (SELECT arrival_id, COUNT(*) AS number FROM pending_plan \
             WHERE account_id <> 0 GROUP BY arrival_id) AS w ON w.arrival_id = b.arrival_id \
         WHERE b.refs < 1 OR b.refs <> \
         COALESCE(e.number, 0) + COALESCE(q.number, 0) + COALESCE(w.number, 0)",
    ),
    rule(
        "body.location",
        "a body is in its row or under a name, not both",
        ["body", "location"],
        "SELECT body_id, location FROM body WHERE location < 0 OR location > 2 \
         OR (location = 0 AND (data IS NULL OR name IS NOT NULL)) \
         OR (location <> 0 AND (data IS NOT NULL OR name IS NULL))",
    ),
    rule(
        "body_sweep.body",
        "a file that waits to be deleted is needed by no body",
        ["body", "location"],
        "SELECT b.body_id, s.location FROM body_sweep AS s JOIN body AS b ON b.name = s.name",
    ),
    rule(
        "queue_row.body",
        "a queue row has its body",
        ["queue row", "body"],
        "SELECT queue_id, body_id FROM queue_row WHERE body_id NOT IN (SELECT body_id FROM body)",
    ),
    rule(
        "queue_row.destination",
        "a queue row has its destination",
        ["queue row", "body"],
        "SELECT queue_id, body_id FROM queue_row WHERE next_hop NOT IN \
         (SELECT next_hop FROM destination)",
    ),
    rule(
        "queue_row.lease",
        "a lease has an owner, and an owner a lease",
        ["queue row", "attempts"],
        "SELECT queue_id, attempts FROM queue_row \
         WHERE (lease_until IS NULL AND lease_owner IS NOT NULL) \
         OR (lease_until IS NOT NULL AND lease_owner IS NULL)",
    ),
    rule(
        "destination.waiting",
        "a destination knows how many rows wait for it",
        ["waiting", "rows"],
        "SELECT d.waiting, COALESCE(q.number, 0) FROM destination AS d \
         LEFT JOIN (SELECT next_hop, COUNT(*) AS number FROM queue_row GROUP BY next_hop) AS q \
         ON q.next_hop = d.next_hop WHERE d.waiting <> COALESCE(q.number, 0)",
    ),
    rule(
        "story_event.story",
        "an event belongs to a story",
        ["arrival", "event"],
        "SELECT arrival_id, event_id FROM story_event WHERE arrival_id NOT IN \
         (SELECT arrival_id FROM story)",
    ),
    rule(
        "pending_plan.body",
        "a share that waits to be applied has its body",
        ["arrival", "account"],
        "SELECT arrival_id, account_id FROM pending_plan WHERE account_id <> 0 \
         AND arrival_id NOT IN (SELECT arrival_id FROM body)",
    ),
    rule(
        "pending_plan.plan",
        "a share that waits to be applied has its plan",
        ["arrival", "account"],
        "SELECT arrival_id, account_id FROM pending_plan WHERE account_id <> 0 \
         AND arrival_id NOT IN (SELECT arrival_id FROM pending_plan WHERE account_id = 0)",
    ),
];

/// Rows of accounts that do not exist, table by table: `owner.<table>`.
pub(super) const OWNERS: &[Rule] = &[
    owner(
        "owner.login",
        "SELECT account_id, 0 FROM login WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.address_grant",
        "SELECT account_id, 0 FROM address_grant WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.credential",
        "SELECT account_id, 0 FROM credential WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.mailbox",
        "SELECT account_id, 0 FROM mailbox WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.subscription",
        "SELECT account_id, 0 FROM subscription WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.keyword",
        "SELECT account_id, 0 FROM keyword WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.email",
        "SELECT account_id, 0 FROM email WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.email_text",
        "SELECT account_id, 0 FROM email_text WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.placement",
        "SELECT account_id, 0 FROM placement WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.pop3_unique_id",
        "SELECT account_id, 0 FROM pop3_unique_id WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.thread_ref",
        "SELECT account_id, 0 FROM thread_ref WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
    owner(
        "owner.story_pointer",
        "SELECT account_id, 0 FROM story_pointer WHERE account_id NOT IN (SELECT account_id FROM account) GROUP BY account_id",
    ),
];

const fn owner(name: &'static str, sql: &'static str) -> Rule {
    rule(name, "rows belong to an account that exists", ["account", ""], sql)
}

/// Rules that no query can tell, with what must hold.
pub(super) const BY_HAND: &[(&str, &str)] = &[
    ("mailbox.name", "a mailbox has a name in our form"),
    ("subscription.name", "a subscription has a name in our form"),
    ("keyword.name", "a keyword is one, and its key its lower case"),
    ("placement.keywords", "a placement's keywords can be read and are in the dictionary"),
    ("pending_plan.data", "a plan that waits to be applied can be read, and names its shares"),
    ("body.frames", "a body's table of frames fits its octets, and its file exists"),
    ("body.checksum", "a body's octets are those that arrived (looked at by a deep check)"),
];
