//! One suite of all operations, on both engines.
//!
//! A test is an `async fn name(engine: &Engine)` in a module here, listed once below. On SQLite each
//! is a test of its own and always runs. On PostgreSQL all of them run in the one ignored test
//! `postgres` (`cargo test -p posthorn-store --test conformance -- --ignored`), each in a database of
//! its own in one cluster that the test starts and stops, first under READ COMMITTED, then under
//! SERIALIZABLE.

#![cfg(test)]

#[macro_use]
mod harness;
mod seam;

suite! {
    seam: values_come_back_as_they_went_in,
        sets_of_integers,
        a_duplicate_is_told_apart_and_leaves_nothing,
        nothing_after_a_failure_succeeds,
        rows_say_how_many_changed,
        sums_and_counts_are_integers,
        a_read_cannot_write,
        writers_of_one_row_take_turns,
        the_store_knows_itself;
}
