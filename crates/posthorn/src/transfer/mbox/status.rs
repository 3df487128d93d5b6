//! Status, X-Status, X-Keywords, X-UID, X-UIDL: what mail programs keep in a message's header for
//! want of another place. It is taken out when a message is read and put in when it is written.

use crate::transfer::lines;

/// Fields that belong to the mailbox, not to the message.
const FIELDS: [&str; 8] = [
    "status",
    "x-status",
    "x-keywords",
    "x-uid",
    "x-uidl",
    "x-imap",
    "x-imapbase",
    "x-mozilla-keys",
];

/// What the fields say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) flags: Vec<String>,
    pub(super) unique_id: Option<String>,
    /// The message that UW's programs keep their own data in.
    pub(super) is_internal: bool,
}

/// Takes the fields out of a message whose lines end in CRLF.
pub(super) fn take(octets: &[u8]) -> (Vec<u8>, Status) {
    let mut out = Vec::with_capacity(octets.len());
    let mut status = Status::default();
    let mut rest = octets;
    let (mut is_ours, mut subject) = (false, String::new());
    let mut has_imap = false;
    for line in octets.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        if text.is_empty() {
            break;
        }
        rest = rest.get(line.len()..).unwrap_or_default();
        let is_continued = text.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        if !is_continued {
            let (name, value) = field(text);
            is_ours = FIELDS.contains(&name.as_str());
            has_imap |= matches!(name.as_str(), "x-imap" | "x-imapbase");
            if name == "subject" {
                subject.clone_from(&value);
            }
            if is_ours {
                status.read(&name, &value);
            }
        }
        if !is_ours {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(rest);
    status.is_internal = has_imap && subject.contains("FOLDER INTERNAL DATA");
    (out, status)
}

fn field(line: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(line);
    match text.split_once(':') {
        Some((name, value)) => (name.trim().to_ascii_lowercase(), value.trim().to_owned()),
        None => (String::new(), String::new()),
    }
}

impl Status {
    fn read(&mut self, name: &str, value: &str) {
        let letters: &[(char, &str)] = match name {
            "status" => &[('R', "\\Seen")],
            "x-status" => {
                &[('A', "\\Answered"), ('F', "\\Flagged"), ('D', "\\Deleted"), ('T', "\\Draft")]
            }
            _ => &[],
        };
        let set = letters.iter().filter(|(letter, _)| value.contains(*letter));
        self.flags.extend(set.map(|(_, flag)| (*flag).to_owned()));
        match name {
            "x-keywords" | "x-mozilla-keys" => {
                self.flags.extend(value.split_ascii_whitespace().map(str::to_owned));
            }
            "x-uidl" => self.unique_id = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// The fields for a message with these flags, each with LF.
pub(super) fn fields(flags: &[String]) -> String {
    let has = |flag: &str| flags.iter().any(|name| name.eq_ignore_ascii_case(flag));
    let letters = |table: &[(char, &str)]| -> String {
        table.iter().filter(|(_, flag)| has(flag)).map(|(letter, _)| *letter).collect()
    };
    let mut text = format!("Status: {}O\n", letters(&[('R', "\\Seen")]));
    let more =
        letters(&[('A', "\\Answered"), ('F', "\\Flagged"), ('D', "\\Deleted"), ('T', "\\Draft")]);
    if !more.is_empty() {
        text.push_str(&format!("X-Status: {more}\n"));
    }
    let keywords: Vec<&str> =
        flags.iter().map(String::as_str).filter(|name| !name.starts_with('\\')).collect();
    if !keywords.is_empty() {
        text.push_str(&format!("X-Keywords: {}\n", keywords.join(" ")));
    }
    text
}

/// True when a line of the message's header section is one of the fields.
pub(super) fn is_field(line: &[u8]) -> bool {
    lines(line).next().is_some_and(|line| FIELDS.contains(&field(line).0.as_str()))
}
