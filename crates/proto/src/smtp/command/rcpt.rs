//! `RCPT TO:<path> [parameters]` (RFC 5321 4.1.1.3).

use super::mail::strip_keyword;
use crate::smtp::envelope::{Notify, Recipient};
use crate::smtp::event::Event;
use crate::smtp::parameter::{self, ParameterError, is_xtext, once};
use crate::smtp::path::{ForwardPath, PathError, is_international};
use crate::smtp::reply::Reply;
use crate::smtp::session::{Session, State};
use posthorn_base::{address::is_atext, limits};

/// Why a RCPT command cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RcptError {
    #[error("no TO:")]
    Syntax,
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error("an address beyond ASCII without SMTPUTF8")]
    NeedsSmtputf8,
}

impl RcptError {
    fn reply(self) -> Reply {
        match self {
            RcptError::Syntax => Reply::RCPT_SYNTAX,
            RcptError::Path(PathError::NoBracket) => {
                Reply::BAD_RECIPIENT.with_text("Put the recipient's address in angle brackets")
            }
            RcptError::Path(_) => Reply::BAD_RECIPIENT,
            RcptError::Parameter(error) => error.reply(),
            RcptError::NeedsSmtputf8 => Reply::NEEDS_SMTPUTF8,
        }
    }
}

/// Reads RCPT's argument. `smtputf8` is what MAIL said.
pub(super) fn parse(text: &str, smtputf8: bool) -> Result<Recipient, RcptError> {
    let text = strip_keyword(text, "TO:").ok_or(RcptError::Syntax)?;
    let (to, rest) = ForwardPath::parse(text)?;
    let (mut notify, mut orcpt) = (None, None);
    for parameter in parameter::parse(rest) {
        let p = parameter?;
        match () {
            () if p.is("NOTIFY") => once(&mut notify, notify_value(p.value()?)?)?,
            () if p.is("ORCPT") => once(&mut orcpt, orcpt_value(p.value()?, smtputf8)?)?,
            () => return Err(ParameterError::Unknown.into()),
        }
    }
    if !smtputf8 && is_international(to.address()) {
        return Err(RcptError::NeedsSmtputf8);
    }
    Ok(Recipient { to, notify, orcpt })
}

/// RFC 3461 4.1: NEVER alone, or a list of the others.
fn notify_value(value: &str) -> Result<Notify, ParameterError> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (None, None, None);
    for word in value.split(',') {
        let slot = match () {
            () if word.eq_ignore_ascii_case("SUCCESS") => &mut success,
            () if word.eq_ignore_ascii_case("FAILURE") => &mut failure,
            () if word.eq_ignore_ascii_case("DELAY") => &mut delay,
            () => return Err(ParameterError::Value),
        };
        once(slot, ()).map_err(|_| ParameterError::Value)?;
    }
    Ok(Notify::When {
        success: success.is_some(),
        failure: failure.is_some(),
        delay: delay.is_some(),
    })
}

/// RFC 3461 4.2: `addr-type;xtext`. RFC 6533 3: with SMTPUTF8 the address may be UTF-8 itself.
fn orcpt_value(value: &str, smtputf8: bool) -> Result<Box<str>, ParameterError> {
    let (kind, address) = value.split_once(';').ok_or(ParameterError::Value)?;
    let kind_is_good = !kind.is_empty() && kind.chars().all(|c| c.is_ascii() && is_atext(c));
    // UTF-8 is checked by its ASCII part; control characters were refused with the line.
    let ascii: String = address.chars().filter(|c| !smtputf8 || c.is_ascii()).collect();
    let fits = value.len() <= limits::DSN_ORCPT_BYTES_MAX;
    match kind_is_good && fits && !address.is_empty() && is_xtext(&ascii) {
        true => Ok(value.into()),
        false => Err(ParameterError::Value),
    }
}

