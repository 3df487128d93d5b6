//! ENVELOPE and BODYSTRUCTURE: what IMAP tells of a message without sending it.

mod envelope;
pub mod imap_text;

pub(crate) use envelope::skip as skip_envelope;
pub use envelope::{ENVELOPE_VERSION, Envelope, EnvelopeAddress};
