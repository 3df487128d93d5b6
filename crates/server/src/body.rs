//! A message on its way from the store to a session.
//!
//! Small bodies stand in the row and are unpacked where they were read, which takes microseconds.
//! Large ones are read from their file frame by frame, on a thread that may block, while the client
//! takes the frame before: nothing is read ahead of it.
//!
//! Invariants
//! * The octets that are held are covered by the node's budget. Messages that are read together
//!   are covered together.
//! * Nothing of the store is held between two pieces but an open file.

use crate::memory::{MemoryError, Permit};
use crate::node::Node;
use bytes::Bytes;
use posthorn_base::limits::{self, BODY_FRAME_BYTES};
use posthorn_base::{AccountId, EmailId};
use posthorn_store::bodies::BodyReader;
use posthorn_store::mail::{Body, Location, ReadBodies};
use posthorn_store::{EngineError, Operation, StoreError};
use std::ops::Range;
use std::sync::Arc;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::Instant;

/// Memory for a frame while it is unpacked: as it is stored, and its octets.
const UNPACKING_BYTES: usize = 2 * BODY_FRAME_BYTES;

/// Why a message cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Its row cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its body cannot.
    #[error(transparent)]
    Body(#[from] EngineError),
    /// Too many others are read.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The thread panicked, or the runtime stops.
    #[error("the thread that reads bodies failed: {0}")]
    Thread(#[from] JoinError),
}

impl ReadError {
    /// True when the message can be read later, perhaps.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            ReadError::Store(StoreError::Engine(error)) | ReadError::Body(error) => {
                error.is_temporary()
            }
            ReadError::Store(_) => false,
            ReadError::Memory(_) | ReadError::Thread(_) => true,
        }
    }
}

/// A message that is being read.
#[derive(Debug)]
pub(crate) struct Source {
    prefix: Bytes,
    reader: Arc<BodyReader>,
    is_inline: bool,
    /// What the row takes, and its octets, while its body is inline and was read alone.
    _memory: Option<Permit>,
}

/// Octets of a body, and the right to hold them.
#[derive(Debug)]
pub(crate) struct Piece {
    octets: Vec<u8>,
    _memory: Option<Permit>,
}

impl Piece {
    /// The octets.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl Source {
    /// Reads the row. `None` when the message is gone for good.
    pub(crate) async fn open<O>(node: &Node, read: &O) -> Result<Option<Source>, ReadError>
    where
        O: Operation<Output = Option<Body>>,
    {
        // The row may hold a whole frame, and will be unpacked at once.
        let mut memory = acquire(node, UNPACKING_BYTES).await?;
        let Some(body) = node.engine.read(read).await? else { return Ok(None) };
        if let Location::Inline(data) = &body.location {
            let size = usize::try_from(body.size).unwrap_or(usize::MAX);
            memory.shrink_to(data.len().saturating_add(size));
            return Ok(Some(Source::inline(body, Some(memory), node)?));
        }
        drop(memory);
        Ok(Some(Source::of_file(body, node).await?))
    }

    fn inline(mut body: Body, memory: Option<Permit>, node: &Node) -> Result<Source, EngineError> {
        let prefix = std::mem::take(&mut body.prefix);
        let reader = Arc::new(BodyReader::open(&body, &node.files)?);
        Ok(Source { prefix, reader, is_inline: true, _memory: memory })
    }

    async fn of_file(mut body: Body, node: &Node) -> Result<Source, ReadError> {
        let prefix = std::mem::take(&mut body.prefix);
        let files = node.files.clone();
        let reader = spawn_blocking(move || BodyReader::open(&body, &files)).await??;
        Ok(Source { prefix, reader: Arc::new(reader), is_inline: false, _memory: None })
    }

    /// Our own header fields, which come first.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Octets of the body, which follows the prefix.
    pub(crate) fn body_octets(&self) -> u64 {
        self.reader.size()
    }

    /// True when it is small and in memory: [`Source::append`] gives all of it at once.
    pub(crate) fn is_inline(&self) -> bool {
        self.is_inline
    }

    /// Appends octets of an [inline](Source::is_inline) body to `out`. They are covered as long as
    /// the source is not dropped, or the [`Batch`] it came from.
    pub(crate) fn append(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), ReadError> {
        Ok(self.reader.read(range, out)?)
    }

    /// The next piece of a range of the body, from which it is taken; `None` at its end. The piece
    /// before it must be dropped: who waits for memory holds none.
    pub(crate) async fn next(
        &self,
        node: &Node,
        range: &mut Range<u64>,
    ) -> Result<Option<Piece>, ReadError> {
        let frame = BODY_FRAME_BYTES as u64;
        let end_of_frame = (range.start / frame).saturating_add(1).saturating_mul(frame);
        let piece = range.start..end_of_frame.min(range.end).min(self.reader.size());
        if piece.is_empty() {
            return Ok(None);
        }
        range.start = piece.end;
        let mut octets = Vec::new();
        if self.is_inline() {
            self.reader.read(piece, &mut octets)?;
            return Ok(Some(Piece { octets, _memory: None }));
        }
        let mut memory = acquire(node, UNPACKING_BYTES).await?;
        let reader = Arc::clone(&self.reader);
        octets = spawn_blocking(move || reader.read(piece, &mut octets).map(|()| octets)).await??;
        memory.shrink_to(octets.capacity());
        Ok(Some(Piece { octets, _memory: Some(memory) }))
    }
}

/// Small messages that are read together, and the memory for their rows and their octets.
#[derive(Debug)]
pub(crate) struct Batch {
    bodies: Vec<(EmailId, Result<Option<Body>, EngineError>)>,
    octets: usize,
    memory: Permit,
}

impl Batch {
    /// Reads the rows of several messages that have so many octets in all, prefixes included.
    pub(crate) async fn read(
        node: &Node,
        account: AccountId,
        emails: Vec<EmailId>,
        octets: usize,
    ) -> Result<Batch, ReadError> {
        let memory = acquire(node, octets.saturating_mul(2)).await?;
        let read = ReadBodies { account, emails };
        let bodies = node.engine.read(&read).await?;
        Ok(Batch { bodies: read.emails.into_iter().zip(bodies).collect(), octets, memory })
    }

    /// Octets of all its messages, which are covered as long as it is not dropped.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    /// True when all its messages were taken. Then only their octets are covered any more.
    pub(crate) fn is_used_up(&mut self) -> bool {
        if self.bodies.is_empty() {
            self.memory.shrink_to(self.octets);
        }
        self.bodies.is_empty()
    }

    /// Takes a message out; `None` when it has none, the inner `None` when that is gone for good.
    pub(crate) async fn take(
        &mut self,
        node: &Node,
        email: EmailId,
    ) -> Option<Result<Option<Source>, ReadError>> {
        let at = self.bodies.iter().position(|(id, _)| *id == email)?;
        Some(match self.bodies.remove(at).1 {
            Ok(Some(body)) => match &body.location {
                Location::Inline(_) => Source::inline(body, None, node).map_err(Into::into),
                Location::File(_) | Location::Object(_) => Source::of_file(body, node).await,
            }
            .map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error.into()),
        })
    }
}

/// Waits for memory for messages that are read. It comes back when their client has taken them.
pub(crate) async fn acquire(node: &Node, bytes: usize) -> Result<Permit, MemoryError> {
    let bytes = bytes.min(node.budget.bytes_to_lend());
    node.budget.lend(bytes, Instant::now() + limits::MESSAGE_MEMORY_WAIT_MAX).await
}
