//! `QUIT` (RFC 5321 4.1.1.10).

use crate::smtp::event::{CloseReason, Event};
use crate::smtp::reply::Reply;
use crate::smtp::session::{Session, State};

impl Session {
    /// Ends the session, and gives up an open message.
    pub(super) fn quit(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        if !args.is_empty() {
            return self.refuse_command(&Reply::NO_ARGUMENTS, out);
        }
        self.end_transaction();
        Reply::BYE.write(out);
        self.state = State::Closed(CloseReason::Quit);
        None
    }
}
