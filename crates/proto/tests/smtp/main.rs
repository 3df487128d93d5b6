//! Plays `tests/transcripts/smtp` against sessions in memory, through the public interface alone.
//!
//! `config:` keys: `service` (`mx`, `submission`, `submissions`), `size` (bytes), `recipients`,
//! `insecure-auth` (`yes`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

mod james;
mod world;

use std::path::Path;
use world::MemoryWorld;

#[test]
fn transcripts() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts/smtp");
    let played = posthorn_testkit::transcript::run_dir(&dir, |_| MemoryWorld::new());
    assert!(played >= 9, "{played} transcripts");
}
