//! Whether what was acknowledged is there afterwards: the load, and the judge.
//!
//! ```text
//!   test ---------- starts, kills ---------> store-load: a process that opens a store and fills it
//!     |                                          |
//!     | <------ lines: offered, accepted --------+   (written only after the commit was answered)
//!     |
//!   Expected: what the lines promise
//!     |
//!   reopened store == Expected? nothing missing, nothing half, nothing invented
//! ```
//!
//! Invariants
//! * A line stands on the process's standard output before the next step begins, in one write.
//! * The octets of a message follow from its line: the judge makes them again and compares each.

pub mod expected;
pub mod letter;
pub mod line;
pub mod load;
pub mod office;

pub use expected::Expected;
pub use letter::Letter;
pub use line::Line;
pub use office::Office;
