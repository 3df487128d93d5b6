//! Reading a Maildir.

use super::{INFO, LETTERS, dovecot};
use crate::transfer::{Found, TransferError, mutf7, to_crlf};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A mailbox in a Maildir++.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name with `/` between levels; none for the Maildir itself, which is INBOX.
    pub name: Option<String>,
    /// Its directory.
    pub dir: PathBuf,
}

/// The mailboxes of a Maildir++: itself first, then those below it by name.
pub fn folders(root: &Path) -> Result<Vec<Folder>, TransferError> {
    if !is_maildir(root) {
        return Err(TransferError::Format { path: root.to_owned(), format: "Maildir" });
    }
    let mut folders = Vec::new();
    let io = || TransferError::read(root);
    for entry in fs::read_dir(root).map_err(io())? {
        let entry = entry.map_err(io())?;
        let file_name = entry.file_name();
        let file_name = file_name.to_string_lossy();
        let Some(name) = file_name.strip_prefix('.').filter(|name| !name.is_empty()) else {
            continue;
        };
        if name == "." || !is_maildir(&entry.path()) {
            continue;
        }
        let level = |level: &str| mutf7::decode(level).unwrap_or_else(|| level.to_owned());
        let name: Vec<String> = name.split('.').map(level).collect();
        folders.push(Folder { name: Some(name.join("/")), dir: entry.path() });
    }
    folders.sort_by(|one, other| one.name.cmp(&other.name));
    folders.insert(0, Folder { name: None, dir: root.to_owned() });
    Ok(folders)
}

fn is_maildir(dir: &Path) -> bool {
    dir.join("cur").is_dir() && dir.join("new").is_dir()
}

/// What names a message whatever its flags are.
pub(super) fn unique_part(name: &str) -> &str {
    name.split_once(':').map_or(name, |(unique, _)| unique)
}

/// One mailbox of a Maildir that is read.
#[derive(Debug)]
pub struct MaildirReader {
    files: std::vec::IntoIter<(String, PathBuf)>,
    keywords: HashMap<char, String>,
    unique_ids: HashMap<String, String>,
    steps: u64,
}

impl MaildirReader {
    /// Lists the messages behind the place of an earlier one.
    pub fn open(dir: &Path, place: Option<&str>) -> Result<MaildirReader, TransferError> {
        let mut files = Vec::new();
        for part in ["cur", "new"] {
            let path = dir.join(part);
            let io = || TransferError::read(&path);
            for entry in fs::read_dir(&path).map_err(io())? {
                let entry = entry.map_err(io())?;
                // Names are ASCII by everybody's habit; another one is imported under what it looks
                // like.
                let name = entry.file_name().to_string_lossy().into_owned();
                let unique = unique_part(&name).to_owned();
                if !name.starts_with('.') && place.is_none_or(|place| unique.as_str() > place) {
                    files.push((unique, entry.path()));
                }
            }
        }
        files.sort();
        Ok(MaildirReader {
            steps: files.len() as u64,
            files: files.into_iter(),
            keywords: dovecot::keywords(dir)?,
            unique_ids: dovecot::unique_ids(dir)?,
        })
    }

    /// Messages to come at the start, for the progress bar.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The next message. One that went away meanwhile is left out.
    pub fn next_message(&mut self) -> Result<Option<Found>, TransferError> {
        let mut steps = 0;
        while let Some((unique, path)) = self.files.next() {
            steps += 1;
            let io = || TransferError::read(&path);
            let octets = match fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                read => read.map_err(io())?,
            };
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let received = modified.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            return Ok(Some(Found {
                octets: to_crlf(&octets),
                received: received.and_then(|since| i64::try_from(since.as_millis()).ok()),
                flags: self.flags(&path),
                unique_id: self.unique_ids.remove(&unique),
                place: unique,
                steps,
            }));
        }
        Ok(None)
    }

    fn flags(&self, path: &Path) -> Vec<String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let letters = name.split_once(INFO).map_or("", |(_, letters)| letters);
        let flag = |letter: char| {
            let known = LETTERS.iter().find(|(known, _)| *known == letter);
            let named = known.map(|(_, flag)| (*flag).to_owned());
            named.or_else(|| self.keywords.get(&letter).cloned())
        };
        letters.chars().filter_map(flag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_maildir_with_everything() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for sub in ["", ".Sent", ".A&-B.v1&AC4-2", ".broken"] {
            for part in ["cur", "new", "tmp"] {
                if sub != ".broken" {
                    fs::create_dir_all(root.join(sub).join(part)).unwrap();
                }
            }
        }
        fs::create_dir_all(root.join(".broken")).unwrap();
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        write("cur/2.a.host:2,FSa", "Subject: two\n\nx\n");
        write("new/3.b.host", "Subject: three\r\n\r\ny\r\n");
        write("cur/1.c.host,S=5:2,", "Subject: one\n\nz\n");
        write("tmp/9.d.host", "not yet");
        write("dovecot-keywords", "0 work\n1 home\n");
        write("dovecot-uidlist", "3 V255 N4 Gx\n1 :1.c.host,S=5\n2 Pold-id :2.a.host\n");
        let file = fs::File::open(root.join("cur/2.a.host:2,FSa")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1000)).unwrap();

        let names: Vec<Option<String>> =
            folders(root).unwrap().into_iter().map(|folder| folder.name).collect();
        assert_eq!(names, [None, Some("A&B/v1.2".into()), Some("Sent".into())]);
        let mut reader = MaildirReader::open(root, None).unwrap();
        assert_eq!(reader.steps(), 3);
        let found: Vec<Found> = std::iter::from_fn(|| reader.next_message().unwrap()).collect();
        let ids: Vec<Option<&str>> = found.iter().map(|one| one.unique_id.as_deref()).collect();
        assert_eq!(ids, [Some("00000001000000ff"), Some("old-id"), None]);
        assert_eq!(found[1].flags, ["\\Flagged", "\\Seen", "work"]);
        assert_eq!(found[1].received, Some(1_000_000));
        assert_eq!(found[2].octets, b"Subject: three\r\n\r\ny\r\n");
        let mut rest = MaildirReader::open(root, Some(&found[1].place)).unwrap();
        assert_eq!(rest.next_message().unwrap().unwrap().place, "3.b.host");
        assert!(matches!(folders(&root.join("cur")), Err(TransferError::Format { .. })));
    }
}
