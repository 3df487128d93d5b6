//! What the server writes (RFC 3501 7): one file for each kind of response. Drivers write untagged
//! responses with these; the session writes the tagged ones.
//!
//! All of them append to a buffer and allocate nothing of their own.

mod code;
mod completion;
mod fetch;
mod line;
mod list;
mod name;
mod namespace;
mod quota;
mod search;
mod selected;
pub mod sequence;
mod status;

pub use code::Code;
pub use completion::{Completion, Status};
pub use fetch::{FetchResponse, write_date_time, write_flags};
pub(crate) use line::{bye, capability, continuation, enabled, id};
pub use list::{MailboxAttribute, list, lsub};
pub use namespace::namespace;
pub use quota::{QuotaUse, quota, quota_root};
pub use search::{EsearchHead, EsearchResponse, SearchResponse};
pub use selected::{exists, expunge, flags, highest_modseq, ok, permanent_flags, recent, vanished};
pub use status::{StatusValue, status};
