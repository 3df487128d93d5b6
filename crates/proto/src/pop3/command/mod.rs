//! The commands, one file each, and which of them a state takes.

mod apop;
mod auth;
mod capa;
mod dele;
mod lang;
mod list;
mod noop;
mod pass;
mod quit;
mod retr;
mod rset;
mod stat;
mod stls;
mod top;
mod uidl;
mod user;
mod utf8;

use super::config::Config;
use super::event::Event;
use super::maildrop::{Deletions, Maildrop};
use super::outgoing::Outgoing;
use super::response::{self, Refusal};
use crate::sasl::{Exchange, Failure, Offer, Progress, Question};
pub(super) use list::Listing;

/// A command's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Apop,
    Auth,
    Capa,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
}

const KEYWORDS: [(&[u8], Keyword); 17] = [
    (b"APOP", Keyword::Apop),
    (b"AUTH", Keyword::Auth),
    (b"CAPA", Keyword::Capa),
    (b"DELE", Keyword::Dele),
    (b"LANG", Keyword::Lang),
    (b"LIST", Keyword::List),
    (b"NOOP", Keyword::Noop),
    (b"PASS", Keyword::Pass),
    (b"QUIT", Keyword::Quit),
    (b"RETR", Keyword::Retr),
    (b"RSET", Keyword::Rset),
    (b"STAT", Keyword::Stat),
    (b"STLS", Keyword::Stls),
    (b"TOP", Keyword::Top),
    (b"UIDL", Keyword::Uidl),
    (b"USER", Keyword::User),
    (b"UTF8", Keyword::Utf8),
];

/// What follows the keyword and one space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Args<'a>(&'a [u8]);

/// Why a command is answered with -ERR.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Unknown, badly written or out of place: counted, for it is no mail program that does so
    /// often.
    Mistake(&'static str),
    /// A refusal that any client may meet.
    Answer(Refusal),
    /// RFC 1939 5: the number is none of a message.
    NoSuchMessage {
        /// How many there are.
        messages: usize,
    },
    /// RFC 1939 5: a message that is marked as deleted cannot be named any more.
    Deleted {
        /// Its number, from 1.
        number: u64,
    },
}

impl Refused {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Refused::Mistake(text) => response::line(out, format_args!("-ERR {text}")),
            Refused::Answer(refusal) => refusal.write(out),
            Refused::NoSuchMessage { messages } => {
                let messages = response::messages(*messages);
                response::line(
                    out,
                    format_args!("-ERR no such message, only {messages} in maildrop"),
                );
            }
            Refused::Deleted { number } => {
                response::line(out, format_args!("-ERR message {number} is deleted"));
            }
        }
    }
}

/// What a command before the login can see and change.
pub(super) struct Authorization<'a> {
    pub(super) config: &'a Config,
    pub(super) offer: &'a Offer,
    pub(super) is_tls: bool,
    /// From USER.
    pub(super) name: &'a mut Option<Box<str>>,
    pub(super) is_utf8: &'a mut bool,
}

/// How the session goes on after a command before the login.
#[derive(Debug)]
pub(super) enum AuthorizationStep {
    /// With the next command.
    Replied,
    Password(Question),
    /// The name or password cannot be right.
    Failed(Failure),
    Sasl(Box<Exchange>, Progress),
    StartTls,
    Quit,
}

/// A maildrop in use.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) maildrop: Maildrop,
    pub(super) deletions: Deletions,
}

/// How the session goes on after a command in the TRANSACTION state.
#[derive(Debug)]
pub(super) enum TransactionStep {
    /// With the next command.
    Replied,
    List(Listing),
    Retrieve(Outgoing, Event),
    Quit,
}

impl Transaction {
    /// Messages that are not marked.
    pub(super) fn messages(&self) -> usize {
        self.maildrop.len().saturating_sub(self.deletions.messages)
    }
    /// Their octets.
    pub(super) fn octets(&self) -> u64 {
        self.maildrop.total().saturating_sub(self.deletions.octets)
    }

    /// The index and octets of the message with this number.
    fn message(&self, number: u64) -> Result<(usize, u32), Refused> {
        let missing = Refused::NoSuchMessage { messages: self.maildrop.len() };
        let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        let Some((index, octets)) = index.and_then(|i| Some((i, self.maildrop.octets(i)?))) else {
            return Err(missing);
        };
        if self.deletions.contains(index) {
            return Err(Refused::Deleted { number });
        }
        Ok((index, octets))
    }
}

impl<'a> Args<'a> {
    fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// For a command without arguments.
    fn none(self) -> Result<(), Refused> {
        match self.words().next() {
            None => Ok(()),
            Some(_) => Err(Refused::Mistake("this command takes no arguments")),
        }
    }

    /// RFC 1939 3 separates by a single space; more do no harm.
    fn words(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(|b| *b == b' ').filter(|word| !word.is_empty())
    }

