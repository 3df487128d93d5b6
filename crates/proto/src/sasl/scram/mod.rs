//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).
//!
//! ```text
//! C: gs2-header n=name,r=cnonce             client-first
//! S: r=cnonce+snonce,s=salt,i=iterations    server-first
//! C: c=base64(gs2-header + binding),r=..,p=proof   client-final
//! S: v=signature                            server-final
//! ```
//!
//! The server holds no password, only [`ScramKeys`]; a stolen set does not log in, but allows
//! guessing at the price of the iterations.

mod client;
mod keys;
mod message;
mod server;

pub use client::{AwaitFinal, AwaitFirst, Binding, ClientError};
pub use keys::{ScramKeys, derive};
pub use message::ScramError;
pub(super) use server::ScramServer;
