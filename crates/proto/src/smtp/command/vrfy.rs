//! `VRFY address` (RFC 5321 4.1.1.6 and 3.5).

use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::session::Session;

impl Session {
    /// Says neither yes nor no (RFC 5321 7.3): who exists here is not for strangers.
    pub(super) fn vrfy(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        // RFC 4954 6: before a login that is needed, everything but the first commands gets 530.
        if self.config.service.is_submission() && self.login().is_none() {
            return self.refuse_command(&self.login_first(), out);
        }
        if args.is_empty() {
            return self.refuse_command(&Reply::ARGUMENT_MISSING, out);
        }
        Reply::VRFY.write(out);
        None
    }
}
