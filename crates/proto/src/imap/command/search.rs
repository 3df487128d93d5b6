//! SEARCH (RFC 3501 6.4.4), ESEARCH (RFC 4731), SEARCHRES (RFC 5182).

use super::Tag;
use crate::imap::value::SearchKey;

/// SEARCH or UID SEARCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The command's tag: ESEARCH repeats it (RFC 4466 2.6.2).
    pub tag: Tag,
    /// Whether UIDs are answered.
    pub by_uid: bool,
    /// RETURN; `None`: the plain SEARCH response.
    pub returns: Option<SearchReturn>,
    /// What is looked for.
    pub key: SearchKey,
}

/// RETURN options. `RETURN ()` is the parser's `RETURN (ALL)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchReturn {
    /// MIN.
    pub min: bool,
    /// MAX.
    pub max: bool,
    /// ALL.
    pub all: bool,
    /// COUNT.
    pub count: bool,
    /// SAVE.
    pub save: bool,
}
