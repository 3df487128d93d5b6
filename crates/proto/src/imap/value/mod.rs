//! Values of the grammar that several commands share.

mod date;
mod fetch;
mod flag;
mod mailbox;
mod search;
mod search_key;
mod sequence;
mod status;

pub use date::Date;
pub use fetch::{BodySection, FetchItem, Partial, SectionName, SectionSpec};
pub use flag::FlagList;
pub use mailbox::{ImpossibleName, MailboxArgument, decode as decode_name, encode as encode_name};
pub use search::{DateField, ModSeqKey, SearchKey, TextField};
pub(crate) use search_key::SearchCharset;
pub use sequence::{MessageSet, SequenceNumber, SequenceRange, SequenceSet};
pub use status::StatusItem;
