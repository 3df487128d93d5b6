//! The replies of the SMTP server: one table (RFC 5321 4.2, RFC 3463, RFC 5248).
//!
//! Every reply that a peer can see stands here or is made with [`Reply::new`], so that its codes
//! can be looked up in one place and its text speaks to a person: what happened, and what to do
//! about it.
//!
//! Invariants
//! * What goes to the wire is printable ASCII in lines of at most 512 octets (RFC 5321 4.5.3.1.5),
//!   whatever the text holds: nobody's bytes can forge a line of ours.
//! * The enhanced code stands on every line of a reply (RFC 2034 4), and its class agrees with the
//!   basic code's first digit.

use posthorn_base::limits;
use std::borrow::Cow;
use std::fmt;

/// An enhanced status code `class.subject.detail` (RFC 3463 2). The class is the first digit of the
/// basic code, so only the other two are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced {
    /// What the code is about: 1 addressing, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content,
    /// 7 policy.
    pub subject: u16,
    /// Which of the subject's conditions it is.
    pub detail: u16,
}

/// One reply of the server to the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    text: Cow<'static, str>,
}

const fn fixed(code: u16, subject: u16, detail: u16, text: &'static str) -> Reply {
    Reply { code, enhanced: Some(Enhanced { subject, detail }), text: Cow::Borrowed(text) }
}

