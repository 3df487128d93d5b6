//! SASL (RFC 4422), the server's side, and SCRAM's client side.
//!
//! A mechanism is a small machine: the client's responses and the driver's answers go in,
//! challenges, questions and the outcome come out. SMTP, POP3 and IMAP share [`framing::Exchange`],
//! which adds what they have in common: base64 lines, `=` for an empty initial response, `*` to
//! cancel, and a success without additional data.
//!
//! ```text
//! AUTH PLAIN AGEAYg==   -> Exchange::start  -> Progress::Ask(Question::Password { .. })
//! driver looks it up    -> Exchange::answer -> Progress::Done(Success { identity, .. })
//! ```
//!
//! Invariants
//! * Only the driver knows accounts. It answers for an unknown name as it does for a wrong
//!   password, in the same time, and for SCRAM with [`scram::ScramKeys::fake`] keys.
//! * Names and passwords in questions are prepared by SASLprep ([`prepare`]); whoever stores a
//!   password's hash or keys prepares it by the same function first.
//! * No exchange takes more than `limits::SASL_ROUNDS_MAX` responses: each machine is a fixed
//!   sequence of states without loops.
//! * Passwords live in [`Secret`]; comparisons of proofs take constant time.

pub mod channel_binding;
mod external;
pub mod framing;
mod login;
mod mechanism;
mod plain;
pub mod prepare;
pub mod scram;
mod secret;
mod server;

pub use channel_binding::ChannelBindings;
pub use framing::{Exchange, Progress};
pub use mechanism::{LoginMethod, Mechanism, Mechanisms, Offer, SelectError};
pub use secret::Secret;
pub use server::{
    Answer, Failure, Identity, Question, Refusal, ScramAnswer, Server, Step, Success, Verdict,
};
