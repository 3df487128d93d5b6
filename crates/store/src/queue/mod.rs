//! Queue rows: one recipient of one message that waits to be sent to, and the destinations that
//! rows wait for.
//!
//! What to try when is decided elsewhere; this module keeps it durable.
//!
//! Invariants
//! * A row counts in its destination's `waiting`, and holds one reference to its body.
//! * A destination that is not due hides all its rows: a dead domain is one row to skip, however
//!   many messages wait for it.
//! * A row under a lease belongs to whoever holds it; the lease ends by itself.

mod operations;
mod row;

pub use operations::{ClaimDue, Defer, End, Hold, ListQueue, QueueFilter, Remove};
pub use row::{Needs, NewQueueRow, Notify, QueueRow, Ret};
