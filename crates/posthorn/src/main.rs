//! The posthorn binary.
fn main() {}
