//! `MAIL FROM:<path> [parameters]` (RFC 5321 4.1.1.2).

use crate::smtp::envelope::{Body, Mail, Return};
use crate::smtp::event::{CloseReason, Event};
use crate::smtp::parameter::{self, Parameter, ParameterError, is_xtext, once};
use crate::smtp::path::{PathError, ReversePath, is_international};
use crate::smtp::reply::Reply;
use crate::smtp::session::{Session, State};
use posthorn_base::limits;

/// Why a MAIL command cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MailError {
    #[error("no FROM:")]
    Syntax,
    #[error(transparent)]
    Path(#[from] PathError),
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error("an address beyond ASCII without SMTPUTF8")]
    NeedsSmtputf8,
}

impl MailError {
    fn reply(self) -> Reply {
        match self {
            MailError::Syntax => Reply::MAIL_SYNTAX,
            MailError::Path(PathError::NoBracket) => {
                Reply::BAD_SENDER.with_text("Put the sender's address in angle brackets")
            }
            MailError::Path(_) => Reply::BAD_SENDER,
            MailError::Parameter(error) => error.reply(),
            MailError::NeedsSmtputf8 => Reply::NEEDS_SMTPUTF8,
        }
    }
}

/// Strips `FROM:` or `TO:`. RFC 5321 3.3 allows no space behind the colon; programs and people
/// write one all the time, it can mean nothing else, and refusing it would only lose mail.
pub(super) fn strip_keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (word, rest) = text.split_at_checked(keyword.len())?;
    word.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

/// Reads MAIL's argument.
pub(super) fn parse(text: &str) -> Result<Mail, MailError> {
    let text = strip_keyword(text, "FROM:").ok_or(MailError::Syntax)?;
    let (from, rest) = ReversePath::parse(text)?;
    let (mut size, mut body, mut smtputf8, mut auth) = (None, None, None, None);
    let (mut ret, mut envid, mut require_tls) = (None, None, None);
    for parameter in parameter::parse(rest) {
        let p = parameter?;
        match () {
            () if p.is("SIZE") => once(&mut size, parameter::number(p.value()?)?)?,
            () if p.is("BODY") => once(&mut body, body_value(&p)?)?,
            () if p.is("SMTPUTF8") => once(&mut smtputf8, p.no_value()?)?,
            () if p.is("AUTH") => once(&mut auth, auth_value(&p)?)?,
            () if p.is("RET") => once(&mut ret, ret_value(&p)?)?,
            () if p.is("ENVID") => once(&mut envid, envid_value(&p)?)?,
            () if p.is("REQUIRETLS") => once(&mut require_tls, p.no_value()?)?,
            () => return Err(ParameterError::Unknown.into()),
        }
    }
    // RFC 6531 3.4: an address beyond ASCII may be given only together with SMTPUTF8.
    if smtputf8.is_none() && is_international(from.address()) {
        return Err(MailError::NeedsSmtputf8);
    }
    Ok(Mail {
        from,
        // RFC 1870 6.1 lets a client that does not know say 0.
        size: size.filter(|size| *size > 0),
        body: body.unwrap_or_default(),
        smtputf8: smtputf8.is_some(),
        ret,
        envid,
        require_tls: require_tls.is_some(),
    })
}

fn body_value(p: &Parameter<'_>) -> Result<Body, ParameterError> {
    let value = p.value()?;
    match () {
        () if value.eq_ignore_ascii_case("7BIT") => Ok(Body::SevenBit),
        () if value.eq_ignore_ascii_case("8BITMIME") => Ok(Body::EightBitMime),
        () if value.eq_ignore_ascii_case("BINARYMIME") => Ok(Body::BinaryMime),
        () => Err(ParameterError::Value),
    }
}

/// RFC 4954 5: xtext or `<>`. We check it and go no further: no server that hands us mail is
/// trusted to say who a sender is, and a submission server knows it from the login.
fn auth_value(p: &Parameter<'_>) -> Result<(), ParameterError> {
    let value = p.value()?;
    let good = value.len() <= limits::DSN_ORCPT_BYTES_MAX && is_xtext(value);
    if good { Ok(()) } else { Err(ParameterError::Value) }
}

fn ret_value(p: &Parameter<'_>) -> Result<Return, ParameterError> {
    let value = p.value()?;
    match () {
        () if value.eq_ignore_ascii_case("FULL") => Ok(Return::Full),
        () if value.eq_ignore_ascii_case("HDRS") => Ok(Return::Headers),
        () => Err(ParameterError::Value),
    }
}

fn envid_value(p: &Parameter<'_>) -> Result<Box<str>, ParameterError> {
    let value = p.value()?;
    let good = value.len() <= limits::DSN_ENVID_BYTES_MAX && is_xtext(value);
    if good { Ok(value.into()) } else { Err(ParameterError::Value) }
}

