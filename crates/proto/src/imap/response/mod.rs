//! What the server writes (RFC 3501 7): one file for each kind of response. Drivers write untagged
//! responses with these; the session writes the tagged ones.

mod code;
mod completion;
mod list;
mod name;
mod namespace;
mod quota;
mod search;
mod status;

pub use code::Code;
pub use completion::{Completion, Status};
pub use list::{MailboxAttribute, list, lsub};
pub use namespace::namespace;
pub use quota::{QuotaUse, quota, quota_root};
pub use search::{EsearchHead, EsearchResponse, SearchResponse};
pub use status::{StatusValue, status};

// The encoders come next.
pub(crate) fn continuation(_out: &mut Vec<u8>, _text: &str) {}
pub(crate) fn bye(_out: &mut Vec<u8>, _text: &str) {}
pub(crate) fn capability(_out: &mut Vec<u8>, _text: &str) {}
pub(crate) fn enabled(_out: &mut Vec<u8>, _names: &[&str]) {}
pub(crate) fn id(_out: &mut Vec<u8>, _fields: &[(&str, &str)]) {}
impl Completion {
    /// Writes it.
    pub fn write(&self, _tag: Option<&super::command::Tag>, _out: &mut Vec<u8>) {}
}
