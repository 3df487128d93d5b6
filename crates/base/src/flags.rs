//! Flags and keywords of a message (RFC 3501 2.3.2, RFC 5788).
//!
//! System flags and the keywords that most clients use are bits of one integer; all other keywords
//! live in a dictionary of the account.

use crate::limits;
use std::fmt;

/// Why a text is not a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeywordError {
    /// Empty.
    #[error("a keyword cannot be empty")]
    Empty,
    /// Longer than [`limits::KEYWORD_BYTES_MAX`].
    #[error("a keyword has at most {} octets", limits::KEYWORD_BYTES_MAX)]
    TooLong,
    /// A character that RFC 3501 9 `flag-keyword` (an `atom`) does not allow.
    #[error("a keyword cannot contain {0:?}")]
    Character(char),
}

/// A set of the flags and keywords that have a bit. The bits are part of the stored format: they
/// are never renumbered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
            /// Every flag that has a bit, with its name in the protocols.
            pub const NAMED: &'static [(Flags, &'static str)] = &[$((Flags::$name, $text)),*];
        }
    };
}

flags! {
    /// The message has been read.
    SEEN = 0, "\\Seen";
    /// The message has been answered.
    ANSWERED = 1, "\\Answered";
    /// The message is marked for attention.
    FLAGGED = 2, "\\Flagged";
    /// The message is to be removed by EXPUNGE.
    DELETED = 3, "\\Deleted";
    /// The message is not finished.
    DRAFT = 4, "\\Draft";
    /// RFC 5788: forwarded to somebody else.
    FORWARDED = 8, "$Forwarded";
    /// RFC 3503: a disposition notification was sent.
    MDN_SENT = 9, "$MDNSent";
    /// The user says: spam.
    JUNK = 10, "$Junk";
    /// The user says: not spam.
    NOT_JUNK = 11, "$NotJunk";
    /// Taken for phishing.
    PHISHING = 12, "$Phishing";
    /// RFC 8457: important to this user.
    IMPORTANT = 13, "$Important";
    /// Has an attachment.
    HAS_ATTACHMENT = 14, "$HasAttachment";
    /// Has no attachment.
    HAS_NO_ATTACHMENT = 15, "$HasNoAttachment";
    /// Thunderbird's first label (important).
    LABEL1 = 16, "$label1";
    /// Thunderbird's second label (work).
    LABEL2 = 17, "$label2";
    /// Thunderbird's third label (personal).
    LABEL3 = 18, "$label3";
    /// Thunderbird's fourth label (to do).
    LABEL4 = 19, "$label4";
    /// Thunderbird's fifth label (later).
    LABEL5 = 20, "$label5";
    /// What Thunderbird writes for spam.
    THUNDERBIRD_JUNK = 21, "Junk";
    /// What Thunderbird writes for not spam.
    THUNDERBIRD_NON_JUNK = 22, "NonJunk";
    /// What Apple Mail and KMail write for forwarded.
    FORWARDED_BARE = 23, "Forwarded";
    /// RFC 9078: muted, snoozed and the like live in the dictionary; this one is common.
    MUTED = 24, "$Muted";
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// The flags that begin with a backslash.
    pub const SYSTEM: Flags = Flags(0b1_1111);

    /// The flag or keyword of this name, in any case, when it has a bit.
    pub fn named(name: &str) -> Option<Flags> {
        Self::NAMED.iter().find(|(_, text)| text.eq_ignore_ascii_case(name)).map(|(flag, _)| *flag)
    }
    /// As the store keeps it.
    pub const fn bits(self) -> u32 {
        self.0
    }
    /// From the store. Bits that this version does not know are kept: a newer one may have set
    /// them.
    pub const fn from_bits(bits: u32) -> Flags {
        Flags(bits)
    }
    /// True when all of `other` are in this set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
    /// What is in both sets.
    #[must_use]
    pub const fn common(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
    /// Both sets together.
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
    /// This set without `other`.
    pub const fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
    /// True for the empty set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// The names of what is in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// A keyword that has no bit: kept as first written, compared without case (RFC 3501 9).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// Checks a keyword as IMAP writes it: an `atom`.
    pub fn parse(text: &str) -> Result<Self, KeywordError> {
        if text.is_empty() {
            return Err(KeywordError::Empty);
        }
        if text.len() > limits::KEYWORD_BYTES_MAX {
            return Err(KeywordError::TooLong);
        }
        // RFC 3501 9 `atom-specials`: ( ) { SP CTL % * " \ ]
        match text.chars().find(|c| !c.is_ascii_graphic() || "(){%*\"\\]".contains(*c)) {
            Some(c) => Err(KeywordError::Character(c)),
            None => Ok(Keyword(text.into())),
        }
    }
    /// As first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// What it is compared by.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_bit_and_a_name_of_its_own() {
        let mut all = Flags::NONE;
        for (flag, name) in Flags::NAMED {
            assert!(!all.contains(*flag), "{name} shares a bit");
            all = all.with(*flag);
            assert_eq!(Flags::named(&name.to_uppercase()), Some(*flag));
        }
        assert_eq!(Flags::named("\\Recent"), None);
        assert_eq!(
            Flags::SEEN.with(Flags::DRAFT).names().collect::<Vec<_>>(),
            ["\\Seen", "\\Draft"]
        );
    }

    #[test]
    fn keywords() {
        assert_eq!(Keyword::parse("Todo").unwrap().key(), "todo");
        assert_eq!(Keyword::parse(""), Err(KeywordError::Empty));
        assert_eq!(Keyword::parse("a]"), Err(KeywordError::Character(']')));
        assert_eq!(Keyword::parse("ä"), Err(KeywordError::Character('ä')));
        assert_eq!(
            Keyword::parse(&"k".repeat(limits::KEYWORD_BYTES_MAX + 1)),
            Err(KeywordError::TooLong)
        );
    }
}
