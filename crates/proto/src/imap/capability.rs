//! What the server can do, as CAPABILITY says it (RFC 3501 6.1.1 and 7.2.1): one table, from which
//! the replies, ENABLE and the documentation are made.
//!
//! A line stands here when all of it works.

/// In which state a capability is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Before the login only.
    BeforeLogin,
    /// After the login only: clients need not be told earlier.
    AfterLogin,
}

/// A capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// As CAPABILITY says it.
    pub name: &'static str,
    /// When it is said.
    pub when: When,
    /// Where it is defined.
    pub source: &'static str,
    /// What ENABLE (RFC 5161) may name.
    pub can_be_enabled: bool,
}

const fn capability(name: &'static str, when: When, source: &'static str) -> Capability {
    Capability { name, when, source, can_be_enabled: false }
}

const fn enabled(name: &'static str, when: When, source: &'static str) -> Capability {
    Capability { name, when, source, can_be_enabled: true }
}

use When::{AfterLogin, Always, BeforeLogin};

/// All capabilities but those that depend on the connection: STARTTLS, LOGINDISABLED, the AUTH=
/// mechanisms and COMPRESS=DEFLATE are said by the session.
pub const CAPABILITIES: &[Capability] = &[
    capability("IMAP4rev1", Always, "RFC 3501"),
    capability("SASL-IR", BeforeLogin, "RFC 4959"),
    capability("LITERAL+", Always, "RFC 7888"),
    capability("ENABLE", Always, "RFC 5161"),
    capability("ID", Always, "RFC 2971"),
    capability("IDLE", Always, "RFC 2177"),
    capability("NAMESPACE", AfterLogin, "RFC 2342"),
    capability("SPECIAL-USE", AfterLogin, "RFC 6154"),
    capability("CREATE-SPECIAL-USE", AfterLogin, "RFC 6154"),
    capability("UIDPLUS", AfterLogin, "RFC 4315"),
    capability("UNSELECT", AfterLogin, "RFC 3691"),
    capability("CHILDREN", AfterLogin, "RFC 3348"),
    capability("MOVE", AfterLogin, "RFC 6851"),
    enabled("CONDSTORE", AfterLogin, "RFC 7162"),
    enabled("QRESYNC", AfterLogin, "RFC 7162"),
    capability("ESEARCH", AfterLogin, "RFC 4731"),
    capability("SEARCHRES", AfterLogin, "RFC 5182"),
    capability("LIST-EXTENDED", AfterLogin, "RFC 5258"),
    capability("LIST-STATUS", AfterLogin, "RFC 5819"),
    capability("STATUS=SIZE", AfterLogin, "RFC 8438"),
    capability("OBJECTID", AfterLogin, "RFC 8474"),
    capability("SAVEDATE", AfterLogin, "RFC 8514"),
    capability("QUOTA", AfterLogin, "RFC 9208"),
    capability("QUOTA=RES-STORAGE", AfterLogin, "RFC 9208"),
    capability("QUOTA=RES-MESSAGE", AfterLogin, "RFC 9208"),
];
