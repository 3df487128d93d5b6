//! `HELP [topic]` (RFC 5321 4.1.1.8).

use crate::smtp::event::Event;
use crate::smtp::reply::Reply;
use crate::smtp::session::Session;

impl Session {
    /// Names the commands.
    pub(super) fn help(&mut self, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let auth = if self.config.service.is_submission() { " AUTH" } else { "" };
        let text = format!(
            "This is Posthorn, a mail server. Commands:\n\
             EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS{auth}\n\
             See RFC 5321 and its extensions in EHLO's reply"
        );
        Reply::new(214, 0, 0, text).write(out);
        None
    }
}
