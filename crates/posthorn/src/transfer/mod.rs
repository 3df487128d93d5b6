//! Mail in files of other programs: mbox and Maildir, read and written.
//!
//! Invariants
//! * A source gives its messages in the same order each time, each with the place behind it, so
//!   that an import that was cut off goes on where it stopped.
//! * Lines end in CRLF in the store and in LF in files: that is converted, and nothing else, except
//!   for what the format itself adds (the From_ line, `>` before From, Status fields).

pub mod maildir;
pub mod mbox;
mod mutf7;

use crate::exit::{Exit, Explain};
use std::io;
use std::path::{Path, PathBuf};

/// Why files of mail cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The system refuses to have it read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses to have it written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{} is no {format}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be.
        format: &'static str,
    },
    /// It is not the same file as when the import began.
    #[error("{} has changed since its import began", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// It would be overwritten.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

impl TransferError {
    /// The system refuses to read.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> TransferError + '_ {
        move |source| TransferError::Read { path: path.to_owned(), source }
    }

    /// The system refuses to write.
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> TransferError + '_ {
        move |source| TransferError::Write { path: path.to_owned(), source }
    }
}

impl Explain for TransferError {
    fn exit(&self) -> Exit {
        match self {
            TransferError::Read { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Exit::NoInput,
                io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::InputOutput,
            },
            TransferError::Write { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Exit::CannotCreate,
                io::ErrorKind::PermissionDenied => Exit::NoPermission,
                _ => Exit::InputOutput,
            },
            TransferError::Format { .. } | TransferError::Changed { .. } => Exit::DataError,
            TransferError::Exists { .. } => Exit::CannotCreate,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            TransferError::Changed { .. } => {
                Some("give it another name to import all of it again".to_owned())
            }
            TransferError::Format { format: "mbox", .. } => Some(
                "an mbox begins with a line \"From ...\"; a Maildir goes with --maildir".into(),
            ),
            TransferError::Format { .. } => Some(
                "a Maildir is a directory with cur and new in it; an mbox goes with --mbox".into(),
            ),
            TransferError::Exists { .. } => {
                Some("give another name, or move it out of the way".to_owned())
            }
            TransferError::Read { .. } | TransferError::Write { .. } => None,
        }
    }
}

/// A message from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its bytes, lines ending in CRLF.
    pub octets: Vec<u8>,
    /// When it was received, in milliseconds since 1970, where the format says so.
    pub received: Option<i64>,
    /// Names of flags and keywords.
    pub flags: Vec<String>,
    /// The text under which POP3 clients know it.
    pub unique_id: Option<String>,
    /// Where the source goes on behind it.
    pub place: String,
    /// Steps of the source that it took, for the progress bar.
    pub steps: u64,
}

/// A message for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The email's id.
    pub id: String,
    /// Its bytes as the store has them.
    pub octets: Vec<u8>,
    /// When it was received, in milliseconds since 1970.
    pub received: i64,
    /// Names of flags and keywords.
    pub flags: Vec<String>,
    /// The address of its author; may be empty.
    pub sender: String,
}

/// With CRLF for each LF that has no CR.
pub(crate) fn to_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) => {
                out.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// The lines of a message without their ends.
pub(crate) fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends() {
        #[track_caller]
        fn check(from: &str, want: &str) {
            assert_eq!(to_crlf(from.as_bytes()), want.as_bytes());
        }
        check("a\nb\r\nc", "a\r\nb\r\nc");
        check("\n\r\n", "\r\n\r\n");
        check("a\rb\n", "a\rb\r\n");
        check("", "");
    }
}
