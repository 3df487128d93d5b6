//! Text out of contents: for reading, for previews, for searching.
//!
//! Invariants
//! * Output is bounded by what the caller allows; nesting of elements and quotes costs nothing.
//! * Text for searching is folded by [`fold_for_search`], and so must be what is searched for.

mod bodies;
mod flowed;
mod fold;
mod html;
mod message;
mod search;

pub use bodies::{Attachment, Bodies, attachments};
pub use flowed::unwrap_flowed;
pub use fold::fold_for_search;
pub use html::{Hidden, HtmlText, html_charset, html_to_text};
pub use message::{decode_text, preview_text, readable_text, search_text};
pub use search::{FieldOf, SEARCH_TEXT_VERSION, SearchText, SearchTextBuilder, preview};
