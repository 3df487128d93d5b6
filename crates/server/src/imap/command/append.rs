//! APPEND (RFC 3501 6.3.11).

use super::super::Context;
use super::super::context::Fault;
use posthorn_proto::imap::Completion;
use posthorn_proto::imap::command::Append;

/// A message that arrives.
#[derive(Debug)]
pub(in crate::imap) struct Appending(std::convert::Infallible);

impl Appending {
    /// Decides whether the message may come.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::imap) async fn begin(
        _context: &mut Context,
        _append: Append,
    ) -> Result<Self, Fault> {
        Err(Completion::no("APPEND is not here yet").into())
    }

    /// Takes octets of the message, as they come.
    ///
    /// # Errors
    /// Why no more of it is taken.
    pub(in crate::imap) async fn data(&mut self, _octets: &[u8]) -> Result<(), Fault> {
        match self.0 {}
    }

    /// The message is complete: puts it into its mailbox.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::imap) async fn end(self, _context: &mut Context) -> Result<Completion, Fault> {
        match self.0 {}
    }
}
