//! The posthorn binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    posthorn::cli::main()
}
