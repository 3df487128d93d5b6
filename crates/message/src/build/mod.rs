//! Writing messages: headers, parts, delivery reports.
//!
//! ```
//! # use posthorn_message::build::*;
//! # use posthorn_base::{Address, Random, Time, ZonedTime};
//! # struct Seven; impl Random for Seven { fn fill(&mut self, b: &mut [u8]) { b.fill(7) } }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let from = Address::parse("alice@example.com")?;
//! let to = Address::parse("bob@example.org")?;
//! let mut header = HeaderWriter::default();
//! header.date("Date", ZonedTime { time: Time::EPOCH, offset_minutes: 0 });
//! header.mailboxes("From", [(Some("Alice"), &from)])?;
//! header.mailboxes("To", [(None, &to)])?;
//! header.text("Subject", "Grüße")?;
//! header.message_id("Message-ID", "1@example.com")?;
//! let body = Part::mixed(vec![
//!     Part::text("Hello"),
//!     Part::attachment("image/png", Some("Bild ä.png"), b"...".to_vec())?,
//! ]);
//! let message = body.write(header, Wire::SevenBit, &mut Seven)?;
//! # assert!(message.is_ascii());
//! # Ok(()) }
//! ```
//!
//! Invariants
//! * Nothing a caller hands in can start a field or a part of its own: CR, LF and NUL in a value
//!   are refused, boundaries are random.
//! * Every line is at most 78 characters where that is possible, and never more than 998 (RFC 5322
//!   2.1.1).
//! * Time, randomness and ids are arguments.

mod header;
mod part;
mod report;
mod transfer;

pub use header::HeaderWriter;
pub use part::{MultipartKind, Part, Wire};
pub use report::{Action, DeliveryReport, RecipientReport, Returned};

use posthorn_base::limits;

/// Why a message cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A value that would become two fields, or end the header.
    #[error("the value for {0} contains a line end or a NUL")]
    LineEnd(String),
    /// RFC 5322 3.6.8 `ftext`, and something at all.
    #[error("{0:?} is not a field name")]
    FieldName(String),
    /// Not `type/subtype`.
    #[error("{0:?} is not a media type")]
    MediaType(String),
    /// Not `left@right`.
    #[error("{0:?} is not a message id")]
    MessageId(String),
    /// Too many characters without a place to fold.
    #[error("the value for {0} has a line longer than 998 characters")]
    LineTooLong(String),
    /// Parts in parts in parts.
    #[error("parts are nested deeper than {}", limits::MIME_DEPTH_MAX)]
    TooDeep,
}

#[cfg(test)]
mod tests;
