//! Bodies: the bytes of an arrival, shared by its recipients.

use crate::{EngineError, Operation, Rows, Statement, StoreError, Tx, stmt};
use bytes::Bytes;
use posthorn_base::{AccountId, ArrivalId, BodyId, EmailId, Time};

/// Where a body's frames are. The codes are part of the stored format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the row itself.
    Inline(Bytes),
    /// In a file of the store's directory, by name. Durable before the row is committed.
    File(String),
    /// In the object store, by name.
    Object(String),
}

impl Location {
    fn code(&self) -> i64 {
        match self {
            Location::Inline(_) => 0,
            Location::File(_) => 1,
            Location::Object(_) => 2,
        }
    }
    fn data(&self) -> Option<Bytes> {
        match self {
            Location::Inline(data) => Some(data.clone()),
            Location::File(_) | Location::Object(_) => None,
        }
    }
    fn name(&self) -> Option<&str> {
        match self {
            Location::Inline(_) => None,
            Location::File(name) | Location::Object(name) => Some(name),
        }
    }
    fn read(code: i64, data: Option<Bytes>, name: Option<String>) -> Option<Self> {
        match (code, data, name) {
            (0, Some(data), None) => Some(Location::Inline(data)),
            (1, None, Some(name)) => Some(Location::File(name)),
            (2, None, Some(name)) => Some(Location::Object(name)),
            _ => None,
        }
    }
}

/// A body to be stored: its frames are made, and where they lie outside the row they are durable.
#[derive(Clone, Debug)]
pub struct NewBody {
    /// Made by the caller.
    pub id: BodyId,
    /// Our Return-Path, Received and Authentication-Results.
    pub prefix: Bytes,
    /// Octets as they came, without the prefix.
    pub size: u64,
    /// Octets that it would have more if all of its lines ended in CRLF, the last one included.
    pub crlf_added: u64,
    /// SHA-256 of the octets and then the prefix, which is known last.
    pub hash: [u8; 32],
    /// How the frames are written: 0 plain, 1 zstd, 2 LZ4.
    pub codec: i64,
    /// The key they are encrypted with; 0 for none.
    pub key_id: i64,
    /// The table of frames.
    pub frames: Bytes,
    /// Where they are.
    pub location: Location,
}

impl NewBody {
    /// Octets of the message as it is read back: RFC822.SIZE.
    pub fn message_size(&self) -> u64 {
        self.size.saturating_add(self.prefix.len() as u64)
    }

    /// About how much a transaction writes for it.
    pub(crate) fn bytes(&self) -> usize {
        let data = match &self.location {
            Location::Inline(data) => data.len(),
            Location::File(_) | Location::Object(_) => 0,
        };
        data + self.prefix.len() + self.frames.len() + 128
    }

    /// Writes the row. `refs`: how many email and queue rows the same transaction writes for it.
    pub(crate) fn insert(&self, arrival: ArrivalId, refs: i64, at: Time) -> Statement {
        stmt!(
            "INSERT INTO body (body_id, arrival_id, prefix, size, hash, codec, key_id, location, \
             frames, data, name, refs, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            self.id,
            arrival,
            self.prefix.clone(),
            super::int(self.size),
            self.hash.as_slice(),
            self.codec,
            self.key_id,
            self.location.code(),
            self.frames.clone(),
            self.location.data(),
            self.location.name(),
            refs,
            at
        )
    }
}

/// A body as it is stored.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its id.
    pub id: BodyId,
    /// The arrival it came with.
    pub arrival: ArrivalId,
    /// Our own header fields, which come first when the message is read.
    pub prefix: Bytes,
    /// Octets behind the prefix.
    pub size: u64,
    /// SHA-256 of the octets and then the prefix, which is known last.
    pub hash: Bytes,
    /// How the frames are written.
    pub codec: i64,
    /// The key they are encrypted with; 0 for none.
    pub key_id: i64,
    /// The table of frames.
    pub frames: Bytes,
    /// Where they are.
    pub location: Location,
}

/// The body with an id that is still to be said.
macro_rules! body_columns {
    () => {
        "SELECT body_id, arrival_id, prefix, size, hash, codec, key_id, frames, location, data, \
         name FROM body WHERE body_id = "
    };
}
pub(super) use body_columns;

impl Body {
    pub(super) fn read(rows: &Rows) -> Result<Option<Body>, EngineError> {
        let Some(row) = rows.first() else { return Ok(None) };
        let location = Location::read(row.get(8)?, row.get(9)?, row.get(10)?);
        let location = location
            .ok_or_else(|| EngineError::Corrupt("a body is in no place or in two".into()))?;
        Ok(Some(Body {
            id: row.get(0)?,
            arrival: row.get(1)?,
            prefix: row.get(2)?,
            size: row.get(3)?,
            hash: row.get(4)?,
            codec: row.get(5)?,
            key_id: row.get(6)?,
            frames: row.get(7)?,
            location,
        }))
    }
}

/// Reads the body of an email; `None` when the email is gone.
#[derive(Clone, Debug)]
pub struct ReadBody {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub email: EmailId,
}

impl Operation for ReadBody {
    type Output = Option<Body>;
    const NAME: &'static str = "read body";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Body>, StoreError> {
        let rows = tx.one(select(self.account, self.email)).await?;
        Ok(Body::read(&rows)?)
    }
}

fn select(account: AccountId, email: EmailId) -> Statement {
    stmt!(
        concat!(
            body_columns!(),
            "(SELECT body_id FROM email WHERE account_id = ?1 AND email_id = ?2)"
        ),
        account,
        email
    )
}

/// Reads the bodies of several emails: of each what [`ReadBody`] answers, in the order in which
/// they were asked for. The caller knows that they are small.
#[derive(Clone, Debug)]
pub struct ReadBodies {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub emails: Vec<EmailId>,
}

impl Operation for ReadBodies {
    /// A row that contradicts itself is no answer to the others.
    type Output = Vec<Result<Option<Body>, EngineError>>;
    const NAME: &'static str = "read bodies";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, StoreError> {
        let batch = self.emails.iter().map(|email| select(self.account, *email)).collect();
        Ok(tx.run(batch).await?.iter().map(Body::read).collect())
    }
}

/// Reads a body by its id, as queue rows name it.
#[derive(Clone, Debug)]
pub struct ReadQueuedBody(pub BodyId);

impl Operation for ReadQueuedBody {
    type Output = Body;
    const NAME: &'static str = "read queued body";

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Body, StoreError> {
        let rows = tx.one(stmt!(concat!(body_columns!(), "?1"), self.0)).await?;
        Body::read(&rows)?.ok_or_else(|| StoreError::missing("body", self.0))
    }
}
