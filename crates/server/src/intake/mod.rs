//! What becomes of a message that arrives by SMTP: the [`Handler`](crate::smtp::Handler) that joins
//! the sessions with the store.
//!
//! ```text
//! MAIL  -> sender: room? granted to this login?
//! RCPT  -> recipients: who takes it?
//! data  -> arrival: complete, check -> plan -> store.accept(plan) -> 250
//! ```
//!
//! Invariants
//! * An id is given only after [`Accept`](posthorn_store::mail::Accept) has committed.
//! * An arrival becomes exactly one plan, and a plan one transaction.
//! * A message that does not fit into a row is in memory, and worked on, in its
//!   [turn](LargeMessages).
//! * Whatever ends a transaction otherwise leaves nothing behind but its story, which nobody waits
//!   for.

mod arrival;
mod handler;
mod large;
mod plan;
mod recipients;
mod refusals;
mod story;
mod submission;
mod work;

pub use handler::Intake;
pub use large::LargeMessages;
pub use refusals::Refusals;
pub(crate) use work::{Octets, heavy, load};