macro_rules! table {
    ($(
        $(#[$doc:meta])*
        $name:ident = $code:literal $subject:literal.$detail:literal $text:literal;
    )*) => {
        impl Reply {
            $($(#[$doc])* pub const $name: Reply = fixed($code, $subject, $detail, $text);)*

            /// Every reply of the table with its name, for tests and for the manual.
            pub const TABLE: &[(&str, Reply)] = &[$((stringify!($name), Reply::$name)),*];
        }
    };
}

table! {
    // ---- success ----
    /// RSET, NOOP.
    OK = 250 0 . 0 "OK";
    /// MAIL accepted.
    SENDER_OK = 250 1 . 0 "Sender OK";
    /// RCPT accepted.
    RECIPIENT_OK = 250 1 . 5 "Recipient OK";
    /// The message is on stable storage (its id follows).
    DELIVERED = 250 0 . 0 "Message accepted";
    /// AUTH succeeded (RFC 4954 6).
    AUTHENTICATED = 235 7 . 0 "Authentication succeeded";
    /// STARTTLS (RFC 3207 4).
    STARTTLS_READY = 220 0 . 0 "Ready to start TLS";
    /// VRFY (RFC 5321 3.5.3): we never say whether an address exists.
    VRFY = 252 0 . 0 "Addresses are not verified here; send a message and see";
    /// QUIT.
    BYE = 221 0 . 0 "Goodbye";

    // ---- the session's own refusals: syntax and order ----
    /// A command that no server knows.
    UNKNOWN_COMMAND = 500 5 . 1 "Command not recognised";
    /// A command of the standard that this server does not offer.
    NOT_IMPLEMENTED = 502 5 . 1 "Command not implemented";
    /// A line above the limit (RFC 5321 4.5.3.1.10; code by RFC 4954 6).
    LINE_TOO_LONG = 500 5 . 6 "Line too long";
    /// Control characters, or bytes that are no UTF-8.
    BAD_CHARACTERS = 500 5 . 2 "Commands are printable text";
    /// A line that a bare LF ends.
    BARE_LF = 500 5 . 2 "Lines end with CR LF, not with LF alone; closing";
    /// A web client came to the wrong port.
    NOT_HTTP = 500 5 . 2 "This is a mail server (SMTP), not a web server; closing";
    /// Arguments to a command that takes none.
    NO_ARGUMENTS = 501 5 . 4 "This command takes no arguments";
    /// A command without its argument.
    ARGUMENT_MISSING = 501 5 . 4 "This command needs an argument";
    /// EHLO or HELO with an unusable name.
    BAD_HELLO = 501 5 . 4 "Say EHLO and the name of your computer";
    /// A command out of order.
    BAD_SEQUENCE = 503 5 . 1 "Bad sequence of commands";
    /// A command before EHLO.
    HELLO_FIRST = 503 5 . 1 "Say EHLO first";
    /// MAIL inside a transaction.
    NESTED_MAIL = 503 5 . 1 "A message is already being sent; finish it or say RSET";
    /// RCPT or DATA before MAIL.
    MAIL_FIRST = 503 5 . 1 "Say MAIL FROM first";
    /// DATA or BDAT before RCPT.
    RECIPIENT_FIRST = 503 5 . 1 "Say RCPT TO first";
    /// DATA or BDAT when every RCPT was refused (RFC 5321 3.3).
    NO_RECIPIENTS = 554 5 . 1 "No valid recipients";
    /// RFC 3030 2: DATA and BDAT do not mix, and nothing but BDAT follows BDAT.
    IN_CHUNKS = 503 5 . 1 "A message is being sent in chunks; finish it with BDAT or say RSET";
    /// RFC 3030 3: a binary message cannot be sent by DATA.
    BINARY_NEEDS_BDAT = 503 5 . 1 "A BINARYMIME message needs BDAT";
    /// BDAT without a size we can read. Where the next command begins is unknown, so we close.
    BAD_CHUNK_SIZE = 501 5 . 4 "BDAT needs the size of the chunk; closing";

    /// MAIL without `FROM:`.
    MAIL_SYNTAX = 501 5 . 2 "Say MAIL FROM:<address>";
    /// RCPT without `TO:`.
    RCPT_SYNTAX = 501 5 . 2 "Say RCPT TO:<address>";
    /// The sender's address is not written right.
    BAD_SENDER = 501 1 . 7 "The sender's address is not valid";
    /// The recipient's address is not written right.
    BAD_RECIPIENT = 501 1 . 3 "The recipient's address is not valid";
    /// RFC 6531 3.5: an address beyond ASCII without SMTPUTF8.
    NEEDS_SMTPUTF8 = 553 6 . 7 "An address beyond ASCII needs SMTPUTF8 in MAIL";
    /// A parameter that we do not know (RFC 5321 4.1.1.11).
    UNKNOWN_PARAMETER = 555 5 . 4 "Parameter not recognised or not implemented";
    /// A parameter with a value that cannot be.
    BAD_PARAMETER = 501 5 . 4 "Parameter value not valid";
    /// The same parameter twice.
    REPEATED_PARAMETER = 501 5 . 4 "Parameter given twice";
    /// A value of a known parameter that we do not offer.
    PARAMETER_NOT_IMPLEMENTED = 504 5 . 4 "Parameter value not implemented";

    // ---- the session's own refusals: limits ----
    /// SIZE or the data itself are above the limit (RFC 1870 6).
    TOO_BIG = 552 3 . 4 "Message is bigger than this server accepts";
    /// RFC 5321 4.5.3.1.10.
    TOO_MANY_RECIPIENTS = 452 5 . 3
        "Too many recipients; send the message to the others separately";
    /// RFC 9422: MAILMAX.
    TOO_MANY_MESSAGES = 421 7 . 0 "Too many messages on one connection; continue on another";
    /// [`limits::SMTP_ERRORS_MAX`].
    TOO_MANY_ERRORS = 421 7 . 0 "Too many errors; closing";
    /// [`limits::AUTH_FAILURES_MAX`].
    TOO_MANY_LOGINS = 421 7 . 0 "Too many failed logins; closing";
    /// Silence, or a connection that lasts too long.
    TIMEOUT = 421 4 . 2 "Timeout; closing";
    /// The server stops.
    SHUTDOWN = 421 3 . 2 "The server is restarting; try again soon";
    /// RFC 5321 2.3.8 and 4.1.1.4: bare CR or LF is how messages are smuggled.
    BARE_CR_OR_LF = 550 6 . 11 "Message has a CR or LF that is not part of a CR LF pair";

    // ---- the session's own refusals: TLS and login ----
    /// STARTTLS where it is not offered.
    TLS_UNAVAILABLE = 502 5 . 1 "STARTTLS is not available";
    /// STARTTLS under TLS.
    TLS_ACTIVE = 503 5 . 1 "TLS is already active";
    /// RFC 3207 4: a server that requires TLS.
    TLS_FIRST = 530 7 . 0 "Say STARTTLS first";
    /// RFC 4954 6.
    LOGIN_FIRST = 530 7 . 0 "Authentication required";
    /// RFC 4954 6.
    AUTH_NEEDS_TLS = 538 7 . 11 "Encryption required: say STARTTLS before AUTH";
    /// AUTH where it is not offered.
    AUTH_UNAVAILABLE = 502 5 . 1 "AUTH is not available here; to send mail, use port 465 or 587";
    /// RFC 4954 4.
    AUTH_TWICE = 503 5 . 1 "Already authenticated";
    /// RFC 4954 4.
    UNKNOWN_MECHANISM = 504 5 . 4 "Authentication mechanism not offered";
    /// RFC 4954 4.
    AUTH_BAD_BASE64 = 501 5 . 2 "Response is not valid base64";
    /// RFC 4954 4: the client cancelled.
    AUTH_CANCELLED = 501 7 . 0 "Authentication cancelled";
    /// A response that breaks its mechanism's grammar.
    AUTH_SYNTAX = 501 5 . 2 "Response is not valid for this mechanism";
    /// RFC 4954 4: a response above the limit.
    AUTH_TOO_LONG = 500 5 . 6 "Authentication response is too long";
    /// A client that did not wait for the greeting.
    EARLY_TALK = 554 5 . 0 "Wait for the greeting before you speak (RFC 5321 3.1)";

    // ---- the driver's refusals ----
    /// RFC 4954 6: the name or the password is wrong.
    AUTH_FAILED = 535 7 . 8 "User name or password is wrong";
    /// RFC 4954 6: our fault, not the user's.
    AUTH_TEMPORARY = 454 7 . 0 "Authentication is not possible at the moment";
    /// The login is right, but not for this.
    AUTH_NOT_ALLOWED = 535 7 . 8 "This login may not be used here";
    /// Too many failures; nothing was looked up. RFC 4954 6: temporary, so nobody retypes a
    /// password.
    AUTH_THROTTLED = 454 7 . 0 "Too many failed logins; try again later";
    /// RFC 4954 6: this user has to log in by PLAIN once.
    AUTH_TRANSITION = 432 7 . 12 "A password transition is needed";
    /// RFC 4954 6.
    AUTH_TOO_WEAK = 534 7 . 9 "This mechanism is too weak for this account";
    /// Nobody of this name.
    USER_UNKNOWN = 550 1 . 1 "No such mailbox here";
    /// A domain that is not ours, from a stranger.
    RELAY_DENIED = 550 7 . 1 "Mail for this domain is not accepted here";
    /// The recipient's quota.
    MAILBOX_FULL = 452 2 . 2 "Mailbox is full; try again later";
    /// The account is closed or suspended.
    MAILBOX_DISABLED = 550 2 . 1 "Mailbox does not accept messages";
    /// The sender's domain cannot be found.
    SENDER_DOMAIN_UNKNOWN = 550 1 . 8 "The sender's domain does not exist";
    /// A login used an address that was not granted to it.
    SENDER_NOT_GRANTED = 553 7 . 1 "This login may not send as this address";
    /// Recipients per hour or day of an account.
    SENDING_LIMIT = 450 7 . 1 "Sending limit of this account reached; try again later";
    /// A rate limit of a network.
    RATE_LIMIT = 450 7 . 1 "Too much mail from your network; try again later";
    /// Blocked by the operator or by a list.
    BLOCKED = 554 7 . 1 "Mail from your network is not accepted here";
    /// Too many connections.
    TOO_MANY_CONNECTIONS = 421 7 . 0 "Too many connections from your network; try again later";
    /// The disk is below its reserve.
    NO_STORAGE = 452 3 . 1 "No storage left at the moment; try again later";
    /// Something broke on our side.
    LOCAL_ERROR = 451 3 . 0 "Local problem; try again later";
    /// [`limits::SMTP_HOPS_MAX`] Received fields.
    LOOP = 554 4 . 6 "Message has passed too many servers: a loop";
    /// A message that policy refuses.
    REFUSED = 550 7 . 1 "Message refused by policy";
}

impl Reply {
    /// A reply that the table does not have. `code` is a basic code 200 to 599 whose first digit is
    /// the class of the enhanced code; a code outside that range becomes 451.
    pub fn new(code: u16, subject: u16, detail: u16, text: impl Into<Cow<'static, str>>) -> Reply {
        let code = if (200..600).contains(&code) { code } else { 451 };
        Reply { code, enhanced: Some(Enhanced { subject, detail }), text: text.into() }
    }

    /// A reply without enhanced code: greetings and intermediate replies (RFC 2034 4: only 2xx, 4xx
    /// and 5xx have one, and the greeting and EHLO's reply have none).
    pub(crate) fn bare(code: u16, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, enhanced: None, text: text.into() }
    }

    /// The same codes with another text, for instance one that names the reason.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Reply {
        self.text = text.into();
        self
    }

    /// The basic code.
    pub fn code(&self) -> u16 {
        self.code
    }
    /// The enhanced code.
    pub fn enhanced(&self) -> Option<Enhanced> {
        self.enhanced
    }
    /// The text, as it was made (it is cleaned only when it is written).
    pub fn text(&self) -> &str {
        &self.text
    }
    /// 2xx.
    pub fn is_success(&self) -> bool {
        self.code / 100 == 2
    }
    /// 5xx.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// Appends the reply as it goes to the wire, one line for each line of its text.
    pub fn write(&self, out: &mut Vec<u8>) {
        let codes = match self.enhanced {
            Some(e) => format!("{}.{}.{} ", self.code / 100, e.subject, e.detail),
            None => String::new(),
        };
        // "250-", the codes, the text, CR LF.
        let room = limits::SMTP_REPLY_LINE_BYTES_MAX.saturating_sub(4 + codes.len() + 2).max(1);
        let mut lines = self.text.lines().flat_map(|line| pieces(line, room)).peekable();
        if lines.peek().is_none() {
            write_line(out, self.code, true, &codes, "");
        }
        while let Some(line) = lines.next() {
            write_line(out, self.code, lines.peek().is_none(), &codes, line);
        }
    }
}

/// Cuts a line into pieces of at most `room` bytes, between characters.
fn pieces(line: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let line = rest?;
        if line.len() <= room {
            rest = None;
            return Some(line);
        }
        let at = (1..=room).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(line.len());
        let (piece, more) = line.split_at_checked(at)?;
        rest = Some(more);
        Some(piece)
    })
}

