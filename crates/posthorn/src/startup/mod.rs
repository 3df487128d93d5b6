//! The steps by which a process becomes a server, in the order in which they must happen.
//!
//! 1. [`logging`] starts, so that the steps can be told.
//! 2. [`listeners`] are bound, those that systemd hands over included ([`systemd`]).
//! 3. Certificates are read, as whoever we still are, and the store's directory is made.
//! 4. [`privileges`] are dropped; from here on there is an [`Unprivileged`].
//! 5. The runtime starts, which takes the [`Unprivileged`] as proof.
//!
//! Invariants
//! * No thread exists before the privileges are gone.
//! * What was dropped cannot be had again: it is tried, and the server does not start if it can.

pub mod listeners;
pub mod logging;
pub mod privileges;
pub mod systemd;

pub use privileges::Unprivileged;

use crate::exit::{Exit, Explain};
use posthorn_base::limits;

/// The runtime could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the threads of the server")]
pub struct RuntimeError(#[from] std::io::Error);

impl Explain for RuntimeError {
    fn exit(&self) -> Exit {
        Exit::System
    }
}

/// Workers beside one per core. Short reads of an embedded store happen on the worker that asks for
/// them, since going to another thread and back costs more than they do; while some wait for a
/// disk, the others go on.
const READING_THREADS: usize = 4;

/// Starts the runtime of a server, which must have no rights to lose any more.
pub fn runtime(_proof: &Unprivileged) -> Result<tokio::runtime::Runtime, RuntimeError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let builder = builder.worker_threads(cores + READING_THREADS);
    let builder = builder.max_blocking_threads(limits::BLOCKING_THREADS_MAX);
    Ok(builder.enable_all().thread_name("posthorn").build()?)
}
