//! Internet messages: RFC 5322 and MIME, read and written. No input or output happens here.
//!
//! [`parse()`] takes a message apart without keeping it: a push parser, fed with chunks, yields its
//! [`header`] and its part map ([`part`]), from which [`structure`] makes what IMAP shows.
//!
//! The leaves: [`encoding`] (transfer encodings), [`charset`], [`encoded_word`], [`parameter`],
//! [`address`], [`date`]. What people read and search: [`text`].
//!
//! Writing: [`build`], and [`complete`] for the headers of submissions.
//!
//! Invariants
//! * Reading never fails and never panics: broken input gives what can be made out of it, and says
//!   so where the reader must know.
//! * Offsets are exact: what lies between a part's offsets are the octets as they came.
//! * Nothing recurses over input, and every list has a bound in [`posthorn_base::limits`].
//! * Decoded header text holds no line ends and no NUL; writing refuses or encodes them. So no
//!   header value can become two fields.

pub mod address;
pub mod build;
pub mod charset;
pub mod complete;
pub mod date;
pub mod encoded_word;
pub mod encoding;
pub mod header;
pub mod parameter;
pub mod parse;
pub mod part;
pub mod structure;
pub mod text;

mod lexer;
mod wire;

pub use lexer::unfold;
pub use parse::{Limits, Parsed, Parser, parse};
pub use wire::WireError;
