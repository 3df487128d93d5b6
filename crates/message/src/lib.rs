//! Internet messages: RFC 5322 and MIME, read and written. No input or output happens here.
//!
//! The leaves: [`encoding`] (transfer encodings), [`charset`], [`encoded_word`], [`parameter`],
//! [`address`], [`date`].
//!
//! Invariants
//! * Reading never fails and never panics: broken input gives what can be made out of it, and says
//!   so where the reader must know.
//! * Nothing recurses over input, and every list has a bound in [`posthorn_base::limits`].
//! * Decoded header text holds no line ends and no NUL; writing refuses or encodes them. So no header
//!   value can become two fields.

pub mod address;
pub mod charset;
pub mod date;
pub mod encoded_word;
pub mod encoding;
pub mod parameter;

mod lexer;

pub use lexer::unfold;
