//! LIST and LSUB (RFC 3501 6.3.8 and 6.3.9), LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154),
//! LIST-STATUS (RFC 5819).

use crate::imap::value::StatusItem;

/// LIST.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// What is meant.
    pub selection: ListSelection,
    /// The reference name, decoded.
    pub reference: String,
    /// Patterns, decoded, with `*` and `%`; more than one in the extended form only.
    pub patterns: Vec<String>,
    /// What is told of them.
    pub returns: ListReturn,
    /// The extended form was used: attributes are told as RFC 5258 says.
    pub is_extended: bool,
}

/// Selection options (RFC 5258 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSelection {
    /// SUBSCRIBED: names that are subscribed, whether a mailbox exists or not.
    pub subscribed: bool,
    /// REMOTE: no difference, there are none.
    pub remote: bool,
    /// RECURSIVEMATCH: also those whose children match. The parser refuses it alone.
    pub recursive_match: bool,
    /// SPECIAL-USE: mailboxes with a role only (RFC 6154 3).
    pub special_use: bool,
}

/// Return options (RFC 5258 3.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListReturn {
    /// SUBSCRIBED.
    pub subscribed: bool,
    /// CHILDREN.
    pub children: bool,
    /// SPECIAL-USE.
    pub special_use: bool,
    /// STATUS with these items (RFC 5819).
    pub status: Vec<StatusItem>,
}

/// LSUB.
#[derive(Clone, Debug, PartialEq)]
pub struct Lsub {
    /// The reference name, decoded.
    pub reference: String,
    /// The pattern, decoded.
    pub pattern: String,
}
