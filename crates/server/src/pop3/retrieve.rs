//! A message on its way from the store to a session.
//!
//! Small bodies stand in the row and are unpacked where they were read, which takes microseconds.
//! Large ones are read from their file frame by frame, on a thread that may block, while the client
//! takes the frame before: nothing is read ahead of it.

use crate::memory::{MemoryError, Permit};
use crate::node::Node;
use bytes::Bytes;
use posthorn_base::limits::{self, BODY_FRAME_BYTES};
use posthorn_base::{AccountId, MailboxId, Uid};
use posthorn_store::bodies::BodyReader;
use posthorn_store::mail::{Location, ReadMaildropMessage};
use posthorn_store::{EngineError, StoreError};
use std::sync::Arc;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

/// Memory for a frame while it is unpacked: as it is stored, and its octets.
const UNPACKING_BYTES: usize = 2 * BODY_FRAME_BYTES;

/// Why a message cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Body(#[from] EngineError),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("the thread that reads bodies failed: {0}")]
    Thread(#[from] JoinError),
}

/// A message that is being read.
#[derive(Debug)]
pub(super) struct Source {
    prefix: Bytes,
    reader: Arc<BodyReader>,
    /// Octets of the body that were read.
    at: u64,
    /// What the row takes while its body is inline.
    inline: Option<Permit>,
}

/// Octets of a message, and the right to hold them.
#[derive(Debug)]
pub(super) struct Piece {
    octets: Vec<u8>,
    _memory: Permit,
}

impl Piece {
    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl Source {
    /// Reads the row. `None` when the message is gone for good.
    pub(super) async fn open(
        node: &Node,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
    ) -> Result<Option<Source>, ReadError> {
        // The row may hold a whole frame, and will be unpacked at once.
        let mut memory = acquire(node).await?;
        let read = ReadMaildropMessage { account, mailbox, uid };
        let Some(mut body) = node.engine.read(&read).await? else { return Ok(None) };
        let prefix = std::mem::take(&mut body.prefix);
        if let Location::Inline(data) = &body.location {
            let size = usize::try_from(body.size).unwrap_or(usize::MAX);
            memory.shrink_to(data.len().saturating_add(size));
            let reader = Arc::new(BodyReader::open(&body, &node.files)?);
            return Ok(Some(Source { prefix, reader, at: 0, inline: Some(memory) }));
        }
        drop(memory);
        let files = node.files.clone();
        let reader = spawn_blocking(move || BodyReader::open(&body, &files)).await??;
        Ok(Some(Source { prefix, reader: Arc::new(reader), at: 0, inline: None }))
    }

    /// Our own header fields, which come first.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The next piece of the body; `None` at its end. The piece before it must be dropped: who
    /// waits for memory holds none.
    pub(super) async fn next(&mut self, node: &Node) -> Result<Option<Piece>, ReadError> {
        let range = self.at..self.at.saturating_add(BODY_FRAME_BYTES as u64);
        if self.at >= self.reader.size() {
            return Ok(None);
        }
        let mut octets = Vec::new();
        let memory = match self.inline.take() {
            Some(memory) => {
                self.reader.read(range.clone(), &mut octets)?;
                memory
            }
            None => {
                let mut memory = acquire(node).await?;
                let (reader, range) = (Arc::clone(&self.reader), range.clone());
                octets = spawn_blocking(move || reader.read(range, &mut octets).map(|()| octets))
                    .await??;
                memory.shrink_to(octets.capacity());
                memory
            }
        };
        self.at = range.end;
        Ok(Some(Piece { octets, _memory: memory }))
    }
}

async fn acquire(node: &Node) -> Result<Permit, MemoryError> {
    let bytes = UNPACKING_BYTES.min(node.budget.bytes());
    node.budget.acquire(bytes, Instant::now() + limits::POP3_MEMORY_WAIT_MAX).await
}
