//! What Dovecot keeps beside the messages: names of keywords, and the unique-ids of POP3.

use crate::transfer::TransferError;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

/// The names of the keywords `a` to `z`, from `dovecot-keywords`: lines `0 name`.
pub(super) fn keywords(dir: &Path) -> Result<HashMap<char, String>, TransferError> {
    let text = optional(&dir.join("dovecot-keywords"))?;
    let line = |line: &str| {
        let (number, name) = line.split_once(' ')?;
        let number: u8 = number.parse().ok().filter(|number| *number < 26)?;
        Some((char::from(b'a' + number), name.to_owned()))
    };
    Ok(text.lines().filter_map(line).collect())
}

/// The unique-ids by the unique parts of file names, from `dovecot-uidlist`.
///
/// Its first line is `3 V<uidvalidity> N<next uid> ...`, the others are `<uid> [P<unique-id>] ...
/// :<file name>`. Without a P the unique-id is what Dovecot's default `pop3_uidl_format` makes of
/// UID and UIDVALIDITY.
pub(super) fn unique_ids(dir: &Path) -> Result<HashMap<String, String>, TransferError> {
    let text = optional(&dir.join("dovecot-uidlist"))?;
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default();
    let mut words = head.split(' ');
    if words.next() != Some("3") {
        return Ok(HashMap::new());
    }
    let validity = words.find_map(|word| word.strip_prefix('V')?.parse::<u32>().ok());
    let Some(validity) = validity else { return Ok(HashMap::new()) };
    let line = |line: &str| {
        let (facts, name) = line.split_once(" :")?;
        let mut facts = facts.split(' ');
        let uid: u32 = facts.next()?.parse().ok()?;
        let given = facts.find_map(|fact| fact.strip_prefix('P'));
        let id = given.map_or_else(|| format!("{uid:08x}{validity:08x}"), str::to_owned);
        Some((super::read::unique_part(name).to_owned(), id))
    };
    Ok(lines.filter_map(line).collect())
}

fn optional(path: &Path) -> Result<String, TransferError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(TransferError::Read { path: path.to_owned(), source }),
    }
}