    /// For a command with exactly these numbers.
    fn numbers<const N: usize>(self, usage: &'static str) -> Result<[u64; N], Refused> {
        let mut words = self.words();
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = words.next().and_then(number_of).ok_or(Refused::Mistake(usage))?;
        }
        match words.next() {
            None => Ok(numbers),
            Some(_) => Err(Refused::Mistake(usage)),
        }
    }
}

/// A decimal number; one that is too large for us counts as the largest, which no message has.
fn number_of(word: &[u8]) -> Option<u64> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(std::str::from_utf8(word).ok()?.parse().unwrap_or(u64::MAX))
}

/// Takes a line apart.
pub(super) fn parse(line: &[u8]) -> Result<(Keyword, Args<'_>), Refused> {
    // RFC 2449 3 has printable characters only; RFC 6856 2.2 adds UTF-8, which USER and PASS check.
    if line.iter().any(u8::is_ascii_control) {
        return Err(Refused::Mistake("control characters are not allowed"));
    }
    let mut parts = line.splitn(2, |b| *b == b' ');
    let word = parts.next().unwrap_or_default();
    let known = KEYWORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let (_, keyword) = known.ok_or(Refused::Mistake("unknown command"))?;
    Ok((*keyword, Args(parts.next().unwrap_or_default())))
}

/// Runs a command before the login.
pub(super) fn in_authorization(
    keyword: Keyword,
    args: Args<'_>,
    state: &mut Authorization<'_>,
    out: &mut Vec<u8>,
) -> Result<AuthorizationStep, Refused> {
    match keyword {
        Keyword::User => user::user(args, state, out),
        Keyword::Pass => pass::pass(args, state),
        Keyword::Auth => auth::auth(args, state, out),
        Keyword::Apop => apop::apop(),
        Keyword::Stls => stls::stls(args, state, out),
        Keyword::Utf8 => utf8::utf8(args, state, out),
        Keyword::Quit => quit::before_login(args, out),
        Keyword::Capa => {
            capa::capa(args, &capa::Stage::Authorization(state), out)?;
            Ok(AuthorizationStep::Replied)
        }
        Keyword::Lang => {
            lang::lang(args, out)?;
            Ok(AuthorizationStep::Replied)
        }
        Keyword::Dele
        | Keyword::List
        | Keyword::Noop
        | Keyword::Retr
        | Keyword::Rset
        | Keyword::Stat
        | Keyword::Top
        | Keyword::Uidl => Err(Refused::Mistake("log in first")),
    }
}

/// Runs a command with the maildrop open.
pub(super) fn in_transaction(
    keyword: Keyword,
    args: Args<'_>,
    state: &mut Transaction,
    offer: &Offer,
    out: &mut Vec<u8>,
) -> Result<TransactionStep, Refused> {
    match keyword {
        Keyword::Stat => stat::stat(args, state, out),
        Keyword::List => list::list(args, state, out),
        Keyword::Uidl => uidl::uidl(args, state, out),
        Keyword::Retr => retr::retr(args, state),
        Keyword::Top => top::top(args, state),
        Keyword::Dele => dele::dele(args, state, out),
        Keyword::Rset => rset::rset(args, state, out),
        Keyword::Noop => noop::noop(args, out),
        Keyword::Quit => quit::after_login(args),
        Keyword::Capa => {
            capa::capa(args, &capa::Stage::Transaction(offer), out)?;
            Ok(TransactionStep::Replied)
        }
        Keyword::Lang => {
            lang::lang(args, out)?;
            Ok(TransactionStep::Replied)
        }
        Keyword::Apop
        | Keyword::Auth
        | Keyword::Pass
        | Keyword::Stls
        | Keyword::User
        | Keyword::Utf8 => Err(Refused::Mistake("this command comes before the login")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        #[track_caller]
        fn check(line: &str, want: Result<(Keyword, &str), &'static str>) {
            let want = want.map(|(keyword, args)| (keyword, Args(args.as_bytes())));
            assert_eq!(parse(line.as_bytes()), want.map_err(Refused::Mistake), "{line}");
        }
        check("STAT", Ok((Keyword::Stat, "")));
        check("stat ", Ok((Keyword::Stat, "")));
        check("Top 1  2", Ok((Keyword::Top, "1  2")));
        check("PASS  two spaces ", Ok((Keyword::Pass, " two spaces ")));
        check("", Err("unknown command"));
        check(" STAT", Err("unknown command"));
        check("STATS", Err("unknown command"));
        check("STAT\t1", Err("control characters are not allowed"));
        check("USER a\rb", Err("control characters are not allowed"));
        check("USER a\0", Err("control characters are not allowed"));
    }

    #[test]
    fn numbers() {
        #[track_caller]
        fn check(args: &str, want: Option<[u64; 2]>) {
            assert_eq!(Args(args.as_bytes()).numbers("usage").ok(), want, "{args}");
        }
        check("1 2", Some([1, 2]));
        check(" 1  02 ", Some([1, 2]));
        check("99999999999999999999 0", Some([u64::MAX, 0]));
        check("1", None);
        check("1 2 3", None);
        check("1 -2", None);
        check("1 +2", None);
        check("1 x", None);
    }
}
