//! Small messages are read from the store together, and sent together: a transaction and a system
//! call for each of them would cost more than their octets.

use super::Fetching;
use crate::body::{Batch, ReadError, Source};
use crate::conn::CloseReason;
use crate::imap::Output;
use posthorn_base::EmailId;
use posthorn_store::mail::ReadBody;

/// Octets that messages have together which are read and sent together. Twice that is lent to their
/// client until it has taken them.
const TOGETHER_BYTES_MAX: usize = 64 * 1024;
/// What stands between the octets of a few messages.
const ROOM_BETWEEN: usize = 2048;

/// Messages that were read with the one before them.
#[derive(Debug, Default)]
pub(super) struct Ahead(Option<Batch>);

impl Ahead {
    /// Octets that may wait in the output, because there is memory for them.
    pub(super) fn covered(&self) -> usize {
        self.0.as_ref().map_or(0, Batch::octets)
    }

    /// True when all messages that were read are written.
    pub(super) fn is_used_up(&mut self) -> bool {
        self.0.as_mut().is_none_or(Batch::is_used_up)
    }

    /// Opens the message at the first of these positions, and reads those behind it along with it
    /// as far as they are small. `None` when it is gone for good.
    pub(super) async fn open(
        &mut self,
        fetching: &Fetching<'_>,
        positions: &[usize],
        output: &mut Output<'_>,
    ) -> Result<Result<Option<Source>, ReadError>, CloseReason> {
        let (node, account) = (&fetching.context.node, fetching.context.account);
        let first = positions.first().and_then(|at| fetching.view.get(*at));
        let Some(email) = first.map(|entry| entry.email) else { return Ok(Ok(None)) };
        if let Some(batch) = &mut self.0
            && let Some(source) = batch.take(node, email).await
        {
            return Ok(source);
        }
        // Who waits for memory holds none.
        output.room().await?;
        self.0 = None;
        let (emails, octets) = together(fetching, positions);
        if emails.len() > 1 {
            match Batch::read(node, account, emails, octets).await {
                Ok(batch) => {
                    // Or it would grow to twice of what it needs.
                    output.bytes().reserve_exact(octets + ROOM_BETWEEN);
                    let batch = self.0.insert(batch);
                    return Ok(batch.take(node, email).await.unwrap_or(Ok(None)));
                }
                // One that cannot be read is not to take the others with it.
                Err(ReadError::Store(error)) => {
                    tracing::warn!(%error, "messages cannot be read together");
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Source::open(node, &ReadBody { account, email }).await)
    }
}

/// The first of these messages, with those behind it that are read together with it, and the octets
/// of them all.
fn together(fetching: &Fetching<'_>, positions: &[usize]) -> (Vec<EmailId>, usize) {
    let mut octets = 0_usize;
    let mut emails = Vec::new();
    for entry in positions.iter().filter_map(|at| fetching.view.get(*at)) {
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let with = octets.saturating_add(size);
        if !emails.is_empty() && with > TOGETHER_BYTES_MAX {
            break;
        }
        octets = with;
        emails.push(entry.email);
    }
    (emails, octets)
}
