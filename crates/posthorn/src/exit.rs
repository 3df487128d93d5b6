//! How a command ends: its exit code, and what it says when it fails.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// Exit codes, after BSD's `sysexits.h`: scripts and service managers can tell by them whether to
/// try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command was called wrongly.
    Usage = 64,
    /// What it was given to read is malformed.
    DataError = 65,
    /// What it was given to read is not there.
    NoInput = 66,
    /// No such account, address or domain.
    NoUser = 67,
    /// Something that it needs is not available: no server runs, the store is in use.
    Unavailable = 69,
    /// A fault of Posthorn's own.
    Software = 70,
    /// The system refuses something basic.
    System = 71,
    /// It cannot write what it was asked to write.
    CannotCreate = 73,
    /// Reading or writing failed.
    InputOutput = 74,
    /// It may work later.
    TemporaryFailure = 75,
    /// The other side does not speak as it should.
    Protocol = 76,
    /// Not allowed.
    NoPermission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }
    /// What it means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Usage => "The command was called wrongly.",
            Exit::DataError => "What it was given is malformed, or against a rule.",
            Exit::NoInput => "A file, a directory or the store is not there.",
            Exit::NoUser => "No such account, address, domain, mailbox or message.",
            Exit::Unavailable => {
                "Something that it needs is not available: no server runs, the store is in use."
            }
            Exit::Software => "A fault of Posthorn's own.",
            Exit::System => "The system refuses something basic.",
            Exit::CannotCreate => "It exists already, or cannot be written.",
            Exit::InputOutput => "Reading or writing failed.",
            Exit::TemporaryFailure => "It may work later.",
            Exit::Protocol => "The other side does not speak as it should.",
            Exit::NoPermission => "Not allowed.",
            Exit::Config => "The configuration is wrong.",
        }
    }
    /// The exit code with this number, if it is one of ours.
    pub fn from_code(code: u8) -> Option<Exit> {
        Exit::ALL.into_iter().find(|exit| exit.code() == code)
    }
    /// All of them.
    pub const ALL: [Exit; 13] = [
        Exit::Usage,
        Exit::DataError,
        Exit::NoInput,
        Exit::NoUser,
        Exit::Unavailable,
        Exit::Software,
        Exit::System,
        Exit::CannotCreate,
        Exit::InputOutput,
        Exit::TemporaryFailure,
        Exit::Protocol,
        Exit::NoPermission,
        Exit::Config,
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// An error that knows what the shell, and the person in front of it, should be told.
pub trait Explain: Error {
    /// The exit code.
    fn exit(&self) -> Exit;
    /// What can be done about it.
    fn hint(&self) -> Option<String> {
        None
    }
    /// Causes that came as text from another process, where `source` cannot lead.
    fn told_causes(&self) -> &[String] {
        &[]
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure(Box<dyn Explain + Send + Sync>);

impl<E: Explain + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(Box::new(error))
    }
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.0.exit()
    }

    /// The error, where it is one of this type.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        let error: &(dyn Error + 'static) = &*self.0;
        error.downcast_ref()
    }

    /// As one JSON object: `{"error":"...","causes":["..."],"hint":"...","exit":78}`; without
    /// `hint` where nobody knows one.
    pub fn json(&self) -> serde_json::Value {
        error_json(&self.0.to_string(), &self.causes(), self.0.hint(), self.exit())
    }

    /// What lies behind the error, the nearest first. A cause whose words the error has already
    /// said is left out.
    fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut said = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            let text = error.to_string();
            if !said.contains(&text) {
                causes.push(text.clone());
                said = text;
            }
            source = error.source();
        }
        causes.extend_from_slice(self.0.told_causes());
        causes
    }
}

/// A failure as programs read it.
pub(crate) fn error_json(
    error: &str,
    causes: &[String],
    hint: Option<String>,
    exit: Exit,
) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    object.insert("error".to_owned(), error.into());
    object.insert("causes".to_owned(), causes.into());
    if let Some(hint) = hint {
        object.insert("hint".to_owned(), hint.into());
    }
    object.insert("exit".to_owned(), exit.code().into());
    object.into()
}

/// The error, what lies behind it, and what to do, a line each.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "posthorn: {}", self.0.to_string().trim_end())?;
        for cause in self.causes() {
            writeln!(f, "  because: {cause}")?;
        }
        if let Some(hint) = self.0.hint() {
            writeln!(f, "  try: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the store")]
    struct Outer(#[source] std::io::Error);
    impl Explain for Outer {
        fn exit(&self) -> Exit {
            Exit::Unavailable
        }
        fn hint(&self) -> Option<String> {
            Some("stop the server first".to_owned())
        }
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::from(Outer(std::io::Error::other("it is locked")));
        let want = "posthorn: cannot open the store\n  because: it is locked\n  \
                    try: stop the server first\n";
        assert_eq!(failure.to_string(), want);
        let json = failure.json().to_string();
        assert!(json.contains(r#""causes":["it is locked"]"#), "{json}");
        assert!(json.contains(r#""exit":69"#), "{json}");
    }

    #[test]
    fn codes_return() {
        assert!(Exit::ALL.into_iter().all(|exit| Exit::from_code(exit.code()) == Some(exit)));
        assert_eq!(Exit::from_code(0), None);
    }
}
