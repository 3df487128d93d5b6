//! Passwords: asked for without showing them, or read from a pipe.
//!
//! Invariants
//! * A password is never an argument of a command: those are in everybody's sight (`ps`) and in the
//!   shell's history.
//! * `Debug` shows none.

mod prompt;

pub use prompt::{PasswordError, ask, ask_twice, from_stdin};

/// A password in the clear.
pub use posthorn_server::auth::Secret as Password;
