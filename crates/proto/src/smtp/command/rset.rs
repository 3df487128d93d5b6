//! `RSET` (RFC 5321 4.1.1.5).

use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::session::Session;

impl Session {
    /// Gives up the open message; the client's name and login stay.
    pub(super) fn rset(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        if !args.is_empty() {
            return self.refuse_command(&Reply::NO_ARGUMENTS, out);
        }
        self.end_transaction();
        Reply::OK.write(out);
        None
    }
}
