//! The control socket: how commands talk to a running server.
//!
//! A Unix socket in the store's directory, for the server's own user and for root alone. A command
//! connects, reads the greeting and sends requests, one after the other; each is answered by any
//! number of items and one end ([`frame`]). What a request does is a [`Handler`]'s business. A
//! command that finds no server takes the store's lock, opens the store and talks to the same
//! handler within its own process ([`Client::in_process`]): so every command is written once.
//!
//! ```text
//! S: greeting {"version":"0.1.0","protocol":1,"pid":4711}
//! C: request {"do":"ping"}
//! S: done null
//! ```
//!
//! Invariants
//! * A frame is bounded (`limits::CONTROL_FRAME_BYTES_MAX`), and so is the number of connections.
//!   What is larger than a frame flows in chunks.
//! * A connection from another user than the server's own or root gets no answer but a refusal: the
//!   rights of the socket file say so, and the kernel's word on who connects is checked as well.
//! * A request that the server does not know is refused and the connection goes on: the command may
//!   be newer than the server.
//! * An exchange that fails half way leaves the connection unusable; both sides close it.

mod client;
mod error;
pub mod frame;
mod listener;
pub mod operations;
mod request;
#[cfg(test)]
mod tests;

pub use client::{Client, Event};
pub use error::{ControlError, Refusal, RefusalKind};
pub use listener::{Answer, Exchange, Handler, Listener};
pub use operations::{Operations, ReloadOrder, ServerParts, reload_orders};
pub use request::{BlockItem, Greeting, Lifted, Request};

/// The protocol's version: raised when an old command could misunderstand a new server. New
/// requests and new fields do not raise it.
pub const PROTOCOL: u32 = 1;

/// The name of the socket in the store's directory.
pub const SOCKET_NAME: &str = "control.sock";

/// The longest path that a Unix socket can have on Linux (unix(7), `sun_path` without its NUL).
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
