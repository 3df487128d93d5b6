//! Maildir: a file for each message; and Maildir++, where further mailboxes are directories below
//! it whose names begin with a dot.
//!
//! The name of a file is `unique:2,FLAGS`. Messages are read in the order of their unique parts,
//! which begin with the time of delivery: what arrives later sorts behind.

mod dovecot;
mod read;
mod write;

pub use read::{Folder, MaildirReader, folders};
pub use write::MaildirWriter;

/// The flags of Maildir and ours. Passed is what `$Forwarded` says.
const LETTERS: [(char, &str); 6] = [
    ('D', "\\Draft"),
    ('F', "\\Flagged"),
    ('P', "$Forwarded"),
    ('R', "\\Answered"),
    ('S', "\\Seen"),
    ('T', "\\Deleted"),
];

/// What stands between the unique part of a name and the flags.
const INFO: &str = ":2,";
