//! The commands, one file each: what they hold, how they are written, in which state they are
//! taken.

mod append;
mod copy;
mod enable;
mod expunge;
mod fetch;
mod id;
mod line;
mod list;
mod login;
mod mailbox;
mod parse;
mod plain;
mod quota;
mod search;
mod select;
mod status;
mod store;
#[cfg(test)]
mod tests;

pub use append::Append;
pub use copy::Copy;
pub use expunge::Expunge;
pub use fetch::Fetch;
pub use line::Tag;
pub(crate) use line::{Command, Needs, ParseError};
pub use list::{List, ListReturn, ListSelection, Lsub};
pub use mailbox::{Create, Delete, Rename, Subscribe};
pub(crate) use parse::{append_head, parse, tag_of};
pub use quota::{GetQuota, GetQuotaRoot, SetQuota};
pub use search::{Search, SearchReturn};
pub use select::{Qresync, Select};
pub use status::Status;
pub use store::{Store, StoreAction};

/// A command that the driver carries out. Those of the connection (CAPABILITY, LOGIN, STARTTLS,
/// IDLE ...) the session keeps to itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// NOOP: tell of changes.
    Noop,
    /// SELECT and EXAMINE.
    Select(Select),
    /// CREATE.
    Create(Create),
    /// DELETE.
    Delete(Delete),
    /// RENAME.
    Rename(Rename),
    /// SUBSCRIBE and UNSUBSCRIBE.
    Subscribe(Subscribe),
    /// LIST.
    List(List),
    /// LSUB.
    Lsub(Lsub),
    /// NAMESPACE.
    Namespace,
    /// STATUS.
    Status(Status),
    /// GETQUOTA.
    GetQuota(GetQuota),
    /// GETQUOTAROOT.
    GetQuotaRoot(GetQuotaRoot),
    /// SETQUOTA.
    SetQuota(SetQuota),
    /// ENABLE, with what the session did not know enabled before. The session has written ENABLED;
    /// the driver changes what it says from now on.
    Enable(Enabled),
    /// CHECK.
    Check,
    /// CLOSE: expunge without telling, and deselect.
    Close,
    /// UNSELECT: deselect.
    Unselect,
    /// EXPUNGE and UID EXPUNGE.
    Expunge(Expunge),
    /// SEARCH and UID SEARCH.
    Search(Search),
    /// FETCH and UID FETCH.
    Fetch(Fetch),
    /// STORE and UID STORE.
    Store(Store),
    /// COPY, MOVE and their UID forms.
    Copy(Copy),
}

/// What a client has enabled, by ENABLE or by a command that implies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enabled {
    /// CONDSTORE (RFC 7162 3.1): flag changes are told with MODSEQ. Also enabled by FETCH MODSEQ,
    /// STATUS HIGHESTMODSEQ, STORE UNCHANGEDSINCE, SELECT (CONDSTORE) and the like (3.1.8).
    pub condstore: bool,
    /// QRESYNC (RFC 7162 3.2): VANISHED instead of EXPUNGE.
    pub qresync: bool,
}
