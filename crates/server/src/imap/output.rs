//! Untagged responses on their way to a client that may be slow.

use crate::conn::{CloseReason, Connection};
use posthorn_base::limits;

/// Where a command writes. At most `limits::IMAP_OUTPUT_BYTES_MAX` and one response wait.
pub(crate) struct Output<'a> {
    conn: &'a mut Connection,
    bytes: &'a mut Vec<u8>,
}

impl<'a> Output<'a> {
    /// Writes to `conn`, behind what is in `bytes` already.
    pub(crate) fn new(conn: &'a mut Connection, bytes: &'a mut Vec<u8>) -> Self {
        Output { conn, bytes }
    }

    /// What waits; encoders append to it. Call [`Output::room`] from time to time.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        self.bytes
    }

    /// Sends what waits when it is much.
    pub(crate) async fn room(&mut self) -> Result<(), CloseReason> {
        self.room_beside(0).await.map(drop)
    }

    /// Sends what waits when it is much beside so many octets, for which there is memory. True when
    /// it was sent.
    pub(crate) async fn room_beside(&mut self, covered: usize) -> Result<bool, CloseReason> {
        let is_much = self.bytes.len() >= limits::IMAP_OUTPUT_BYTES_MAX.saturating_add(covered);
        if is_much {
            self.send().await?;
        }
        Ok(is_much)
    }

    /// Sends octets behind what waits, without keeping them when they are many.
    pub(crate) async fn send_octets(&mut self, octets: &[u8]) -> Result<(), CloseReason> {
        if self.bytes.len().saturating_add(octets.len()) < limits::IMAP_OUTPUT_BYTES_MAX {
            self.bytes.extend_from_slice(octets);
            return Ok(());
        }
        self.send().await?;
        self.conn.send(octets).await
    }

    /// Whether the client is still there: for work that takes long and writes nothing meanwhile.
    ///
    /// # Errors
    /// When it has closed the connection.
    pub(crate) fn is_open(&self) -> Result<(), CloseReason> {
        if self.conn.is_open() { Ok(()) } else { Err(CloseReason::PeerClosed) }
    }

    /// Sends what waits.
    pub(crate) async fn send(&mut self) -> Result<(), CloseReason> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.conn.send_now(self.bytes).await?;
        // Its memory is kept for what follows, at the least the completion; whoever writes that
        // frees it.
        self.bytes.clear();
        self.bytes.shrink_to(2 * limits::IMAP_OUTPUT_BYTES_MAX);
        Ok(())
    }
}
