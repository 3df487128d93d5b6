//! Writing an mbox, in the form mboxrd, from which every message can be read back exactly.

use super::status;
use crate::transfer::{Given, TransferError, lines};
use jiff::Timestamp;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// An mbox that is written. It has its name only when it is complete.
#[derive(Debug)]
pub struct MboxWriter {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
}

impl MboxWriter {
    /// Begins a file, which must not exist.
    pub fn create(path: &Path) -> Result<MboxWriter, TransferError> {
        if path.exists() {
            return Err(TransferError::Exists { path: path.to_owned() });
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = BufWriter::new(File::create(&part).map_err(TransferError::write(&part))?);
        Ok(MboxWriter { path: path.to_owned(), part, file })
    }

    /// Adds a message.
    pub fn write(&mut self, message: &Given) -> Result<(), TransferError> {
        let text = written(message);
        self.file.write_all(&text).map_err(TransferError::write(&self.part))
    }

    /// Gives the file its name.
    pub fn finish(self) -> Result<(), TransferError> {
        let io = || TransferError::write(&self.part);
        let file = self.file.into_inner().map_err(|error| io()(error.into_error()))?;
        file.sync_all().map_err(io())?;
        std::fs::rename(&self.part, &self.path).map_err(io())
    }
}

fn written(message: &Given) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.octets.len() + 256);
    // RFC 4155 A: an address without spaces; who has none is written like this by most programs.
    let is_word = |sender: &&str| {
        !sender.is_empty() && sender.chars().all(|c| !c.is_whitespace() && !c.is_control())
    };
    let sender = Some(message.sender.as_str()).filter(is_word).unwrap_or("MAILER-DAEMON");
    let at = Timestamp::from_millisecond(message.received).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = at.strftime("%a %b %e %H:%M:%S %Y");
    out.extend_from_slice(format!("From {sender} {date}\n").as_bytes());
    let mut is_header = true;
    let mut is_left_out = false;
    for line in lines(&message.octets) {
        if is_header && line.is_empty() {
            out.extend_from_slice(status::fields(&message.flags).as_bytes());
            is_header = false;
        }
        if is_header {
            let is_continued = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            // Somebody else's state must not be read as ours.
            is_left_out = if is_continued { is_left_out } else { status::is_field(line) };
            if is_left_out {
                continue;
            }
        }
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From ")) {
            out.push(b'>');
        }
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    if is_header {
        // A message without a body: the header section ends all the same.
        out.extend_from_slice(status::fields(&message.flags).as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::super::{MboxReader, Quoting};
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let given = |octets: &str, flags: &[&str], received| Given {
            id: "x".into(),
            octets: octets.as_bytes().to_vec(),
            received,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            sender: "a@example.com".into(),
        };
        let messages = [
            given("Subject: 1\r\n\r\nFrom me\r\n>From you\r\n>>From\r\n\r\n", &["\\Seen"], 10_000),
            given("Subject: 2\r\n\r\n\r\n\r\n", &["\\Flagged", "\\Draft", "work"], 20_000),
            given("\r\nno header\r\n", &[], 1_310_126_914_000),
            given("Subject: no body\r\n\r\n", &[], 0),
        ];
        let mut writer = MboxWriter::create(&path).unwrap();
        messages.iter().for_each(|message| writer.write(message).unwrap());
        assert!(!path.exists());
        writer.finish().unwrap();
        assert!(matches!(MboxWriter::create(&path), Err(TransferError::Exists { .. })));
        let mut reader = MboxReader::open(&path, Quoting::Mboxrd, None).unwrap();
        for message in &messages {
            let found = reader.next_message().unwrap().unwrap();
            let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
            assert_eq!(text(&found.octets), text(&message.octets));
            assert_eq!((&found.flags, found.received), (&message.flags, Some(message.received)));
        }
        assert_eq!(reader.next_message().unwrap(), None);
    }
}
