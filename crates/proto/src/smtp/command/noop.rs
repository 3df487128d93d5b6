//! `NOOP [anything]` (RFC 5321 4.1.1.9).

use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::session::Session;

impl Session {
    /// Does nothing; shows that we are there.
    pub(super) fn noop(&mut self, out: &mut Vec<u8>) -> Option<Event<'static>> {
        Reply::OK.write(out);
        None
    }
}
