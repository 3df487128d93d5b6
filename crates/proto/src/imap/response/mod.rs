//! What the server writes (RFC 3501 7): one file for each kind of response. Drivers write untagged
//! responses with these; the session writes the tagged ones.

mod code;
mod completion;
mod search;

pub use code::Code;
pub use completion::{Completion, Status};
pub use search::{EsearchHead, EsearchResponse, SearchResponse};
