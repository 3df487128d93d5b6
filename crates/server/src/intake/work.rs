//! Work on a message that has arrived, where its size says that it should be done.

use super::large::is_large;
use crate::node::Node;
use crate::spool::{SpoolReader, Spooled};
use bytes::Bytes;
use posthorn_message::Parsed;
use std::io::{self, Read};
use tokio::task::spawn_blocking;

/// The message cannot be worked on now; the log says why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PutOff;

/// The octets of a message that are about to be stored.
#[derive(Clone)]
pub(crate) enum Octets {
    /// As they came.
    Spooled(Spooled),
    /// Read back from a file, or with a completed header.
    Owned(Bytes),
}

impl Octets {
    /// All of them.
    pub(crate) fn get(&self) -> &[u8] {
        match self {
            Octets::Spooled(spooled) => spooled.in_memory().unwrap_or_default(),
            Octets::Owned(bytes) => bytes,
        }
    }
}

/// A message that went to a file is read back: everything behind works on one piece of memory.
pub(crate) async fn load(node: &Node, spooled: Spooled) -> Result<Octets, PutOff> {
    if spooled.in_memory().is_some() {
        return Ok(Octets::Spooled(spooled));
    }
    let read = |mut reader: SpoolReader, size: u64| {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        reader.read_to_end(&mut bytes).map(|_| bytes)
    };
    let (reader, size) = (spooled.reader(), spooled.len());
    let bytes = if is_large(size) {
        node.large.run(move || read(reader, size)).await.map_err(io::Error::other)
    } else {
        // It went to its file because memory was short: it does not stand behind large ones.
        spawn_blocking(move || read(reader, size)).await.map_err(io::Error::other)
    };
    match bytes.flatten() {
        Ok(bytes) => Ok(Octets::Owned(bytes.into())),
        Err(error) => {
            tracing::error!(%error, "a spooled message cannot be read back");
            Err(PutOff)
        }
    }
}

/// Runs work whose time grows with the message: small ones at once, large ones on a thread that
/// serves no connection.
pub(crate) async fn heavy<I, T>(
    node: &Node,
    input: I,
    work: impl FnOnce(I) -> T + Send + 'static,
) -> Result<T, PutOff>
where
    I: Weigh + Send + 'static,
    T: Send + 'static,
{
    if !is_large(input.weight() as u64) {
        return Ok(work(input));
    }
    node.large.run(move || work(input)).await.map_err(|error| {
        tracing::error!(%error, "working on a message failed");
        PutOff
    })
}

/// What [`heavy`] decides by.
pub(crate) trait Weigh {
    /// Octets of the message.
    fn weight(&self) -> usize;
}

impl Weigh for Octets {
    fn weight(&self) -> usize {
        self.get().len()
    }
}

impl Weigh for (Octets, Parsed) {
    fn weight(&self) -> usize {
        self.0.weight()
    }
}
