//! Flags as clients write them (RFC 3501 9, `flag`).

use posthorn_base::{Flags, Keyword};

/// Some flags and keywords. `\Recent` is never among them: clients cannot set it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagList {
    /// Those that have a bit.
    pub flags: Flags,
    /// The others, each once.
    pub keywords: Vec<Keyword>,
}