impl Session {
    /// Begins a message.
    pub(super) fn mail(&mut self, args: &str, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let client = match std::mem::take(&mut self.state) {
            State::Ready(client) => client,
            state => return self.out_of_order(state, &Reply::NESTED_MAIL, out),
        };
        let has_login = client.login.is_some();
        self.state = State::Ready(client);
        if self.config.service.is_submission() && !has_login {
            return self.refuse_command(&self.login_first(), out);
        }
        // RFC 9422: what MAILMAX announced.
        if self.messages >= self.config.messages_max {
            Reply::TOO_MANY_MESSAGES.write(out);
            self.state = State::Closed(CloseReason::Messages);
            return None;
        }
        let mail = match parse(args) {
            Ok(mail) => mail,
            Err(error) => return self.refuse_command(&error.reply(), out),
        };
        if let Some(reply) = self.unwelcome(&mail) {
            return self.refuse_command(&reply, out);
        }
        if let State::Ready(client) = std::mem::take(&mut self.state) {
            self.state = State::SenderAsked(client, Box::new(mail.clone()));
        }
        Some(Event::CheckSender(mail))
    }

    /// What this connection does not take, of what MAIL can ask.
    fn unwelcome(&self, mail: &Mail) -> Option<Reply> {
        if mail.size.is_some_and(|size| size > self.config.message_bytes_max) {
            return Some(Reply::TOO_BIG);
        }
        if mail.body == Body::BinaryMime && !self.config.binarymime {
            return Some(ParameterError::NotImplemented.reply());
        }
        if mail.require_tls && !self.takes_require_tls() {
            return Some(ParameterError::Unknown.reply());
        }
        None
    }

    /// What a client without login is told: the next step it has to take.
    pub(super) fn login_first(&self) -> Reply {
        match self.offer().confidential {
            true => Reply::LOGIN_FIRST,
            false => Reply::TLS_FIRST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, want: MailError) {
        assert_eq!(parse(text), Err(want), "{text}");
    }

    #[test]
    fn senders() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            assert_eq!(parse(text).map(|m| m.from.to_string()), Ok(want.to_owned()), "{text}");
        }
        check("FROM:<a@b.example>", "<a@b.example>");
        check("from: <a@b.example>", "<a@b.example>");
        check("From:<>", "<>");
        check("FROM:<é@b.example> SMTPUTF8", "<é@b.example>");
        refused("", MailError::Syntax);
        refused("FROM<a@b.example>", MailError::Syntax);
        refused("FROM :<a@b.example>", MailError::Syntax);
        refused("FROM:", PathError::NoBracket.into());
        refused("FROM:a@b.example", PathError::NoBracket.into());
        refused("FROM:<é@b.example>", MailError::NeedsSmtputf8);
        refused("FROM:<a@é.example>", MailError::NeedsSmtputf8);
    }

    #[test]
    fn parameters() {
        let mail = parse(
            "FROM:<a@b.example> SIZE=10 BODY=8bitmime SMTPUTF8 AUTH=<> RET=HDRS ENVID=a+2B \
             REQUIRETLS",
        );
        let mail = mail.unwrap();
        assert_eq!(mail.size, Some(10));
        assert_eq!((mail.body, mail.ret), (Body::EightBitMime, Some(Return::Headers)));
        assert!(mail.smtputf8 && mail.require_tls);
        assert_eq!(mail.envid.as_deref(), Some("a+2B"));
        assert_eq!(parse("FROM:<> SIZE=0").unwrap().size, None);
        assert_eq!(parse("FROM:<> SIZE=18446744073709551615").unwrap().size, Some(u64::MAX));

        for value in ["SIZE", "SIZE=", "SIZE=-1", "SIZE=18446744073709551616", "BODY=9BIT", "BODY"]
        {
            let error = parse(&format!("FROM:<> {value}")).unwrap_err();
            assert_eq!(error.reply(), Reply::BAD_PARAMETER, "{value}");
        }
        for value in ["SMTPUTF8=1", "AUTH=a=b", "AUTH", "RET=NONE", "ENVID=+2", "REQUIRETLS=NO"] {
            refused(&format!("FROM:<> {value}"), ParameterError::Value.into());
        }
        for value in ["FOO=1", "FOO", "NOTIFY=NEVER", "HOLDFOR=9"] {
            refused(&format!("FROM:<> {value}"), ParameterError::Unknown.into());
        }
        for value in ["SIZE=1", "BODY=7BIT", "SMTPUTF8", "AUTH=<>", "RET=FULL", "ENVID=x"] {
            let twice = format!("FROM:<> {value} {value}");
            refused(&twice, ParameterError::Repeated.into());
        }
    }

    #[test]
    fn values_at_their_limits() {
        let envid = |n| parse(&format!("FROM:<> ENVID={}", "e".repeat(n))).map(|_| ());
        assert_eq!(envid(limits::DSN_ENVID_BYTES_MAX), Ok(()));
        assert_eq!(envid(limits::DSN_ENVID_BYTES_MAX + 1), Err(ParameterError::Value.into()));
        let auth = |n| parse(&format!("FROM:<> AUTH={}", "e".repeat(n))).map(|_| ());
        assert_eq!(auth(limits::DSN_ORCPT_BYTES_MAX), Ok(()));
        assert_eq!(auth(limits::DSN_ORCPT_BYTES_MAX + 1), Err(ParameterError::Value.into()));
    }
}
