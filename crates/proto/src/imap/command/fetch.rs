//! FETCH (RFC 3501 6.4.5, RFC 7162 3.1.4 and 3.2.6).

use crate::imap::value::{FetchItem, MessageSet};
use posthorn_base::ModSeq;

/// FETCH or UID FETCH.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetch {
    /// Which messages.
    pub set: MessageSet,
    /// Whether the set has UIDs. The parser has put [`FetchItem::Uid`] into the items then.
    pub by_uid: bool,
    /// What, each item once, in the client's order.
    pub items: Vec<FetchItem>,
    /// CHANGEDSINCE: only messages that changed after this. The parser has put
    /// [`FetchItem::ModSeq`] into the items then.
    pub changed_since: Option<ModSeq>,
    /// VANISHED: tell also which of the UIDs are gone since.
    pub vanished: bool,
}
