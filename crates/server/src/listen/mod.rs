//! Listeners: sockets, who may come in, one task per connection, and the end in order.
//!
//! Invariants
//! * Accepting goes on whatever happens: an error of one connection, a panic in its task, or the
//!   lack of file descriptors (then with pauses) never ends the loop.
//! * Who is refused is told so in the protocol's words where that is possible, without waiting for
//!   them.
//! * When the loop returns, none of its connections is left.

mod accept;
mod bind;
mod limits;

pub use accept::{Accepted, Door, Drained, RefusalTexts, Service, serve};
pub use bind::{ListenError, Listener, bind};
pub use limits::{Admission, ConnectionLimits, LimitReached, LimitsConfig};
