//! Encoded words (RFC 2047): text beyond ASCII in header fields.
//!
//! Invariants
//! * Decoded text has no line ends and no NUL, whatever the words held: a header value that is
//!   shown, logged or written again cannot become two.
//! * Encoding never splits a character (RFC 2047 5) and never makes a word over 75 characters
//!   (RFC 2047 2).

mod decode;
mod encode;

pub use decode::{decode, word_len};
pub use encode::{Place, encode};
