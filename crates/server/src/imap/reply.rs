//! What a client is told when the store does not do what it asked: one table. The cause goes to the
//! log, where it may name files and statements; the client gets a code (RFC 5530) and plain words.

use super::context::Fault;
use crate::conn::CloseReason;
use posthorn_proto::imap::{Code, Completion};
use posthorn_store::{EngineError, StoreError};

/// How a command ends, whatever became of it.
///
/// # Errors
/// When the connection does.
pub(super) fn of(done: Result<Completion, Fault>) -> Result<Completion, CloseReason> {
    match done {
        Ok(completion) => Ok(completion),
        Err(Fault::Close(reason)) => Err(reason),
        Err(fault) => Ok(refusal(fault)),
    }
}

/// The completion of a command that is not carried out.
pub(super) fn refusal(fault: Fault) -> Completion {
    match fault {
        Fault::Refused(completion) => completion,
        Fault::Store(error) => failed(&error),
        Fault::Close(_) => Completion::no("The connection ends").with(Code::Unavailable),
    }
}

/// The completion for a failure of the store's.
pub(crate) fn failed(error: &StoreError) -> Completion {
    match error {
        StoreError::Missing { what: "mailbox", .. } => {
            Completion::no("There is no such mailbox").with(Code::NonExistent)
        }
        StoreError::Missing { what, name } => {
            tracing::info!(what, name, "what a command needs is gone");
            Completion::no("What the command needs is gone").with(Code::NonExistent)
        }
        StoreError::Exists { .. } => Completion::no("It exists already").with(Code::AlreadyExists),
        StoreError::Refused(why) => Completion::no(printable(why)).with(Code::Cannot),
        StoreError::OverQuota => Completion::no("The account is full").with(Code::OverQuota),
        StoreError::Limit { what, limit } => {
            Completion::no(printable(&format!("Too many: {what} are limited to {limit}")))
                .with(Code::Limit)
        }
        StoreError::Engine(error) => engine(error),
    }
}

fn engine(error: &EngineError) -> Completion {
    match error {
        // RFC 5530 has no code for it; it is no quota of the user's.
        EngineError::Full => {
            tracing::error!("the disk is full: a command was refused");
            Completion::no("The server has no room, try again later").with(Code::Unavailable)
        }
        error if error.is_temporary() => {
            tracing::warn!(%error, "a command failed");
            Completion::no("The server cannot do this now, try again later").with(Code::Unavailable)
        }
        error => {
            tracing::error!(%error, "a command failed");
            Completion::no("Something is wrong on the server; its log says what")
                .with(Code::ServerBug)
        }
    }
}

/// Text of a response: printable US-ASCII. What else names of mailboxes hold is shown as `?`.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_code_and_words_without_secrets() {
        #[track_caller]
        fn check(error: impl Into<StoreError>, want: Code) {
            let completion = failed(&error.into());
            assert_eq!(completion.code, Some(want));
            assert!(completion.text.is_ascii() && !completion.text.contains("/var"));
        }
        check(StoreError::missing("mailbox", 7), Code::NonExistent);
        check(StoreError::missing("UID", 7), Code::NonExistent);
        check(StoreError::exists("mailbox", "b\u{e4}r"), Code::AlreadyExists);
        check(StoreError::Refused("b\u{e4}r\r\n".into()), Code::Cannot);
        check(StoreError::OverQuota, Code::OverQuota);
        check(StoreError::Limit { what: "keywords of an account", limit: 3 }, Code::Limit);
        check(EngineError::Full, Code::Unavailable);
        check(EngineError::Retry, Code::Unavailable);
        check(EngineError::Io("/var/x".into()), Code::Unavailable);
        check(EngineError::Corrupt("/var/x".into()), Code::ServerBug);
    }
}