impl Session {
    /// Adds a recipient.
    pub(super) fn rcpt(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let (client, mut transaction) = match std::mem::take(&mut self.state) {
            State::Mail(client, transaction) => (client, transaction),
            state => return self.out_of_order(state, &Reply::MAIL_FIRST, out),
        };
        let envelope = &transaction.envelope;
        let refusal = match parse(args, envelope.mail.smtputf8) {
            Err(error) => error.reply(),
            // RFC 5321 4.5.3.1.10: 452, so that the client sends the rest in another message.
            Ok(_) if envelope.recipients.len() >= self.config.recipients_max => {
                Reply::TOO_MANY_RECIPIENTS
            }
            Ok(recipient)
                if transaction.weight + recipient.weight() > limits::SMTP_ENVELOPE_BYTES_MAX =>
            {
                Reply::TOO_MANY_RECIPIENTS
            }
            Ok(recipient) => {
                self.state = State::RecipientAsked(client, transaction, recipient.clone());
                return Some(Event::CheckRecipient(recipient));
            }
        };
        transaction.some_refused = true;
        self.state = State::Mail(client, transaction);
        self.refuse_command(&refusal, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, want: RcptError) {
        assert_eq!(parse(text, false), Err(want), "{text}");
    }

    #[test]
    fn recipients() {
        assert_eq!(parse("TO:<Postmaster>", false).unwrap().to, ForwardPath::Postmaster);
        assert_eq!(parse("to: <a@b.example>", false).unwrap().to.to_string(), "<a@b.example>");
        assert!(parse("TO:<é@b.example>", true).is_ok());
        refused("<a@b.example>", RcptError::Syntax);
        refused("TO:a@b.example", PathError::NoBracket.into());
        refused("TO:<é@b.example>", RcptError::NeedsSmtputf8);
        assert_eq!(parse("TO:<>", false).unwrap_err().reply(), Reply::BAD_RECIPIENT);
        refused("TO:<a@b.example> SIZE=1", ParameterError::Unknown.into());
    }

    #[test]
    fn notify() {
        #[track_caller]
        fn check(value: &str, want: Result<Notify, ParameterError>) {
            let got = parse(&format!("TO:<a@b.example> NOTIFY={value}"), false);
            let got = got.map(|r| r.notify.unwrap());
            assert_eq!(got, want.map_err(Into::into), "{value}");
        }
        let when = |success, failure, delay| Ok(Notify::When { success, failure, delay });
        check("never", Ok(Notify::Never));
        check("SUCCESS", when(true, false, false));
        check("FAILURE,delay", when(false, true, true));
        check("DELAY,FAILURE,SUCCESS", when(true, true, true));
        for bad in ["NEVER,SUCCESS", "SUCCESS,NEVER", "SUCCESS,SUCCESS", "SUCCESS,", ",", "FOO"] {
            check(bad, Err(ParameterError::Value));
        }
        refused("TO:<a@b.example> NOTIFY", ParameterError::Value.into());
        refused("TO:<a@b.example> NOTIFY=NEVER NOTIFY=NEVER", ParameterError::Repeated.into());
    }

    #[test]
    fn orcpt() {
        let parse = |value: &str, utf8| {
            let text = format!("TO:<a@b.example> ORCPT={value}");
            parse(&text, utf8).map(|r| r.orcpt.unwrap().to_string())
        };
        assert_eq!(parse("rfc822;A+2Bb@c.example", false).as_deref(), Ok("rfc822;A+2Bb@c.example"));
        assert_eq!(parse("utf-8;é@c", true).as_deref(), Ok("utf-8;é@c"));
        for bad in ["a@b", ";a@b", "rfc822;", "rfc822;a+b", "rfc(822;a@b", "utf-8;é@c"] {
            assert_eq!(parse(bad, false), Err(ParameterError::Value.into()), "{bad}");
        }
        let long = |n: usize| format!("rfc822;{}", "a".repeat(n - "rfc822;".len()));
        assert!(parse(&long(limits::DSN_ORCPT_BYTES_MAX), false).is_ok());
        assert!(parse(&long(limits::DSN_ORCPT_BYTES_MAX + 1), false).is_err());
    }
}
