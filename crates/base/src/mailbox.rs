//! Mailboxes and the numbers that name their messages and changes.

use crate::limits;
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Why a text is not a mailbox name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailboxNameError {
    /// More than [`limits::MAILBOX_NAME_BYTES_MAX`] octets.
    #[error("the mailbox name is longer than {} octets", limits::MAILBOX_NAME_BYTES_MAX)]
    TooLong,
    /// Empty, or `a//b`, `/a`, `a/`.
    #[error("the mailbox name has an empty level")]
    EmptyLevel,
    /// More than [`limits::MAILBOX_DEPTH_MAX`] levels.
    #[error("the mailbox name has more than {} levels", limits::MAILBOX_DEPTH_MAX)]
    TooDeep,
    /// A control character, or `*` or `%`, which LIST takes for wildcards.
    #[error("the mailbox name has a character that is not allowed ({0:?})")]
    Character(char),
}

/// A mailbox name in our own form: UTF-8 in NFC, `/` between levels, no empty level, `INBOX` in
/// capitals where it is the first level.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(Box<str>);

impl MailboxName {
    /// What stands between levels.
    pub const SEPARATOR: char = '/';

    /// The mailbox that every account has.
    pub fn inbox() -> Self {
        MailboxName("INBOX".into())
    }

    /// The form that names are kept in, NFC; also for what is compared with them.
    pub fn compose(text: &str) -> Cow<'_, str> {
        if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
    }

    /// Reads a name that is already Unicode (IMAP's modified UTF-7 is decoded before).
    pub fn parse(text: &str) -> Result<Self, MailboxNameError> {
        let text = &*Self::compose(text);
        if text.len() > limits::MAILBOX_NAME_BYTES_MAX {
            return Err(MailboxNameError::TooLong);
        }
        if text.split(Self::SEPARATOR).any(str::is_empty) {
            return Err(MailboxNameError::EmptyLevel);
        }
        if text.split(Self::SEPARATOR).count() > limits::MAILBOX_DEPTH_MAX {
            return Err(MailboxNameError::TooDeep);
        }
        // RFC 5198 2 and RFC 3501 5.1: neither controls nor LIST's wildcards belong into names.
        let refused = |c: &char| c.is_control() || matches!(c, '*' | '%' | '\u{2028}' | '\u{2029}');
        if let Some(c) = text.chars().find(refused) {
            return Err(MailboxNameError::Character(c));
        }
        // RFC 3501 5.1: INBOX is case-insensitive, every other name is not. The same holds for the
        // first level of INBOX/child, else two trees would look like one.
        let (first, rest) = match text.split_once(Self::SEPARATOR) {
            Some((first, rest)) => (first, Some(rest)),
            None => (text, None),
        };
        Ok(MailboxName(match (first.eq_ignore_ascii_case("inbox"), rest) {
            (true, Some(rest)) => format!("INBOX/{rest}").into(),
            (true, None) => "INBOX".into(),
            (false, _) => text.into(),
        }))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// True for the one INBOX.
    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }
    /// The name one level up, `None` at the top.
    pub fn parent(&self) -> Option<MailboxName> {
        self.0.rsplit_once(Self::SEPARATOR).map(|(parent, _)| MailboxName(parent.into()))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailboxName({:?})", self.0)
    }
}

/// What a mailbox is for (RFC 6154 2, RFC 8621 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// Copies of what was sent.
    Sent,
    /// Unfinished messages.
    Drafts,
    /// Mail taken for spam.
    Junk,
    /// Mail about to be deleted.
    Trash,
    /// Mail kept but out of sight.
    Archive,
}

impl Role {
    /// All roles, in the order in which a new account's mailboxes are made.
    pub const ALL: [Role; 6] =
        [Role::Inbox, Role::Drafts, Role::Sent, Role::Junk, Role::Trash, Role::Archive];

    /// The number by which the store keeps it.
    pub const fn code(self) -> i64 {
        match self {
            Role::Inbox => 1,
            Role::Sent => 2,
            Role::Drafts => 3,
            Role::Junk => 4,
            Role::Trash => 5,
            Role::Archive => 6,
        }
    }
    /// The role kept under this number.
    pub fn from_code(code: i64) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.code() == code)
    }
    /// The name of the mailbox that a new account gets for this role.
    pub const fn default_name(self) -> &'static str {
        match self {
            Role::Inbox => "INBOX",
            Role::Sent => "Sent",
            Role::Drafts => "Drafts",
            Role::Junk => "Junk",
            Role::Trash => "Trash",
            Role::Archive => "Archive",
        }
    }
}

/// A message's number, unique and rising within one mailbox and one [`UidValidity`]. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(NonZeroU32);

impl Uid {
    /// The first number of an empty mailbox.
    pub const FIRST: Uid = Uid(NonZeroU32::MIN);
    /// The greatest number.
    pub const MAX: Uid = Uid(NonZeroU32::MAX);

    /// `None` for 0.
    pub const fn new(number: u32) -> Option<Uid> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Uid(number)),
            None => None,
        }
    }
    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
    /// `None` when the mailbox is used up and needs a new [`UidValidity`] (RFC 3501 2.3.1.1).
    pub fn next(self) -> Option<Uid> {
        self.0.checked_add(1).map(Uid)
    }
}
impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Says whether UIDs seen earlier still mean the same messages (RFC 3501 2.3.1.1). Never 0, never
/// used twice within an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(NonZeroU32);

impl UidValidity {
    /// `None` for 0.
    pub const fn new(number: u32) -> Option<UidValidity> {
        match NonZeroU32::new(number) {
            Some(number) => Some(UidValidity(number)),
            None => None,
        }
    }
    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}
impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A change's number: one rising sequence per account. Every transaction that changes an account
/// takes the next one, and every row it touches carries it (RFC 7162 3.1: 63 bits, never 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(i64);

impl ModSeq {
    /// Before every change.
    pub const ZERO: ModSeq = ModSeq(0);

    /// `None` for a negative number.
    pub const fn new(number: i64) -> Option<ModSeq> {
        if number >= 0 { Some(ModSeq(number)) } else { None }
    }
    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}
impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        #[track_caller]
        fn check(text: &str, want: Result<&str, MailboxNameError>) {
            let got = MailboxName::parse(text);
            assert_eq!(got.as_ref().map(MailboxName::as_str).map_err(|e| *e), want, "{text}");
        }
        check("inbox", Ok("INBOX"));
        check("InBox/Work", Ok("INBOX/Work"));
        check("Inboxes", Ok("Inboxes"));
        check("a/b", Ok("a/b"));
        check("e\u{301}", Ok("é"));
        check("", Err(MailboxNameError::EmptyLevel));
        check("a//b", Err(MailboxNameError::EmptyLevel));
        check("a/", Err(MailboxNameError::EmptyLevel));
        check("a*", Err(MailboxNameError::Character('*')));
        check("a\0", Err(MailboxNameError::Character('\0')));
        check(&"x".repeat(limits::MAILBOX_NAME_BYTES_MAX + 1), Err(MailboxNameError::TooLong));
        let deep = vec!["x"; limits::MAILBOX_DEPTH_MAX].join("/");
        check(&deep, Ok(&deep));
        check(&format!("{deep}/x"), Err(MailboxNameError::TooDeep));
    }

    #[test]
    fn roles_return_from_their_codes() {
        assert!(Role::ALL.into_iter().all(|role| Role::from_code(role.code()) == Some(role)));
    }
}
