//! Writing a Maildir++.

use super::{INFO, LETTERS};
use crate::transfer::{Given, TransferError, lines, mutf7};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Keywords that have a letter.
const KEYWORDS_MAX: usize = 26;

/// One mailbox of a Maildir++ that is written. What it has already stays and is not written again,
/// so that an export that was cut off goes on.
#[derive(Debug)]
pub struct MaildirWriter {
    dir: PathBuf,
    there: HashSet<String>,
    keywords: Vec<String>,
}

impl MaildirWriter {
    /// Opens or makes a mailbox: INBOX is the Maildir itself, others lie below it.
    pub fn open(root: &Path, mailbox: &str) -> Result<MaildirWriter, TransferError> {
        let dir = if mailbox == "INBOX" { root.to_owned() } else { root.join(dir_name(mailbox)) };
        let mut there = HashSet::new();
        for part in ["tmp", "new", "cur"] {
            let path = dir.join(part);
            fs::create_dir_all(&path).map_err(TransferError::write(&path))?;
            for entry in fs::read_dir(&path).map_err(TransferError::write(&path))? {
                let entry = entry.map_err(TransferError::write(&path))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if part != "tmp" {
                    there.insert(super::read::unique_part(&name).to_owned());
                }
            }
        }
        let keywords = super::dovecot::keywords(&dir)?;
        let mut keywords: Vec<(char, String)> = keywords.into_iter().collect();
        keywords.sort();
        let keywords = keywords.into_iter().map(|(_, name)| name).collect();
        Ok(MaildirWriter { dir, there, keywords })
    }

    /// Adds a message. Answers false when it was there.
    pub fn write(&mut self, message: &Given) -> Result<bool, TransferError> {
        let text: Vec<u8> =
            lines(&message.octets).flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        let seconds = message.received.div_euclid(1000);
        let unique = format!("{seconds}.{}.posthorn,S={}", message.id, text.len());
        if self.there.contains(&unique) {
            return Ok(false);
        }
        let letters = self.letters(&message.flags)?;
        let part = self.dir.join("tmp").join(&unique);
        let io = || TransferError::write(&part);
        let mut file = File::create(&part).map_err(io())?;
        file.write_all(&text).map_err(io())?;
        let millis = u64::try_from(message.received).unwrap_or(0);
        file.set_modified(UNIX_EPOCH + Duration::from_millis(millis)).map_err(io())?;
        drop(file);
        let name = self.dir.join("cur").join(format!("{unique}{INFO}{letters}"));
        fs::rename(&part, name).map_err(io())?;
        self.there.insert(unique);
        Ok(true)
    }

    /// The letters of the flags, in the order of the alphabet. Keywords beyond the 26th are lost:
    /// the format has no place for them.
    fn letters(&mut self, flags: &[String]) -> Result<String, TransferError> {
        let mut letters: Vec<char> = Vec::new();
        for flag in flags {
            let known = LETTERS.iter().find(|(_, name)| name.eq_ignore_ascii_case(flag));
            if let Some((letter, _)) = known {
                letters.push(*letter);
            } else if !flag.starts_with('\\') {
                letters.extend(self.keyword(flag)?);
            }
        }
        letters.sort_unstable();
        Ok(letters.into_iter().collect())
    }

    fn keyword(&mut self, name: &str) -> Result<Option<char>, TransferError> {
        let letter = |at: usize| u8::try_from(at).ok().map(|at| char::from(b'a' + at));
        if let Some(at) = self.keywords.iter().position(|known| known == name) {
            return Ok(letter(at));
        }
        if self.keywords.len() >= KEYWORDS_MAX {
            return Ok(None);
        }
        self.keywords.push(name.to_owned());
        let list = self.keywords.iter().enumerate();
        let text: String = list.map(|(number, name)| format!("{number} {name}\n")).collect();
        let path = self.dir.join("dovecot-keywords");
        fs::write(&path, text).map_err(TransferError::write(&path))?;
        Ok(letter(self.keywords.len() - 1))
    }
}

fn dir_name(mailbox: &str) -> String {
    let levels = mailbox.split('/').map(|level| mutf7::encode(level, &['.', '/']));
    levels.fold(String::new(), |name, level| format!("{name}.{level}"))
}

#[cfg(test)]
mod tests {
    use super::super::{MaildirReader, folders};
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("Maildir");
        let given = Given {
            id: "38g8232daatnh".into(),
            octets: b"Subject: x\r\n\r\nFrom me\r\n".to_vec(),
            received: 1_310_126_914_000,
            flags: ["\\Flagged", "$Forwarded", "\\Seen", "work"].map(str::to_owned).to_vec(),
            sender: String::new(),
        };
        MaildirWriter::open(&root, "INBOX").unwrap();
        let mut writer = MaildirWriter::open(&root, "A&B/v1.2").unwrap();
        assert!(writer.write(&given).unwrap());
        assert!(!writer.write(&given).unwrap());
        let mut again = MaildirWriter::open(&root, "A&B/v1.2").unwrap();
        assert!(!again.write(&given).unwrap());
        let folders = folders(&root).unwrap();
        assert_eq!(folders[1].name.as_deref(), Some("A&B/v1.2"));
        let mut reader = MaildirReader::open(&folders[1].dir, None).unwrap();
        let found = reader.next_message().unwrap().unwrap();
        assert_eq!(found.octets, given.octets);
        assert_eq!((found.received, found.flags), (Some(given.received), given.flags));
        assert_eq!(reader.next_message().unwrap(), None);
    }
}