pub(crate) fn write_line(out: &mut Vec<u8>, code: u16, last: bool, codes: &str, text: &str) {
    use std::io::Write;
    let separator = if last { ' ' } else { '-' };
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{code}{separator}{codes}");
    out.extend(text.chars().map(|c| match u8::try_from(c) {
        Ok(byte) if (0x20..0x7f).contains(&byte) => byte,
        _ => b'?',
    }));
    out.extend_from_slice(b"\r\n");
}

/// For logs and stories: one line, as the peer sees it but without the line's end.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(e) = self.enhanced {
            write!(f, " {}.{}.{}", self.code / 100, e.subject, e.detail)?;
        }
        write!(f, " {}", posthorn_base::shown::Shown::text(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_reply_fits_one_line_of_printable_ascii() {
        for (name, reply) in Reply::TABLE {
            let wire = wire(reply);
            assert!(wire.len() <= limits::SMTP_REPLY_LINE_BYTES_MAX, "{name}");
            assert!(wire.starts_with(&format!("{} ", reply.code)), "{name} is one line");
            assert!(wire.trim_end().bytes().all(|b| (0x20..0x7f).contains(&b)), "{name}");
            assert!(matches!(reply.code / 100, 2 | 4 | 5), "{name}");
        }
    }

    #[test]
    fn hostile_text_cannot_forge_a_line() {
        let reply = Reply::new(550, 7, 1, "no\r\n250 yes\u{7}\u{202e}\rx");
        assert_eq!(wire(&reply), "550-5.7.1 no\r\n550 5.7.1 250 yes??".to_owned() + "?x\r\n");
        assert_eq!(wire(&Reply::new(550, 7, 1, "")), "550 5.7.1 \r\n");
        assert_eq!(wire(&Reply::new(99, 7, 1, "x")), "451 4.7.1 x\r\n");
    }

    #[test]
    fn long_text_is_cut_into_lines() {
        let wire = wire(&Reply::new(550, 7, 1, "é".repeat(600)));
        let lines: Vec<&str> = wire.split_inclusive("\r\n").collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|l| l.len() <= 512));
        assert!(lines[0].starts_with("550-5.7.1 ?") && lines[2].starts_with("550 5.7.1 ?"));
        assert_eq!(wire.matches('?').count(), 600);
    }
}
