//! Reading an mbox, message by message.

use super::{from_line, status};
use crate::transfer::{Found, TransferError, to_crlf};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 1024 * 1024;
/// Steps of the progress bar are KiB.
const STEP_BYTES: u64 = 1024;

/// How lines that begin with `From ` were told from From_ lines when the file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Quoting {
    /// `>` before `From `, also behind further `>`: can be taken back exactly.
    Mboxrd,
    /// `>` before `From ` at the start of the line only.
    Mboxo,
    /// Not at all.
    None,
}

/// A message as it stands in the file.
struct Raw {
    /// The date of its From_ line, in milliseconds since 1970.
    received: Option<i64>,
    /// Its lines, unquoted.
    octets: Vec<u8>,
}

/// An mbox that is read.
#[derive(Debug)]
pub struct MboxReader {
    path: PathBuf,
    file: BufReader<File>,
    quoting: Quoting,
    /// Where the next From_ line stands.
    at: u64,
    size: u64,
}

impl MboxReader {
    /// Opens a file, and goes on at the place behind an earlier message.
    pub fn open(
        path: &Path,
        quoting: Quoting,
        place: Option<&str>,
    ) -> Result<MboxReader, TransferError> {
        let io = || TransferError::read(path);
        let file = File::open(path).map_err(io())?;
        let size = file.metadata().map_err(io())?.len();
        let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
        let changed = || TransferError::Changed { path: path.to_owned() };
        let at = match place {
            Some(place) => place.parse().map_err(|_| changed())?,
            None => 0,
        };
        if at > size {
            return Err(changed());
        }
        file.seek(SeekFrom::Start(at)).map_err(io())?;
        let mut reader = MboxReader { path: path.to_owned(), file, quoting, at, size };
        // A From_ line stands there, or the file ends.
        let start = reader.file.fill_buf().map_err(io())?;
        if !start.is_empty() && !start.starts_with(b"From ") {
            return Err(match place {
                Some(_) => changed(),
                None => TransferError::Format { path: path.to_owned(), format: "mbox" },
            });
        }
        Ok(reader)
    }

    /// Steps of the whole file, for the progress bar.
    pub fn steps(&self) -> u64 {
        self.size / STEP_BYTES
    }

    /// Steps behind us.
    pub fn steps_done(&self) -> u64 {
        self.at / STEP_BYTES
    }

    /// The next message.
    pub fn next_message(&mut self) -> Result<Option<Found>, TransferError> {
        loop {
            let before = self.at;
            let Some(Raw { received, octets: raw }) = self.read_raw()? else { return Ok(None) };
            let (octets, status) = status::take(&to_crlf(&raw));
            if status.is_internal {
                continue;
            }
            return Ok(Some(Found {
                octets,
                received,
                flags: status.flags,
                unique_id: status.unique_id,
                place: self.at.to_string(),
                steps: self.at / STEP_BYTES - before / STEP_BYTES,
            }));
        }
    }

    /// The date of the From_ line and what follows, up to the next one.
    fn read_raw(&mut self) -> Result<Option<Raw>, TransferError> {
        let mut line = Vec::new();
        if self.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        self.at += line.len() as u64;
        let received = from_line(trimmed(&line));
        let (mut raw, mut is_behind_empty) = (Vec::new(), false);
        loop {
            line.clear();
            let length = self.read_line(&mut line)?;
            if length == 0 {
                break;
            }
            let text = trimmed(&line);
            if is_behind_empty && from_line(text).is_some() {
                // It belongs to the next message: read again from there.
                self.file
                    .seek_relative(-(length as i64))
                    .map_err(TransferError::read(&self.path))?;
                break;
            }
            self.at += length as u64;
            is_behind_empty = text.is_empty();
            raw.extend_from_slice(self.unquoted(&line));
        }
        // The empty line behind a message is the format's.
        if is_behind_empty {
            let length = if raw.ends_with(b"\r\n") { 2 } else { 1 };
            raw.truncate(raw.len().saturating_sub(length));
        }
        Ok(Some(Raw { received, octets: raw }))
    }

    fn read_line(&mut self, line: &mut Vec<u8>) -> Result<usize, TransferError> {
        self.file.read_until(b'\n', line).map_err(TransferError::read(&self.path))
    }

    fn unquoted<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        let Some(rest) = line.strip_prefix(b">") else { return line };
        let behind_quotes = match self.quoting {
            Quoting::Mboxrd => {
                let quotes = rest.iter().take_while(|byte| **byte == b'>').count();
                rest.get(quotes..).unwrap_or_default()
            }
            Quoting::Mboxo => rest,
            Quoting::None => return line,
        };
        if behind_quotes.starts_with(b"From ") { rest } else { line }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, quoting: Quoting, place: Option<&str>) -> Vec<Found> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        std::fs::write(&path, text).unwrap();
        let mut reader = MboxReader::open(&path, quoting, place).unwrap();
        std::iter::from_fn(|| reader.next_message().unwrap()).collect()
    }

    const TWO: &str = "From a@b Thu Jan  1 00:00:10 1970\n\
        Subject: one\nStatus: RO\nX-Status: AF\nX-Keywords: $Forwarded work\n\n\
        >From me\n>>From you\n\nFrom now on\n\n\
        From c@d Thu Jan  1 00:00:20 1970\nX-UIDL: abc\nSubject: two\n\nbody\n";

    #[test]
    fn two_messages() {
        let found = read(TWO, Quoting::Mboxrd, None);
        assert_eq!(found.len(), 2);
        let text = |at: usize| String::from_utf8(found[at].octets.clone()).unwrap();
        assert_eq!(text(0), "Subject: one\r\n\r\nFrom me\r\n>From you\r\n\r\nFrom now on\r\n");
        assert_eq!(found[0].flags, ["\\Seen", "\\Answered", "\\Flagged", "$Forwarded", "work"]);
        assert_eq!(found[0].received, Some(10_000));
        assert_eq!(text(1), "Subject: two\r\n\r\nbody\r\n");
        assert_eq!(found[1].unique_id.as_deref(), Some("abc"));
        assert_eq!(found[1].place, TWO.len().to_string());
        let text = String::from_utf8(read(TWO, Quoting::Mboxo, None)[0].octets.clone()).unwrap();
        assert!(text.contains("\r\nFrom me\r\n>>From you\r\n"), "{text}");
        // From the place behind each message the rest follows.
        let rest = read(TWO, Quoting::Mboxrd, Some(&found[0].place));
        assert_eq!(rest, found[1..]);
        assert!(read(TWO, Quoting::Mboxrd, Some(&found[1].place)).is_empty());
    }

    #[test]
    fn crlf_and_no_last_line_end_and_the_internal_message() {
        let text = "From a@b Thu Jan  1 00:00:10 1970\r\nX-IMAP: 1 2\r\n\
            Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\r\n\r\nx\r\n\r\n\
            From a@b Thu Jan  1 00:00:10 1970\r\n\r\nbody";
        let found = read(text, Quoting::Mboxrd, None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].octets, b"\r\nbody");
    }

    #[test]
    fn what_is_no_mbox_and_what_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        std::fs::write(&path, "Subject: no\n\n").unwrap();
        let open = |place| MboxReader::open(&path, Quoting::Mboxrd, place).map(|_| ());
        assert!(matches!(open(None), Err(TransferError::Format { .. })));
        for place in ["1", "10000", "x"] {
            assert!(matches!(open(Some(place)), Err(TransferError::Changed { .. })), "{place}");
        }
        std::fs::write(&path, "").unwrap();
        open(None).unwrap();
    }
}
