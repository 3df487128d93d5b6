//! What a queue row says.

use crate::seam::Row;
use crate::{Batch, EngineError, stmt};
use posthorn_base::{AccountId, ArrivalId, BodyId, QueueId, Time};

macro_rules! bits {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $flag:ident = $bit:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
        pub struct $name(u32);
        impl $name {
            /// Nothing.
            pub const NONE: $name = $name(0);
            $($(#[$fdoc])* pub const $flag: $name = $name($bit);)*
            /// Both together.
            #[must_use]
            pub const fn with(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
            /// True when all of `other` are in it.
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }
            /// As the store keeps it.
            pub const fn bits(self) -> u32 {
                self.0
            }
            /// From the store.
            pub const fn from_bits(bits: u32) -> $name {
                $name(bits)
            }
        }
    };
}

bits! {
    /// NOTIFY of RFC 3461 4.1; empty when the sender did not say.
    Notify {
        /// No report at all.
        NEVER = 1;
        /// A report when delivered.
        SUCCESS = 2;
        /// A report when it failed.
        FAILURE = 4;
        /// A report when it is delayed.
        DELAY = 8;
    }
}

bits! {
    /// Extensions that the next hop must offer.
    Needs {
        /// RFC 6152.
        EIGHT_BIT = 1;
        /// RFC 6531.
        SMTPUTF8 = 2;
        /// RFC 8689.
        REQUIRETLS = 4;
        /// RFC 3030.
        BINARYMIME = 8;
    }
}

/// RET of RFC 3461 4.3: how much of the message a failure report returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Ret {
    /// The sender did not say.
    #[default]
    Unsaid,
    /// The whole message.
    Full,
    /// Its header section.
    Headers,
}

impl Ret {
    const fn code(self) -> i64 {
        match self {
            Ret::Unsaid => 0,
            Ret::Full => 1,
            Ret::Headers => 2,
        }
    }
    fn from_code(code: i64) -> Ret {
        match code {
            1 => Ret::Full,
            2 => Ret::Headers,
            _ => Ret::Unsaid,
        }
    }
}

/// A row to be queued. The transaction that writes it also holds the body's reference for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQueueRow {
    /// Its id.
    pub id: QueueId,
    /// The account that sends, when it is one of ours.
    pub account: Option<AccountId>,
    /// The recipient as given in RCPT.
    pub recipient: String,
    /// Where it goes after aliases.
    pub final_address: String,
    /// ORCPT of RFC 3461 4.2, as given.
    pub orcpt: Option<String>,
    /// NOTIFY.
    pub notify: Notify,
    /// RET.
    pub ret: Ret,
    /// ENVID of RFC 3461 4.4, as given.
    pub envid: Option<String>,
    /// The reverse-path; empty for `<>`.
    pub return_path: String,
    /// The domain to send to, in its ASCII form.
    pub next_hop: String,
    /// What the next hop must offer.
    pub needs: Needs,
    /// Greater goes first.
    pub priority: i64,
    /// When to try first.
    pub due_at: Time,
    /// When to give up.
    pub expires_at: Time,
}

impl NewQueueRow {
    /// Appends the statements that write it.
    pub fn write(&self, arrival: ArrivalId, body: BodyId, now: Time, batch: &mut Batch) {
        batch.push(stmt!(
            "INSERT INTO queue_row (queue_id, arrival_id, body_id, account_id, recipient, \
             final_address, orcpt, notify, ret, envid, return_path, next_hop, needs, priority, \
             due_at, expires_at, attempts, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0, \
             ?17)",
            self.id,
            arrival,
            body,
            self.account,
            self.recipient.as_str(),
            self.final_address.as_str(),
            self.orcpt.as_deref(),
            self.notify.bits(),
            self.ret.code(),
            self.envid.as_deref(),
            self.return_path.as_str(),
            self.next_hop.as_str(),
            self.needs.bits(),
            self.priority,
            self.due_at,
            self.expires_at,
            now
        ));
        // A destination that is waiting after failures keeps its own due time.
        batch.push(stmt!(
            "INSERT INTO destination (next_hop, next_due_at, failures, waiting) \
             VALUES (?1, ?2, 0, 1) \
             ON CONFLICT (next_hop) DO UPDATE SET waiting = destination.waiting + 1, \
             next_due_at = CASE WHEN destination.failures = 0 \
                 AND excluded.next_due_at < destination.next_due_at \
                 THEN excluded.next_due_at ELSE destination.next_due_at END",
            self.next_hop.as_str(),
            self.due_at
        ));
    }
}

/// A row as it stands in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRow {
    /// What it was when it was queued.
    pub row: NewQueueRow,
    /// The arrival it came with.
    pub arrival: ArrivalId,
    /// The message's bytes.
    pub body: BodyId,
    /// Since when an operator holds it.
    pub held_at: Option<Time>,
    /// Attempts so far.
    pub attempts: u32,
    /// Until when somebody is trying.
    pub lease_until: Option<Time>,
    /// The last answer of the other side, or what kept us from getting one.
    pub last_reply: Option<String>,
    /// When it was queued.
    pub created_at: Time,
}

impl QueueRow {
    pub(super) fn read(row: Row<'_>) -> Result<QueueRow, EngineError> {
        Ok(QueueRow {
            row: NewQueueRow {
                id: row.get(0)?,
                account: row.get(3)?,
                recipient: row.get(4)?,
                final_address: row.get(5)?,
                orcpt: row.get(6)?,
                notify: Notify::from_bits(row.get(7)?),
                ret: Ret::from_code(row.get(8)?),
                envid: row.get(9)?,
                return_path: row.get(10)?,
                next_hop: row.get(11)?,
                needs: Needs::from_bits(row.get(12)?),
                priority: row.get(13)?,
                due_at: row.get(14)?,
                expires_at: row.get(15)?,
            },
            arrival: row.get(1)?,
            body: row.get(2)?,
            held_at: row.get(16)?,
            attempts: row.get(17)?,
            lease_until: row.get(18)?,
            last_reply: row.get(19)?,
            created_at: row.get(20)?,
        })
    }
}
